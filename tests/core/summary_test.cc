#include "common/core/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/core/decide.h"
#include "common/core/names.h"
#include "google/protobuf/util/json_util.h"
#include "tests/core/world.h"

namespace minder {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

v1::StatusSummaryResponse SummaryOf(const World& world) {
  const Facts facts = GatherFacts(world.config, world.state, world.now);
  return Summarise(world.config, world.state, facts, Decide(world.config, world.state, facts, world.now));
}

TEST(Summary, HasTheFieldsThatScriptsReadInJson) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(SummaryOf(World()), &json, options).ok());
  for (const char* field :
       {"cluster", "diagnosis", "rule", "reason", "epoch", "nodes", "name", "dataCentre", "running", "primary", "group",
        "localState", "seqno", "drainState", "weight", "reportAge", "backends"}) {
    EXPECT_THAT(json, HasSubstr("\"" + std::string(field) + "\":"));
  }
}

TEST(Summary, StaleReportSaysUnknownAndItsAge) {
  World world;
  world.Received(3, absl::Seconds(5));
  const v1::NodeSummary node = SummaryOf(world).nodes(2);
  EXPECT_EQ(node.running(), v1::TERNARY_UNKNOWN);
  EXPECT_EQ(node.primary(), v1::TERNARY_UNKNOWN);
  EXPECT_EQ(node.local_state(), v1::LOCAL_STATE_UNSPECIFIED);
  EXPECT_EQ(node.group(), "");
  EXPECT_EQ(node.seqno(), 100) << "the last known position stays useful";
  EXPECT_EQ(FromProto(node.report_age()), absl::Seconds(5));
  EXPECT_THAT(node.note(), HasSubstr("silent"));
}

TEST(Summary, NodeThatNeverReported) {
  World world;
  world.state.mutable_dbservers()->RemoveLast();
  const v1::NodeSummary node = SummaryOf(world).nodes(2);
  EXPECT_FALSE(node.has_report_age());
  EXPECT_EQ(node.seqno(), -1);
  EXPECT_THAT(node.note(), HasSubstr("never reported"));
}

TEST(Summary, StoppedServerShowsItsRecoveredPositionAndItsEnd) {
  World world;
  v1::DbStatusReport& report = world.Report(3);
  report.clear_wsrep();
  report.set_running(v1::TERNARY_NO);
  report.set_primary(v1::TERNARY_NO);
  report.mutable_process()->mutable_last_exit()->set_signal(9);
  report.mutable_stopped()->mutable_grastate()->set_seqno(-1);
  report.mutable_stopped()->mutable_recovered()->set_seqno(77);
  const v1::NodeSummary node = SummaryOf(world).nodes(2);
  EXPECT_EQ(node.seqno(), 77);
  EXPECT_THAT(node.note(), HasSubstr("signal 9"));
}

TEST(Summary, NotesDisagreements) {
  World world;
  world.Report(1).set_wsrep_node_name("other");
  world.Report(2).set_config_version(6);
  world.Report(3).mutable_drain()->set_state(v1::DRAIN_STATE_DRAINED);
  const v1::StatusSummaryResponse summary = SummaryOf(world);
  EXPECT_THAT(summary.nodes(0).note(), HasSubstr("wsrep_node_name is 'other'"));
  EXPECT_THAT(summary.nodes(1).note(), HasSubstr("configuration version 6"));
  EXPECT_THAT(summary.nodes(2).note(), HasSubstr("minderctl undrain node3"));
}

TEST(Summary, NotesWhoseConfigurationIsNotTheSame) {
  World world;
  world.Report(1).set_config_digest("digest of 7, changed");
  world.Report(2).clear_config_digest();
  const v1::StatusSummaryResponse summary = SummaryOf(world);
  EXPECT_EQ(summary.nodes(0).note(),
            "runs another configuration under the same version 7: give every host the same file, and start its agent "
            "anew");
  EXPECT_THAT(summary.nodes(1).note(), HasSubstr("does not show the digest of its configuration"));
  EXPECT_EQ(summary.nodes(2).note(), "");
}

TEST(Summary, WhatTheAgentNotesOfAHealthyServerIsShownOnce) {
  World world;
  world.Report(1).mutable_probe()->set_note("its hook is unsafe; its wsrep_node_name is 'other'");
  world.Report(1).set_wsrep_node_name("other");
  world.Report(2).mutable_probe()->set_note("its hook is unsafe");
  world.Received(2, absl::Seconds(5));
  const v1::StatusSummaryResponse summary = SummaryOf(world);
  EXPECT_EQ(summary.nodes(0).note(), "its hook is unsafe; its wsrep_node_name is 'other'");
  EXPECT_THAT(summary.nodes(1).note(), Not(HasSubstr("hook"))) << "it is silent, and may have been put right";
}

TEST(Summary, BackendsShowWhatTheBalancerHas) {
  World world;
  world.Backend(2, v1::BACKEND_STATE_UP, v1::BACKEND_STATE_DOWN);
  EXPECT_EQ(SummaryOf(world).nodes(1).backends(0).state(), v1::BACKEND_STATE_DOWN);
  world.Balancer().mutable_report()->set_reachable(false);
  world.Balancer().mutable_report()->set_error("no such socket");
  EXPECT_TRUE(SummaryOf(world).nodes(1).backends(0).stale());
  EXPECT_EQ(SummaryOf(world).nodes(1).backends(0).reason(), "no such socket");
}

TEST(Changes, AgesAndPositionsAreNone) {
  World before;
  World after;
  after.now += absl::Seconds(1);
  after.Report(1).mutable_wsrep()->set_last_committed(200);
  EXPECT_THAT(DescribeChanges(SummaryOf(before), SummaryOf(after)), IsEmpty());
}

TEST(Changes, SayWhatWasAndWhatIs) {
  World before;
  World after;
  after.NonPrimary(3);
  after.Backend(3, v1::BACKEND_STATE_DOWN, v1::BACKEND_STATE_DOWN);
  const auto changes = DescribeChanges(SummaryOf(before), SummaryOf(after));
  EXPECT_THAT(changes, Contains("node3: primary yes -> no"));
  EXPECT_THAT(changes, Contains("node3: state synced -> initialized"));
  EXPECT_THAT(changes, Contains("node3: lb1 up -> down"));
  EXPECT_THAT(changes, Contains(HasSubstr("diagnosis HEALTHY -> DEGRADED")));
}

TEST(Names, AreShortAndTotal) {
  EXPECT_EQ(ShortName(v1::DRAIN_STATE_WAITING_FOR_BALANCERS), "waiting-for-balancers");
  EXPECT_EQ(ShortName(v1::TERNARY_UNSPECIFIED), "unknown");
  EXPECT_EQ(ShortName(static_cast<v1::BackendState>(99)), "unknown(99)");
  EXPECT_EQ(ShortName(v1::DIAGNOSIS_SPLIT_BRAIN), "SPLIT_BRAIN");
}

TEST(Lookup, KeepsTheListSorted) {
  v1::ArbitratorState state;
  for (const char* name : {"b", "a", "c", "b"}) FindOrAddByName(*state.mutable_dbservers(), name);
  std::vector<std::string> names;
  for (const auto& node : state.dbservers()) names.push_back(node.name());
  EXPECT_THAT(names, ElementsAre("a", "b", "c"));
  EXPECT_EQ(FindByName(state.dbservers(), "b")->name(), "b");
  EXPECT_EQ(FindByName(state.dbservers(), "d"), nullptr);
}

}  // namespace
}  // namespace minder
