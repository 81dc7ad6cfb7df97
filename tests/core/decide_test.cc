#include "common/core/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <set>

#include "common/core/names.h"
#include "common/core/rules.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/core/world.h"

namespace minder {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string name;
  std::function<void(World&)> change;
  v1::Diagnosis diagnosis;
  std::string rule;
  std::string reason;  // a part of it
};

class DecideTable : public ::testing::TestWithParam<Case> {};

TEST_P(DecideTable, GivesDiagnosisRuleAndReason) {
  World world;
  GetParam().change(world);
  const v1::Decision decision = Decide(world.config, world.state, world.now);
  EXPECT_EQ(ShortName(decision.diagnosis()), ShortName(GetParam().diagnosis)) << decision.DebugString();
  EXPECT_EQ(decision.rule(), GetParam().rule);
  EXPECT_THAT(decision.reason(), HasSubstr(GetParam().reason));
}

const Case kCases[] = {
    {"AllIsWell", [](World&) {}, v1::DIAGNOSIS_HEALTHY, "R100", "all Synced"},
    {"NodeSilentForTheWholeWindow", [](World& w) { w.Received(3, absl::Seconds(3)); }, v1::DIAGNOSIS_HEALTHY, "R100",
     ""},
    {"NodeSilentForLonger", [](World& w) { w.Received(3, absl::Seconds(3) + absl::Nanoseconds(1)); },
     v1::DIAGNOSIS_DEGRADED, "R200", "no fresh report of: node3"},
    {"OldObservationInAFreshMessage", [](World& w) { *w.Report(3).mutable_age() = ToProto(absl::Seconds(4)); },
     v1::DIAGNOSIS_DEGRADED, "R200", "no fresh report of: node3"},
    {"ReceiptInTheFutureIsNoYounger", [](World& w) { w.Received(3, -absl::Hours(1)); }, v1::DIAGNOSIS_HEALTHY, "R100",
     ""},
    {"NegativeAgeIsNoYounger",
     [](World& w) {
       w.Received(3, absl::Seconds(4));
       *w.Report(3).mutable_age() = ToProto(-absl::Seconds(4));
     },
     v1::DIAGNOSIS_DEGRADED, "R200", "node3"},
    {"NodeWedged", [](World& w) { w.Wedged(2); }, v1::DIAGNOSIS_DEGRADED, "R200", "not Synced: node2"},
    {"NodeThatIgnoresSplitBrain", [](World& w) { w.Report(2).mutable_provider_options()->set_ignore_sb(true); },
     v1::DIAGNOSIS_DEGRADED, "R200", "pc.ignore_sb or pc.ignore_quorum is on at: node2"},
    {"NodeWithAnUnsafeHook",
     [](World& w) { w.Report(2).mutable_probe()->set_note("mariadbd 10.6.0 runs wsrep_notify_cmd: upgrade"); },
     v1::DIAGNOSIS_DEGRADED, "R200", "to be corrected: node2: mariadbd 10.6.0 runs wsrep_notify_cmd: upgrade"},
    {"NodeNonPrimary", [](World& w) { w.NonPrimary(3); }, v1::DIAGNOSIS_DEGRADED, "R200", "not Synced: node3"},
    {"NodeDonor", [](World& w) { w.Report(1).mutable_wsrep()->set_local_state(v1::LOCAL_STATE_DONOR); },
     v1::DIAGNOSIS_DEGRADED, "R200", "not Synced: node1"},
    {"NodeNotReady", [](World& w) { w.Report(1).mutable_wsrep()->set_ready(false); }, v1::DIAGNOSIS_DEGRADED, "R200",
     "node1"},
    {"Drained", [](World& w) { w.Drain(3); }, v1::DIAGNOSIS_DEGRADED, "R200", "drained or on the way: node3"},
    {"DrainedByAnOrderThatIsForgotten",
     [](World& w) { w.Report(3).mutable_drain()->set_state(v1::DRAIN_STATE_DRAINED); }, v1::DIAGNOSIS_DEGRADED, "R200",
     "drained or on the way: node3"},
    {"BalancerLags", [](World& w) { w.Backend(2, v1::BACKEND_STATE_UP, v1::BACKEND_STATE_DOWN); },
     v1::DIAGNOSIS_DEGRADED, "R200", "lb1"},
    {"BalancerUnreachable", [](World& w) { w.Balancer().mutable_report()->set_reachable(false); },
     v1::DIAGNOSIS_DEGRADED, "R200", "lb1"},
    {"BalancerNeverHeard", [](World& w) { w.state.clear_dbclients(); }, v1::DIAGNOSIS_DEGRADED, "R200", "lb1"},
    {"ConfigurationSkew", [](World& w) { w.Report(2).set_config_version(6); }, v1::DIAGNOSIS_DEGRADED, "R200",
     "another configuration at: node2"},
    {"NobodyHeard", [](World& w) { w.state.clear_dbservers(); }, v1::DIAGNOSIS_UNKNOWN, "R900",
     "nothing is known of node1, node2, node3"},
    {"NobodyPrimary",
     [](World& w) {
       for (int i = 1; i <= 3; ++i) w.NonPrimary(i);
     },
     v1::DIAGNOSIS_NO_PRIMARY_PARTIAL, "R430", "the last primary component is not known"},
    {"NonPrimaryAndSilent", [](World& w) { w.NonPrimary(1), w.NonPrimary(2), w.Received(3, absl::Seconds(9)); },
     v1::DIAGNOSIS_NO_PRIMARY_PARTIAL, "R430", "the last primary component is not known"},
    {"TwoPrimaryComponents",
     [](World& w) { w.Report(3).set_group("node3"), w.Report(3).mutable_wsrep()->set_cluster_conf_id(9); },
     v1::DIAGNOSIS_UNKNOWN, "R900", "different primary components"},
    {"OlderAgentLeavesRunningOut", [](World& w) { w.Report(1).set_running(v1::TERNARY_UNSPECIFIED); },
     v1::DIAGNOSIS_DEGRADED, "R200", "not Synced: node1"},
};

