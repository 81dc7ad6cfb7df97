#include "tests/lab/lab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_format.h"
#include "common/base/subprocess.h"
#include "tests/lab/convergence.h"
#include "tests/lab/haproxy_cli.h"
#include "tests/lab/observer.h"
#include "tests/lab/shared_lab.h"
#include "tests/lab/writer_load.h"

namespace minder::lab {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Plain {
  static LabOptions Options() { return TestLabOptions("plain", false); }
};
using PlainLabTest = SharedLab<Plain>;

std::string Name(const Lab& lab, const std::string& node) {
  const auto result = lab.Sql(node, "SELECT @@wsrep_node_name");
  return result.ok() ? result->rows.at(0).at(0) : std::string(result.status().message());
}

TEST_F(PlainLabTest, ComesUpSyncedAndAnswersOnEachNodeAndThroughTheBalancer) {
  EXPECT_EQ(lab().AllSynced(), absl::OkStatus());
  for (const std::string& node : lab().plan().NodeNames()) EXPECT_EQ(Name(lab(), node), node);
  auto session = SqlSession::Open(lab().Balancer());
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_TRUE(session->Query("INSERT INTO written VALUES (1, 1, 1) ON DUPLICATE KEY UPDATE seq = 1").ok());
}

TEST_F(PlainLabTest, NodesHoldTheSettingsThatTheTestsRelyOn) {
  const auto result = lab().Sql("node1", "SELECT @@innodb_flush_log_at_trx_commit, @@wsrep_sst_method");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->rows, ElementsAre(ElementsAre("1", "rsync")));
  const auto process = lab().Find("node1");
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ(RunCommand({"stat", "-c", "%U", "/proc/" + std::to_string(process->pid)}).value(), "mysql\n");
}

TEST_F(PlainLabTest, MinderAccountMayDoWhatAnAgentDoes) {
  auto session =
      SqlSession::Open({.socket = lab().plan().MysqlSocket("node1"), .user = "minder", .password = kMinderPassword});
  ASSERT_TRUE(session.ok()) << session.status();
  for (const char* statement : {"SET SESSION wsrep_on = OFF", "SELECT * FROM information_schema.innodb_trx",
                                "SELECT * FROM information_schema.wsrep_membership", "SET GLOBAL read_only = 0",
                                "SET GLOBAL wsrep_provider_options = 'evs.evict='"}) {
    EXPECT_TRUE(session->Query(statement).ok()) << statement;
  }
}

TEST_F(PlainLabTest, CutNodeTurnsNonPrimaryAndHealBringsItBack) {
  Observer observer(lab());
  ASSERT_EQ(lab().CutFromPeers("node3"), absl::OkStatus());
  EXPECT_THAT(ListCuts(lab().plan()).value(), Contains("node1 -> node3"));
  EXPECT_TRUE(Reached([&] { return lab().HasStatusVariable("node3", "wsrep_cluster_status", "non-Primary"); },
                      absl::Seconds(15), "node3 non-Primary"));
  const auto sees = [&](const std::string& node, auto what) {
    return Reached(
        [&] {
          const auto samples = observer.Samples()[node];
          return std::ranges::any_of(samples, what) ? absl::OkStatus() : absl::UnavailableError("no such sample");
        },
        absl::Seconds(10), "what the observer sees of " + node);
  };
  EXPECT_TRUE(sees("node3", [](const Sample& s) { return s.cluster_status == "non-Primary" && !s.marker_committed; }));
  EXPECT_TRUE(sees("node1", [](const Sample& s) { return s.marker_committed && s.members.size() == 2; }));
  EXPECT_EQ(lab().Synced("node1"), absl::OkStatus());
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_THAT(ListCuts(lab().plan()).value(), IsEmpty());
  EXPECT_EQ(lab().WaitReady(absl::Seconds(30)), absl::OkStatus());
  observer.Stop();
  EXPECT_EQ(observer.CheckNeverTwoPrimaries(), absl::OkStatus());
}

// Both sides are promoted by hand: what must never happen, and what the observer is there to see.
TEST_F(PlainLabTest, ObserverSeesASplitBrain) {
  // The lab is of no use after this: Galera does not merge two primary components.
  const ScopedLab own(TestLabOptions("split", false, "1+1"));
  ASSERT_EQ(own.status(), absl::OkStatus());
  const Lab& split = own.lab();
  ASSERT_EQ(split.CutOff({"node1"}, {"node2"}), absl::OkStatus());
  for (const char* node : {"node1", "node2"}) {
    ASSERT_TRUE(Reached([&] { return split.HasStatusVariable(node, "wsrep_cluster_status", "non-Primary"); },
                        absl::Seconds(20), "both non-Primary"));
  }
  Observer observer(split);
  for (const char* node : {"node1", "node2"}) {
    ASSERT_TRUE(split.Sql(node, "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'").ok());
  }
  EXPECT_TRUE(Reached(
      [&] { return observer.CheckNeverTwoPrimaries().ok() ? absl::UnavailableError("I1 holds") : absl::OkStatus(); },
      absl::Seconds(15), "the observer sees two primary components"));
  // Which it does although it never looks at both at the same time.
  observer.Stop();
  auto samples = observer.Samples();
  const auto meets = [](const Sample& a, const Sample& b) { return a.begin <= b.end && b.begin <= a.end; };
  std::erase_if(samples["node2"], [&](const Sample& b) {
    return std::ranges::any_of(samples["node1"], [&](const Sample& a) { return meets(a, b); });
  });
  EXPECT_THAT(FindSplitBrains(samples), Not(IsEmpty()));
}

