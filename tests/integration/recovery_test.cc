// Full stops of a real cluster; the names of scenarios.md where they have one.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "google/protobuf/util/json_util.h"
#include "tests/integration/cluster_fixture.h"

namespace minder::lab {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

struct Stoppable {
  static LabOptions Options() { return TestLabOptions("recovery", true, "2+1"); }
};

class RecoveryTest : public ClusterTestOn<Stoppable> {
 protected:
  static std::vector<std::string> Nodes() { return lab().plan().NodeNames(); }
  static std::string Data(const std::string& node) { return lab().plan().HostDirectory(node) + "/data"; }
  static std::string Config(const std::string& node) { return lab().plan().HostDirectory(node) + "/my.cnf"; }

  static absl::Status Rule(const std::string& rule) {
    const auto summary = Summary(lab());
    if (!summary.ok()) return summary.status();
    return summary->rule() == rule ? absl::OkStatus()
                                   : absl::UnavailableError(summary->rule() + ": " + summary->reason());
  }
  static void KillAll() {
    for (const std::string& node : Nodes()) ASSERT_TRUE(lab().SignalNow(node, SIGKILL).ok());
  }
  // The agent of node3 is frozen while its server dies and the last view is lost; Galera alone would wait for ever.
  static void KillAllAndLoseOneLastView() {
    ASSERT_EQ(lab().Stop("node3/agent"), absl::OkStatus());
    KillAll();
    ASSERT_TRUE(Reached([] { return Ended("node3"); }, absl::Seconds(10), "node3 ended"));
    ASSERT_TRUE(std::filesystem::remove(Data("node3") + "/gvwstate.dat"));
    ASSERT_EQ(lab().Continue("node3/agent"), absl::OkStatus());
  }
  // A human stops them all, one after the other, the first node last.
  static void StopAll() {
    for (const char* node : {"node3", "node2", "node1"}) {
      ASSERT_TRUE(lab().SignalNow(node, SIGTERM).ok());
      ASSERT_TRUE(Reached([&] { return Ended(node); }, absl::Seconds(40), "a clean stop"));
    }
    ASSERT_TRUE(Reached([] { return Rule("R330"); }, absl::Seconds(20), "a human is asked"));
  }

  void StopWritersWithEveryRowEverywhere() {
    ASSERT_TRUE(Reached(
        [&] {
          return writers_->Report().acknowledged > 100 ? absl::OkStatus() : absl::UnavailableError("too few rows");
        },
        absl::Seconds(20), "rows"));
    writers_->Stop();
    ASSERT_TRUE(Reached([&] { return writers_->Verify(lab()); }, absl::Seconds(10), "every row on every node"));
  }