INSTANTIATE_TEST_SUITE_P(Rules, DecideTable, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(Decide, IsDeterministic) {
  World world;
  world.Drain(2);
  const v1::Decision one = Decide(world.config, world.state, world.now);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(one, Decide(world.config, world.state, world.now)));
}

TEST(Decide, WakesWhenTheOldestFreshReportTurnsStale) {
  World world;
  world.Received(2, absl::Seconds(2));
  const v1::Decision decision = Decide(world.config, world.state, world.now);
  const BootTime wake = SinceBoot(FromProto(decision.next_wake_up()));
  EXPECT_EQ(wake, world.now + absl::Seconds(1) + absl::Nanoseconds(1));
  EXPECT_EQ(Decide(world.config, world.state, wake - absl::Nanoseconds(1)).diagnosis(), v1::DIAGNOSIS_HEALTHY);
  EXPECT_EQ(Decide(world.config, world.state, wake).diagnosis(), v1::DIAGNOSIS_DEGRADED);
}

// The arbitrator was paused, and hears now what was so before.
TEST(Decide, AReportThatWaitedInASocketIsAsOldAsThat) {
  World world;
  *world.Node(2).mutable_on_its_way() = ToProto(absl::Seconds(3));
  EXPECT_EQ(Decide(world.config, world.state, world.now).diagnosis(), v1::DIAGNOSIS_HEALTHY);
  *world.Node(2).mutable_on_its_way() = ToProto(absl::Seconds(3) + absl::Milliseconds(1));
  const v1::Decision decision = Decide(world.config, world.state, world.now);
  EXPECT_EQ(decision.diagnosis(), v1::DIAGNOSIS_DEGRADED);
  EXPECT_THAT(decision.reason(), ::testing::HasSubstr("no fresh report of: node2"));
}

const v1::Order* OrderTo(const v1::Decision& decision, const std::string& name) {
  for (const v1::Order& order : decision.orders()) {
    if (order.receiver().name() == name) return &order;
  }
  return nullptr;
}