TEST_F(PlainLabTest, CutMayBeOneWayAndOfSomePortsOnly) {
  const auto answers = [&](const std::string& from, int port) {
    const std::string target =
        "TCP:" + lab().plan().Address("node1") + ":" + std::to_string(port) + ",connect-timeout=1";
    return RunCommand(OnHost(lab().plan(), from, {"socat", "-u", "OPEN:/dev/null", target})).ok();
  };
  ASSERT_EQ(lab().CutOff({"lb1"}, {"node1"}, true, {3306}), absl::OkStatus());
  EXPECT_THAT(ListCuts(lab().plan()).value(), ElementsAre("lb1 -> node1"));
  EXPECT_FALSE(answers("lb1", 3306));
  EXPECT_TRUE(answers("lb1", 4567));
  EXPECT_TRUE(answers("arbitrator", 3306));
}

TEST_F(PlainLabTest, KilledServerIsGoneThenComesBackWithoutSst) {
  const auto before = lab().Find("node2");
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_EQ(lab().Kill("node2"), absl::OkStatus());
  EXPECT_EQ(lab().Find("node2").status().code(), absl::StatusCode::kNotFound);
  ASSERT_EQ(lab().Start("node2"), absl::OkStatus());
  EXPECT_NE(lab().Find("node2")->pid, before->pid);
  EXPECT_EQ(lab().WaitReady(absl::Seconds(60)), absl::OkStatus());
  const auto log = RunCommand({"grep", "-c", "rsync SST completed", lab().plan().LogPath("node2")});
  EXPECT_FALSE(log.ok()) << "the killed node took a whole copy";
}

TEST_F(PlainLabTest, FrozenServerAnswersNothingUntilItGoesOn) {
  ASSERT_EQ(lab().Stop("node3"), absl::OkStatus());
  EXPECT_EQ(lab().Find("node3")->state, 'T');
  EXPECT_FALSE(lab().Synced("node3").ok());
  ASSERT_EQ(lab().Continue("node3"), absl::OkStatus());
  EXPECT_EQ(lab().WaitReady(absl::Seconds(60)), absl::OkStatus());
}

TEST_F(PlainLabTest, ManyWritersLoseNoAcknowledgedRowWhenAServerIsKilled) {
  WriterLoad load({.clients = 200, .target = lab().Balancer()});
  const auto acknowledged = [&](std::int64_t wanted) {
    return load.Report().acknowledged >= wanted ? absl::OkStatus() : absl::UnavailableError(load.Report().last_error);
  };
  ASSERT_TRUE(Reached([&] { return acknowledged(1000); }, absl::Seconds(30), "1000 rows"));
  ASSERT_EQ(lab().Restart("node2"), absl::OkStatus());
  const std::int64_t so_far = load.Report().acknowledged;
  EXPECT_TRUE(Reached([&] { return acknowledged(so_far + 1000); }, absl::Seconds(60), "1000 more rows"));
  load.Stop();
  EXPECT_GT(load.Report().errors, 0);
  EXPECT_GT(load.Report().longest_gap, absl::ZeroDuration());
  ASSERT_EQ(lab().WaitReady(absl::Seconds(60)), absl::OkStatus());
  EXPECT_EQ(load.Verify(lab()), absl::OkStatus());
  // The check itself can fail: take one acknowledged row away.
  ASSERT_TRUE(lab().Sql("node1", "DELETE FROM lab.written ORDER BY run DESC, writer, seq LIMIT 1").ok());
  ASSERT_TRUE(lab().Sql("node1", "DELETE FROM lab.written WHERE seq = 1 AND writer = 0").ok());
  EXPECT_EQ(load.Verify(lab()).code(), absl::StatusCode::kDataLoss);
}

// One row more, and one row that is another one, on one node only; no acknowledged row is missing.
TEST_F(PlainLabTest, NodesThatHoldSomethingElseHaveNotConverged) {
  ASSERT_TRUE(lab().Sql("node1", "REPLACE INTO lab.marker VALUES ('row', 1)").ok());
  ASSERT_TRUE(Reached([] { return Converged(lab()); }, absl::Seconds(10), "the same on every node"));
  const auto alone = [](const std::string& statement) {
    auto session = SqlSession::Open(lab().RootAt("node2"));
    ASSERT_TRUE(session.ok() && session->Query("SET SESSION wsrep_on = OFF").ok());
    ASSERT_TRUE(session->Query(statement).ok()) << statement;
  };
  alone("INSERT INTO lab.written VALUES (0, 0, 0)");
  EXPECT_EQ(Converged(lab()).code(), absl::StatusCode::kDataLoss);
  alone("DELETE FROM lab.written WHERE run = 0");
  EXPECT_EQ(Converged(lab()), absl::OkStatus());
  alone("UPDATE lab.marker SET sample = 2 WHERE node = 'row'");
  EXPECT_THAT(std::string(Converged(lab()).message()), HasSubstr("node2"));
  alone("UPDATE lab.marker SET sample = 1 WHERE node = 'row'");
  EXPECT_EQ(Converged(lab()), absl::OkStatus());
}