  static std::vector<std::string> Recover(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"recover"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static absl::StatusOr<v1::RecoverResponse> Planned(std::vector<std::string> more) {
    more.insert(more.end(), {"--dry-run", "-o", "json"});
    const CtlResult result = Minderctl(lab(), Recover(more));
    v1::RecoverResponse response;
    if (google::protobuf::util::JsonStringToMessage(result.output, &response).ok()) return response;
    return absl::UnavailableError(result.output);
  }
  // These were started, and wait for the others: their state changes no more until somebody decides.
  static absl::Status Wait(const std::vector<std::string>& nodes) {
    const auto planned = Planned({});
    if (!planned.ok()) return planned.status();
    const v1::RecoveryPlan& plan = planned->plan();
    const auto waiting = std::ranges::count_if(plan.nodes(), [&](const v1::RecoveryNode& node) {
      return node.state() == "waiting" && std::ranges::find(nodes, node.dbserver()) != nodes.end();
    });
    return waiting == std::ssize(nodes) ? absl::OkStatus() : absl::UnavailableError(plan.ShortDebugString());
  }
  // What a human does: looks at the plan, and confirms it.
  static CtlResult Recovered(std::vector<std::string> more = {}) {
    const auto planned = Planned(more);
    if (!planned.ok()) return {.code = -1, .output = std::string(planned.status().message())};
    more.push_back("--confirm=" + planned->digest());
    return Minderctl(lab(), Recover(more));
  }
  static std::string History() { return Minderctl(lab(), {"history", "--limit", "30"}).output; }
};

TEST_F(RecoveryTest, F17AllKilledFormAgainByThemselvesAndNothingIsBootstrapped) {
  const std::uint64_t before = Epoch();
  KillAll();
  EXPECT_TRUE(AllBecomeSynced());
  EXPECT_TRUE(Reached([] { return lab().AllRouted(); }, absl::Seconds(10), "all routed"));
  EXPECT_EQ(Epoch(), before);
}

TEST_F(RecoveryTest, AllKilledAndOneLastViewLostIsRecoveredByItself) {
  const std::uint64_t before = Epoch();
  ASSERT_NO_FATAL_FAILURE(KillAllAndLoseOneLastView());
  EXPECT_TRUE(AllBecomeSynced(absl::Seconds(90)));
  EXPECT_TRUE(Reached([] { return lab().AllRouted(); }, absl::Seconds(10), "all routed"));
  EXPECT_EQ(Epoch(), before + 2) << "one for the recovery, one for its bootstrap";
  EXPECT_THAT(History(), AllOf(HasSubstr("a recovery begins"), HasSubstr("is ordered to start as the first node"),
                               HasSubstr("the recovery is over")));
}

// What only node3 has on disk is given up with it, so nobody writes any more when they are killed.
TEST_F(RecoveryTest, F18OneNeverReturnsAndIsGivenUpByAHuman) {
  ASSERT_NO_FATAL_FAILURE(StopWritersWithEveryRowEverywhere());
  ASSERT_EQ(lab().Kill("node3/agent"), absl::OkStatus());
  KillAll();
  ASSERT_TRUE(Reached([] { return Rule("R350"); }, absl::Seconds(20), "somebody is missing"));
  // The others are started, and wait: no session, no data opened, no way to promote them by SQL.
  ASSERT_TRUE(Reached([] { return Wait({"node1", "node2"}); }, absl::Seconds(20), "the others wait"));
  EXPECT_FALSE(SqlSession::Open(lab().RootAt("node1")).ok());
  const CtlResult refused = Minderctl(lab(), Recover({"--dry-run"}));
  EXPECT_EQ(refused.code, 4) << refused.output;
  EXPECT_THAT(refused.output, AllOf(HasSubstr("node3: its agent is silent"), HasSubstr("recover --without=node3")));
  const CtlResult result = Recovered({"--without=node3", "--reason=its disk is lost"});
  EXPECT_EQ(result.code, 0) << result.output;
  for (const char* node : {"node1", "node2"})
    EXPECT_TRUE(Reached([&] { return lab().Synced(node); }, absl::Seconds(60), "the others Synced"));
  EXPECT_EQ(observer_->CheckNeverTwoPrimaries(), absl::OkStatus());
  ASSERT_EQ(lab().Start("node3/agent"), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
}

// node3 was promoted by hand, and wrote alone, while nobody else was there.
TEST_F(RecoveryTest, F18WhoIsGivenUpAndHoldsMoreIsNotStartedUntilItsDataIsMovedAside) {
  ASSERT_NO_FATAL_FAILURE(StopWritersWithEveryRowEverywhere());
  for (const std::string& node : Nodes()) ASSERT_EQ(lab().Kill(node + "/agent"), absl::OkStatus());
  for (const char* node : {"node1", "node2"}) ASSERT_EQ(lab().Kill(node), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return lab().HasStatusVariable("node3", "wsrep_cluster_status", "non-Primary"); },
                      absl::Seconds(30), "node3 non-Primary"));
  ASSERT_TRUE(lab().Sql("node3", "SET GLOBAL wsrep_provider_options='pc.bootstrap=1'").ok());
  ASSERT_TRUE(Reached([] { return lab().Synced("node3"); }, absl::Seconds(20), "node3 Synced"));
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(lab().Sql("node3", absl::StrFormat("INSERT INTO lab.marker VALUES ('alone%d', 1)", i)).ok());
  ASSERT_EQ(lab().Kill("node3"), absl::OkStatus());
  for (const char* agent : {"node1/agent", "node2/agent"}) ASSERT_EQ(lab().Start(agent), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Rule("R350"); }, absl::Seconds(20), "somebody is missing"));
  ASSERT_TRUE(Reached([] { return Wait({"node1", "node2"}); }, absl::Seconds(20), "the others wait"));
  const CtlResult result = Recovered({"--without=node3", "--reason=its host is lost"});
  EXPECT_EQ(result.code, 0) << result.output;
  for (const char* node : {"node1", "node2"})
    EXPECT_TRUE(Reached([&] { return lab().Synced(node); }, absl::Seconds(60), "the others Synced"));

  // As many rows as it has, so that Galera itself would let it in.
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(lab().Sql("node1", absl::StrFormat("INSERT INTO lab.marker VALUES ('others%d', 1)", i)).ok());
  ASSERT_EQ(lab().Start("node3/agent"), absl::OkStatus());
  EXPECT_TRUE(Reached(
      [] {
        const auto node = SummaryOf(lab(), "node3");
        if (!node.ok()) return node.status();
        return absl::StrContains(node->note(), "Move its data directory aside") ? absl::OkStatus()
                                                                                : absl::UnavailableError(node->note());
      },
      absl::Seconds(20), "it says what a human has to do"));
  EXPECT_EQ(Ended("node3"), absl::OkStatus());
  ASSERT_EQ(lab().MoveDataAside("node3"), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
  const auto rows = lab().Sql("node3", "SELECT COUNT(*) FROM lab.marker WHERE node LIKE 'alone%'");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->rows[0][0], "0");
}

