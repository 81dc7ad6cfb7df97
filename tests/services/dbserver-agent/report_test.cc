#include "services/dbserver-agent/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/core/proto_time.h"
#include "services/dbserver-agent/disk_probe.h"

namespace minder {
namespace {

constexpr auto kYes = v1::TERNARY_YES;
constexpr auto kNo = v1::TERNARY_NO;
constexpr auto kUnknown = v1::TERNARY_UNKNOWN;

BootTime At(double seconds) { return SinceBoot(absl::Seconds(1000 + seconds)); }

v1::ViewMember Member(const std::string& uuid, const std::string& name) {
  v1::ViewMember member;
  member.set_uuid(uuid);
  member.set_name(name);
  return member;
}

// A running server that answered at 10.
Observations Healthy() {
  Observations o;
  o.process.presence = Presence::kRunning;
  o.process.pid = 42;
  o.process.started_at = At(0);
  ProbeAnswer answer;
  answer.asked_at = At(10);
  answer.latency = absl::Milliseconds(3);
  answer.version = "10.11.19";
  answer.wsrep.set_cluster_status(v1::CLUSTER_STATUS_PRIMARY);
  answer.wsrep.set_gcomm_uuid("u1");
  answer.wsrep.set_local_state_uuid("s1");
  answer.wsrep.set_last_committed(7);
  answer.wsrep.set_cluster_size(2);
  answer.members = {Member("u2", "a"), Member("u1", "b")};
  answer.wsrep_node_name = "b";
  o.answer = {.status = absl::OkStatus(), .asked_at = At(10), .last = answer, .note = ""};
  return o;
}

TEST(BuildReport, RunningAndPrimaryHaveThreeValues) {
  struct Case {
    const char* name;
    Presence presence;
    bool answered;
    v1::ClusterStatus status;
    v1::Ternary running;
    v1::Ternary primary;
  };
  const std::vector<Case> cases = {
      {"gone", Presence::kGone, false, v1::CLUSTER_STATUS_PRIMARY, kNo, kNo},
      {"silent", Presence::kRunning, false, v1::CLUSTER_STATUS_PRIMARY, kUnknown, kUnknown},
      {"nobody knows", Presence::kUnknown, false, v1::CLUSTER_STATUS_PRIMARY, kUnknown, kUnknown},
      {"primary", Presence::kRunning, true, v1::CLUSTER_STATUS_PRIMARY, kYes, kYes},
      {"non-primary", Presence::kRunning, true, v1::CLUSTER_STATUS_NON_PRIMARY, kYes, kNo},
      {"disconnected", Presence::kRunning, true, v1::CLUSTER_STATUS_DISCONNECTED, kYes, kNo},
      {"not said", Presence::kRunning, true, v1::CLUSTER_STATUS_UNSPECIFIED, kYes, kUnknown},
      {"answers, process not known", Presence::kUnknown, true, v1::CLUSTER_STATUS_PRIMARY, kYes, kYes},
  };
  for (const Case& c : cases) {
    Observations o = Healthy();
    o.process.presence = c.presence;
    o.answer.last->wsrep.set_cluster_status(c.status);
    if (!c.answered) o.answer.status = absl::DeadlineExceededError("no answer in time");
    const v1::DbStatusReport report = BuildReport(o, At(11));
    EXPECT_EQ(report.running(), c.running) << c.name;
    EXPECT_EQ(report.primary(), c.primary) << c.name;
    EXPECT_EQ(report.has_wsrep(), c.answered) << c.name;
    EXPECT_EQ(report.probe().healthy(), c.answered) << c.name;
    EXPECT_EQ(report.probe().error().empty(), c.answered) << c.name;
  }
}

TEST(BuildReport, BeforeTheFirstProbeNothingIsKnown) {
  const v1::DbStatusReport report = BuildReport({}, At(0));
  EXPECT_EQ(report.running(), kUnknown);
  EXPECT_EQ(report.primary(), kUnknown);
  EXPECT_EQ(report.group(), "");
  EXPECT_FALSE(report.probe().healthy());
  EXPECT_EQ(FromProto(report.age()), absl::ZeroDuration());
}

TEST(BuildReport, WhatIsAnsweredFromMemoryWhileTheDiskHangsIsNoAnswer) {
  Observations o = Healthy();
  o.answer.disk_hangs = true;
  const v1::DbStatusReport report = BuildReport(o, At(11));
  EXPECT_EQ(report.running(), kUnknown);
  EXPECT_EQ(report.primary(), kUnknown);
  EXPECT_FALSE(report.probe().healthy());
  EXPECT_THAT(report.probe().error(), ::testing::HasSubstr("look at its disk"));
}

TEST(ProbeDisk, LeavesNothingAndNamesWhatCannotBeWrittenIn) {
  const std::string directory = ::testing::TempDir() + "/minder-disk-probe";
  std::filesystem::create_directory(directory);
  EXPECT_EQ(ProbeDisk(directory), absl::OkStatus());
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  std::filesystem::remove(directory);
  EXPECT_THAT(std::string(ProbeDisk(directory).message()), ::testing::HasSubstr(directory));
}

TEST(BuildReport, GroupIsTheSortedNamesAndMembersAreSortedByUuid) {
  const v1::DbStatusReport report = BuildReport(Healthy(), At(10));
  EXPECT_EQ(report.group(), "a+b");
  ASSERT_EQ(report.members_size(), 2);
  EXPECT_EQ(report.members(0).uuid(), "u1");
}

TEST(BuildReport, ADisconnectedNodeIsInNoGroup) {
  Observations o = Healthy();
  o.answer.last->wsrep.set_cluster_status(v1::CLUSTER_STATUS_DISCONNECTED);
  EXPECT_EQ(BuildReport(o, At(10)).group(), "");
}

TEST(BuildReport, WithoutThePluginMembersComeFromTheEventOfTheSameView) {
  Observations o = Healthy();
  o.answer.last->members.reset();
  EXPECT_EQ(BuildReport(o, At(10)).group(), "");
  o.event_members = {Member("u1", "b"), Member("u3", "c")};
  EXPECT_EQ(BuildReport(o, At(10)).group(), "b+c");
  o.answer.last->wsrep.set_cluster_size(3);  // the view went on
  EXPECT_EQ(BuildReport(o, At(10)).group(), "");
  o.answer.last->wsrep.set_cluster_size(2);
  o.answer.last->wsrep.set_gcomm_uuid("u9");  // the server was restarted
  EXPECT_EQ(BuildReport(o, At(10)).group(), "");
}

TEST(BuildReport, AnAnswerFromBeforeTheExitProvesNothing) {
  Observations o = Healthy();
  o.process.presence = Presence::kGone;
  o.process.last_exit = SeenExitOf(42, At(10.5), o.answer.last);
  o.process.last_exit->status = ExitStatus{.code = 0, .signal = 9};
  v1::DbStatusReport report = BuildReport(o, At(12.5));
  EXPECT_EQ(report.running(), kNo);
  EXPECT_EQ(report.process().pid(), 0);
  EXPECT_EQ(report.process().last_exit().signal(), 9);
  EXPECT_TRUE(report.process().last_exit().status_known());
  EXPECT_EQ(report.process().last_exit().gcomm_uuid(), "u1");
  EXPECT_EQ(report.process().last_exit().position().uuid(), "s1");
  EXPECT_EQ(report.process().last_exit().position().seqno(), 7);
  EXPECT_EQ(FromProto(report.process().last_exit().age()), absl::Seconds(2));
  EXPECT_EQ(FromProto(report.age()), absl::ZeroDuration());
  EXPECT_TRUE(report.has_stopped());
  // Started again, and not asked yet.
  o.process.presence = Presence::kRunning;
  report = BuildReport(o, At(12.5));
  EXPECT_EQ(report.running(), kUnknown);
  EXPECT_FALSE(report.has_stopped());
  EXPECT_FALSE(report.has_wsrep());
}

TEST(BuildReport, WhoHasNeitherAnsweredNorOpenedItsDataNorSeenAComponentWaits) {
  Observations o = Healthy();
  o.answer.status = absl::UnavailableError("no socket");
  EXPECT_FALSE(BuildReport(o, At(11)).process().waiting()) << "it serves, and does not answer";
  o.answer.waiting_pid = 42;
  EXPECT_TRUE(BuildReport(o, At(11)).process().waiting());
  o.process.view_at_start = "u1:4";
  EXPECT_FALSE(BuildReport(o, At(11)).process().waiting()) << "the view has changed since it was started";
  o.answer.last_primary_view.emplace().set_id("u1:4");
  EXPECT_TRUE(BuildReport(o, At(11)).process().waiting());
  o.answer.status = absl::OkStatus();
  EXPECT_FALSE(BuildReport(o, At(11)).process().waiting());
  o.answer.status = absl::UnavailableError("no socket");
  o.process.pid = 43;
  EXPECT_FALSE(BuildReport(o, At(11)).process().waiting()) << "another process";
}

TEST(BuildReport, AnExitThatNobodyCanExplain) {
  Observations o = Healthy();
  o.process.last_exit = SeenExitOf(42, At(5), std::nullopt);
  EXPECT_FALSE(BuildReport(o, At(10)).process().last_exit().status_known());
  EXPECT_FALSE(BuildReport(o, At(10)).process().last_exit().has_position());
}

TEST(BuildReport, TimesAreCountedToTheMomentOfTheReport) {
  Observations o = Healthy();
  o.process.restart_at = At(13);
  v1::DbStatusReport report = BuildReport(o, At(12));
  EXPECT_EQ(FromProto(report.age()), absl::Seconds(2));
  EXPECT_EQ(FromProto(report.probe().age()), absl::Seconds(2));
  EXPECT_EQ(FromProto(report.process().uptime()), absl::Seconds(12));
  EXPECT_EQ(FromProto(report.process().restart_in()), absl::Seconds(1));
  EXPECT_EQ(FromProto(BuildReport(o, At(20)).process().restart_in()), absl::ZeroDuration());
}

TEST(BuildReport, CarriesTransactionsInWholeSeconds) {
  Observations o = Healthy();
  v1::OpenTransaction transaction;
  transaction.set_connection_id(7);
  *transaction.mutable_age() = ToProto(absl::Milliseconds(2700));
  o.answer.last->open_transactions = {transaction};
  o.answer.last->open_transaction_count = 33;
  o.answer.last->connections = 5;
  o.answer.last->read_only = true;
  const v1::DbStatusReport report = BuildReport(o, At(12));
  ASSERT_EQ(report.open_transactions_size(), 1);
  EXPECT_EQ(FromProto(report.open_transactions(0).age()), absl::Seconds(2));
  EXPECT_EQ(report.open_transaction_count(), 33u);
  EXPECT_EQ(report.connections(), 5u);
  EXPECT_TRUE(report.read_only());
}

TEST(BuildReport, TextFromOutsideIsCleanUtf8) {
  Observations o = Healthy();
  o.process.start_error = "bad \xff byte";
  o.answer.status = absl::UnavailableError("also \xfe");
  const v1::DbStatusReport report = BuildReport(o, At(12));
  EXPECT_EQ(report.process().start_error(), "bad ? byte");
  EXPECT_EQ(report.probe().error(), "also ?");
}

TEST(BuildReport, ANoteIsShownOfAHealthyServer) {
  Observations o = Healthy();
  o.answer.note = "old server";
  const v1::DbStatusReport report = BuildReport(o, At(12));
  EXPECT_TRUE(report.probe().healthy());
  EXPECT_EQ(report.probe().note(), "old server");
  EXPECT_EQ(report.probe().error(), "");
  o.answer.status = absl::DeadlineExceededError("no answer in time");
  EXPECT_EQ(BuildReport(o, At(12)).probe().note(), "") << "what the last answer showed may be over";
}

TEST(NoteOn, NamesWhatAHumanHasToPutRight) {
  ProbeAnswer answer;
  answer.version = "10.11.17-MariaDB";
  answer.wsrep_node_name = "node1";
  EXPECT_EQ(NoteOn(answer, "node1"), "") << "without the hook an old version harms nobody";
  answer.notify_hook = true;
  EXPECT_THAT(NoteOn(answer, "node1"),
              testing::AllOf(testing::HasSubstr("10.11.17-MariaDB"), testing::HasSubstr("CVE-2026-49261"),
                             testing::HasSubstr("unset it or upgrade")));
  EXPECT_THAT(NoteOn(answer, "node2"),
              testing::AllOf(testing::HasSubstr("CVE-2026-49261"), testing::HasSubstr("'node1' and not node2")));
  answer.version = "10.11.18-MariaDB";
  EXPECT_EQ(NoteOn(answer, "node1"), "");
  EXPECT_THAT(NoteOn(answer, "node2"), testing::HasSubstr("its wsrep_node_name is 'node1' and not node2: set it"));
}

TEST(CompletePid, IsOfWhoWasSeenSyncedSinceItJoined) {
  v1::WsrepStatus answer;
  answer.set_cluster_status(v1::CLUSTER_STATUS_PRIMARY);
  answer.set_local_state(v1::LOCAL_STATE_JOINING);
  EXPECT_EQ(CompletePid(7, 7, answer), 0) << "it comes back, and lacks what was written meanwhile";
  answer.set_local_state(v1::LOCAL_STATE_SYNCED);
  EXPECT_EQ(CompletePid(0, 7, answer), 7);
  answer.set_local_state(v1::LOCAL_STATE_DONOR);
  EXPECT_EQ(CompletePid(0, 7, answer), 7);
  answer.set_cluster_status(v1::CLUSTER_STATUS_NON_PRIMARY);
  answer.set_local_state(v1::LOCAL_STATE_INITIALIZED);
  EXPECT_EQ(CompletePid(7, 7, answer), 7);
}

TEST(TakeIn, AProcessIsCompleteInTheViewThatWasThereBeforeAndAfterTheAnswer) {
  const auto view = [](const std::string& id) {
    v1::PrimaryView result;
    result.set_id(id);
    return std::optional(result);
  };
  ProbeAnswer answer;
  answer.wsrep.set_cluster_status(v1::CLUSTER_STATUS_PRIMARY);
  answer.wsrep.set_local_state(v1::LOCAL_STATE_SYNCED);
  ObservedAnswer observed;
  observed.last_primary_view = view("v:1");
  TakeIn(answer, 7, view("v:1"), observed);
  EXPECT_EQ(observed.complete_in, "v:1");
  observed.last_primary_view = view("v:2");
  TakeIn(answer, 7, view("v:1"), observed);
  EXPECT_EQ(observed.complete_in, "v:1") << "it may have joined v:2 after it answered";
  answer.wsrep.set_cluster_status(v1::CLUSTER_STATUS_NON_PRIMARY);
  TakeIn(answer, 7, view("v:2"), observed);
  EXPECT_EQ(observed.complete_in, "v:1");
  EXPECT_EQ(observed.primary_pid, 7);
}

}  // namespace
}  // namespace minder