TEST_F(PlainLabTest, BalancerIsRestartedAndMayBeToldToKeepANodeOut) {
  ASSERT_TRUE(AskHaproxy(lab().plan().HaproxySocket(), "set server galera/node1 state maint").ok());
  EXPECT_EQ(lab().NotRouted("node1"), absl::OkStatus());
  ASSERT_EQ(lab().Restart("lb1/haproxy"), absl::OkStatus());
  EXPECT_TRUE(Reached([&] { return lab().AllRouted(); }, absl::Seconds(10), "all routed"));
}

TEST_F(PlainLabTest, UnknownNamesAreRefusedWithThoseThereAre) {
  EXPECT_THAT(std::string(lab().Kill("node9").message()), HasSubstr("node1 node2 node3 lb1/haproxy"));
  EXPECT_THAT(std::string(lab().CutOff({"node9"}, {"node1"}).message()), HasSubstr("arbitrator lb1"));
  for (const absl::Status& unknown : {lab().Routed("node9"), lab().NotRouted("node9")})
    EXPECT_THAT(std::string(unknown.message()), HasSubstr("no server 'node9'"));
  EXPECT_THAT(std::string(lab().Sql("lb9", "SELECT 1").status().message()), HasSubstr("node1 node2 node3"));
}

// Names of namespaces, links, files and processes of one lab, other labs on this machine left out.
std::string WhatIsThereOf(const Plan& plan) {
  const std::string script = absl::StrFormat(
      "ip netns list | grep '%s'; ip -o link | grep '%s'; ls -d %s %s 2>/dev/null; "
      "pgrep -fa '^[^ ]*(mariadbd|haproxy|minder-[a-z]+) .*(%s|%s)/'",
      plan.Namespace(""), plan.UplinkName(), plan.DataDirectory(), plan.directory, plan.DataDirectory(),
      plan.directory);
  return RunSubprocess({"sh", "-c", script}, absl::Seconds(10))->output;
}

TEST(Labs, TwoSideBySideAndDownLeavesNothing) {
  Plan plan;
  {
    const ScopedLab one(TestLabOptions("one", true, "1+1"));
    const ScopedLab two(TestLabOptions("two", false, "1+1"));
    ASSERT_EQ(one.status(), absl::OkStatus());
    ASSERT_EQ(two.status(), absl::OkStatus());
    plan = one.lab().plan();
    EXPECT_NE(plan.id, two.lab().plan().id);
    for (const char* party : {"node1/agent", "node1"}) ASSERT_EQ(one.lab().Kill(party), absl::OkStatus());
    EXPECT_EQ(two.lab().AllSynced(), absl::OkStatus());
    EXPECT_TRUE(std::filesystem::exists(plan.directory + "/env"));
    // Four hosts and the switch, the link, two directories, a mariadbd and HAProxy with their agents, the arbitrator.
    const std::string there = WhatIsThereOf(plan);
    EXPECT_EQ(std::count(there.begin(), there.end(), '\n'), 13) << there;
  }
  EXPECT_EQ(WhatIsThereOf(plan), "");
}

TEST(Labs, UpTwiceKeepsTheLabAndRefusesAnotherTopology) {
  const LabOptions options = TestLabOptions("twice", false, "1+1");
  const ScopedLab first(options);
  ASSERT_EQ(first.status(), absl::OkStatus());
  ASSERT_EQ(first.lab().Kill("node1"), absl::OkStatus());
  const auto again = Lab::Up(options, [](const std::string&) {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->plan().id, first.lab().plan().id);
  EXPECT_TRUE(again->Find("node1").ok());
  LabOptions other = options;
  other.topology = "2+1";
  EXPECT_EQ(Lab::Up(other, [](const std::string&) {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Labs, UpRemovesWhatALabThatDiedLeft) {
  const LabOptions options = TestLabOptions("died", false, "1+1");
  const ScopedLab first(options);
  ASSERT_EQ(first.status(), absl::OkStatus());
  for (const Party& party : Parties(first.lab().plan())) ASSERT_EQ(first.lab().Kill(party.name), absl::OkStatus());
  std::vector<std::string> said;
  const auto again = Lab::Up(options, [&](const std::string& line) { said.push_back(line); });
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(said, Contains(HasSubstr("a lab that died")));
}

}  // namespace
}  // namespace minder::lab