// What a crash of a host leaves on its disk.
TEST_F(RecoveryTest, F21F22AServerComesBackFromFilesThatAreNone) {
  ASSERT_EQ(lab().Kill("node3/agent"), absl::OkStatus());
  ASSERT_EQ(lab().Kill("node3"), absl::OkStatus());
  std::ofstream(Data("node3") + "/gvwstate.dat", std::ios::trunc).flush();
  std::ofstream(Data("node3") + "/grastate.dat") << std::string("\x01garbage\r\n");
  ASSERT_EQ(lab().Start("node3/agent"), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
  EXPECT_TRUE(std::filesystem::exists(Data("node3") + "/gvwstate.dat.bad")) << "moved aside";
}

// The position is read from what mariadbd says to its agent, wherever else its configuration has it written.
TEST_F(RecoveryTest, F24WhateverBecameOfTheErrorLogsEverybodyIsRecovered) {
  const std::uint64_t before = Epoch();
  const auto run = [](const std::string& node) { return lab().plan().HostDirectory(node) + "/run"; };
  const std::string changed = run("node1") + "/changed.log";
  const std::string huge = run("node2") + "/huge.log";
  constexpr std::uintmax_t kHuge = std::uintmax_t{1} << 40;  // sparse
  std::ofstream(huge).flush();
  std::filesystem::resize_file(huge, kHuge);
  ASSERT_TRUE(RunCommand({"chown", kServerUser, huge}).ok());
  std::map<std::string, std::string> configs;
  for (const auto& [node, log] :
       std::map<std::string, std::string>{{"node1", changed}, {"node2", huge}, {"node3", "/proc/nowhere/error.log"}}) {
    configs[node] = ReadFile(Config(node)).value();
    std::ofstream(Config(node), std::ios::app) << "log_error=" << log << "\n";
  }
  KillAllAndLoseOneLastView();
  EXPECT_TRUE(AllBecomeSynced(absl::Seconds(90)));
  for (const auto& [node, config] : configs) std::ofstream(Config(node)) << config;
  EXPECT_EQ(Epoch(), before + 2) << "one for the recovery, one for its bootstrap";
  EXPECT_THAT(History(), HasSubstr("the recovery is over"));
  EXPECT_GT(std::filesystem::file_size(changed), 0u) << "they ran with it";
  EXPECT_GT(std::filesystem::file_size(huge), kHuge);
}

// Of node1, which gets its data from node2 again, InnoDB's files are there when everybody is killed, with a position of
// their own; and it would be the first of equals.
TEST_F(RecoveryTest, F47AJoinerThatDiesInItsTransferIsNoSource) {
  ASSERT_NO_FATAL_FAILURE(StopWritersWithEveryRowEverywhere());
  observer_->Stop();  // it writes, too
  AddBallast("node2");
  ASSERT_NO_FATAL_FAILURE(StartWithoutData("node1", "node2"));
  ASSERT_TRUE(Reached([] { return InTransfer("node1", "node2"); }, absl::Seconds(40), "a transfer"));
  ASSERT_EQ(CutTransfer("node1", "node2"), absl::OkStatus());
  ASSERT_NO_FATAL_FAILURE(KillAllAndLoseOneLastView());
  RemoveBallast("node2");
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Rule("R330"); }, absl::Seconds(20), "a human is asked"));
  ASSERT_TRUE(Reached([] { return Wait({"node1", "node2", "node3"}); }, absl::Seconds(20), "all wait"));
  const CtlResult result = Recovered();
  EXPECT_EQ(result.code, 0) << result.output;
  const std::string history = History();  // newest first
  EXPECT_THAT(history.substr(0, history.find(" is ordered to start as the first node")), Not(EndsWith("node1")));
  EXPECT_TRUE(AllBecomeSynced());
}