TEST(DecideDrain, OrdersNodeAndBalancerAndWaitsForThemToConfirm) {
  World world;
  world.Drain(3);
  v1::Decision decision = Decide(world.config, world.state, world.now);
  ASSERT_NE(OrderTo(decision, "node3"), nullptr);
  EXPECT_EQ(OrderTo(decision, "node3")->drain().drain_id(), "d3");
  EXPECT_FALSE(OrderTo(decision, "node3")->drain().balancers_done());
  EXPECT_EQ(OrderTo(decision, "node1"), nullptr);
  ASSERT_EQ(OrderTo(decision, "lb1")->routing_intent().drains_size(), 1);

  world.Balancer().mutable_report()->add_drains_applied("d3");  // says so, but still has it up
  decision = Decide(world.config, world.state, world.now);
  EXPECT_FALSE(OrderTo(decision, "node3")->drain().balancers_done());

  world.Backend(3, v1::BACKEND_STATE_DRAIN, v1::BACKEND_STATE_DRAIN);
  decision = Decide(world.config, world.state, world.now);
  EXPECT_TRUE(OrderTo(decision, "node3")->drain().balancers_done());

  *world.Balancer().mutable_received_at() = ToProto(ToSinceBoot(world.now - absl::Seconds(4)));  // fell silent
  decision = Decide(world.config, world.state, world.now);
  EXPECT_FALSE(OrderTo(decision, "node3")->drain().balancers_done());
}

TEST(DecideDrain, EndOfADrainIsOrderedUntilTheNodeSaysThatItServes) {
  World world;
  world.Drain(3).set_ending(true);
  world.Report(3).mutable_drain()->set_state(v1::DRAIN_STATE_DRAINED);
  v1::Decision decision = Decide(world.config, world.state, world.now);
  ASSERT_NE(OrderTo(decision, "node3"), nullptr);
  EXPECT_TRUE(OrderTo(decision, "node3")->has_undrain());
  EXPECT_EQ(OrderTo(decision, "lb1")->routing_intent().drains_size(), 0);
  EXPECT_EQ(decision.next().drains_size(), 1);

  world.Report(3).mutable_drain()->set_state(v1::DRAIN_STATE_SERVING);
  EXPECT_EQ(Decide(world.config, world.state, world.now).next().drains_size(), 0);
  world.Received(3, absl::Seconds(4));
  EXPECT_EQ(Decide(world.config, world.state, world.now).next().drains_size(), 1) << "a stale word ends nothing";
}

TEST(DecideDrain, DrainInForceIsNeverForgotten) {
  World world;
  world.Drain(3);
  EXPECT_EQ(Decide(world.config, world.state, world.now).next().drains_size(), 1);
  world.state.clear_dbservers();
  EXPECT_EQ(Decide(world.config, world.state, world.now).next().drains_size(), 1);
}

// Every combination of a few states of each of three nodes: HEALTHY and DEGRADED must be earned, by fresh evidence
// alone.
TEST(DecideSmallWorlds, DiagnosisNeverSaysMoreThanTheReports) {
  enum Kind { kSynced, kDonor, kNonPrimary, kWedged, kStale, kNever, kKinds };
  for (int world_number = 0; world_number < kKinds * kKinds * kKinds; ++world_number) {
    World world;
    const std::array kinds = {world_number % kKinds, world_number / kKinds % kKinds, world_number / kKinds / kKinds};
    int synced = 0;
    int primary = 0;
    v1::ArbitratorState& state = world.state;
    for (int i = 3; i >= 1; --i) {
      const int kind = kinds[i - 1];
      synced += kind == kSynced;
      primary += kind == kSynced || kind == kDonor;
      if (kind == kDonor) world.Report(i).mutable_wsrep()->set_local_state(v1::LOCAL_STATE_DONOR);
      if (kind == kNonPrimary) world.NonPrimary(i);
      if (kind == kWedged) world.Wedged(i);
      if (kind == kStale) world.Received(i, absl::Seconds(10));
      if (kind == kNever) state.mutable_dbservers()->DeleteSubrange(i - 1, 1);
    }
    const v1::Decision decision = Decide(world.config, world.state, world.now);
    EXPECT_EQ(decision.diagnosis() == v1::DIAGNOSIS_HEALTHY, synced == 3) << world_number;
    const bool has_primary =
        decision.diagnosis() == v1::DIAGNOSIS_HEALTHY || decision.diagnosis() == v1::DIAGNOSIS_DEGRADED;
    EXPECT_EQ(has_primary, primary > 0) << world_number;
    EXPECT_FALSE(decision.reason().empty());
    EXPECT_EQ(decision.evidence_size(), 24);
  }
}

}  // namespace
}  // namespace minder