TEST_F(RecoveryTest, F19StoppedByAHumanStartsOnlyByAHumanFromTheLastOneThatLeft) {
  StopAll();
  EXPECT_FALSE(lab().Find("node1").ok());
  // Somebody starts the wrong one, which waits for the others.
  ASSERT_EQ(lab().Kill("node3/agent"), absl::OkStatus());
  ASSERT_EQ(lab().Start("node3"), absl::OkStatus());
  ASSERT_EQ(lab().Start("node3/agent"), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Wait({"node3"}); }, absl::Seconds(20), "it waits"));
  ASSERT_TRUE(Reached([] { return Rule("R330"); }, absl::Seconds(20), "a human is asked"));
  const CtlResult result = Recovered();
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_THAT(History(), HasSubstr("node1 is ordered to start as the first node"));
  EXPECT_TRUE(AllBecomeSynced());
}

TEST_F(RecoveryTest, F35ArbitratorAndAgentsKilledInTheMiddleItGoesOn) {
  StopAll();
  const auto planned = Planned({});
  ASSERT_TRUE(planned.ok()) << planned.status();
  auto recovering = MinderctlLater(lab(), Recover({"--confirm=" + planned->digest(), "--deadline=90s"}));
  ASSERT_TRUE(Reached([] { return Rule("R330").ok() ? absl::UnavailableError("not begun") : absl::OkStatus(); },
                      absl::Seconds(10), "a recovery"));
  for (const char* party : {"arbitrator", "node1/agent", "node2/agent"})
    ASSERT_EQ(lab().Restart(party), absl::OkStatus());
  // An agent that was killed between its promise and the start has to be told again, and a human has to say so.
  const int code = recovering.get().code;
  EXPECT_TRUE(code == 0 || (code == 4 && Recovered().code == 0)) << code;
  EXPECT_TRUE(AllBecomeSynced());
  EXPECT_EQ(observer_->CheckNeverTwoPrimaries(), absl::OkStatus());
}

TEST_F(RecoveryTest, F25ABootstrapFlagThatIsLeftElsewhereKeepsEverybodyDownAlsoWhileItsAgentIsSilent) {
  StopAll();
  const std::string path = Config("node2");
  const std::string config = ReadFile(path).value();
  std::ofstream(path) << absl::StrReplaceAll(config, {{"[mariadbd]\n", "[mariadbd]\nwsrep_new_cluster\n"}});
  ASSERT_EQ(lab().Kill("node2/agent"), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Rule("R350"); }, absl::Seconds(20), "somebody is missing"));
  const CtlResult unseen = Minderctl(lab(), Recover({"--dry-run"}));
  EXPECT_EQ(unseen.code, 4) << unseen.output;
  EXPECT_THAT(unseen.output, HasSubstr("node2: its agent is silent"));
  for (const std::string& node : Nodes()) EXPECT_FALSE(lab().Find(node).ok()) << node;

  ASSERT_EQ(lab().Start("node2/agent"), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Rule("R330"); }, absl::Seconds(20), "everybody is there"));
  const CtlResult refused = Recovered();
  std::ofstream(path) << config;
  EXPECT_EQ(refused.code, 4) << refused.output;
  EXPECT_THAT(refused.output, AllOf(HasSubstr("node2"), HasSubstr("wsrep_new_cluster")));
  for (const std::string& node : Nodes()) EXPECT_FALSE(lab().Find(node).ok()) << node;
  const CtlResult result = Recovered();
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_TRUE(AllBecomeSynced());
}

TEST_F(RecoveryTest, F26TwoHistoriesAreForAHumanToChooseFrom) {
  StopAll();
  const std::string path = Data("node3") + "/grastate.dat";
  const std::string state = ReadFile(path).value();
  const std::size_t uuid = state.find("uuid:") + 9;
  std::string other = state;
  other.replace(uuid, 8, "0badc0de");
  std::ofstream(path) << other;
  ASSERT_TRUE(Reached([] { return Rule("R340"); }, absl::Seconds(20), "two histories"));
  const CtlResult refused = Recovered();
  EXPECT_EQ(refused.code, 4) << refused.output;
  EXPECT_THAT(refused.output, AllOf(HasSubstr("more than one history"), HasSubstr("0badc0de")));
  const CtlResult result = Recovered({"--without=node3", "--reason=an old copy"});
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(Ended("node3"), absl::OkStatus()) << "what is given up is not started";
  std::ofstream(path) << state;
  ASSERT_EQ(lab().Restart("node3/agent"), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
}

}  // namespace
}  // namespace minder::lab
