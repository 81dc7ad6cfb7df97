// Data centres that fall silent, with leases and fence guards: even weights, and dc1 heavier. The names of
// scenarios.md.
#include <algorithm>
#include <csignal>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "tests/integration/cluster_fixture.h"

namespace minder::lab {
namespace {

// Long enough for Galera to form dc1's component and for a commit there (F05): evs.suspect_timeout and, for each
// message of that view that is lost, evs.join_retrans_period, 1 s.
constexpr absl::Duration kTtl = absl::Seconds(6);
constexpr absl::Duration kNotices =
    absl::Seconds(5);  // evs.inactive_timeout, shorter than its default for the tests' sake

struct Fenced {
  static LabOptions Options() {
    LabOptions options = TestLabOptions("fenced", true, "2+2");
    options.promotion = "self_fence: guard, lease_ttl: 6s";
    return options;
  }
};

class FenceTest : public ClusterTestOn<Fenced> {
 protected:
  void SetUp() override {
    ClusterTestOn<Fenced>::SetUp();
    if (HasFatalFailure()) return;
    for (const std::string& node : lab().plan().NodeNames()) {
      // With an evs.install_timeout of 3 s Galera's merge after the heal is given up, and the promoted component with
      // it, in one run of eight: what it lost is sent again after 1 s only. Its default is half of
      // evs.inactive_timeout, 7.5 s.
      for (const char* option : {"evs.suspect_timeout=PT2S", "evs.install_timeout=PT5S", "evs.inactive_timeout=PT5S"}) {
        const auto set = lab().Sql(node, absl::StrFormat("SET GLOBAL wsrep_provider_options='%s'", option));
        ASSERT_TRUE(set.ok()) << set.status();
      }
    }
    // The arbitrator goes by what it was told, and nodes that lost their leases before have to have them again.
    ASSERT_TRUE(Reached([] { return EverybodyIsGuarded(); }, absl::Seconds(10), "guards armed, timeouts reported"));
  }
  static absl::Status EverybodyIsGuarded() {
    const auto capture = Minderctl(lab(), {"capture"});
    const auto count = [&](const std::string& text) {
      return std::vector<std::string>(absl::StrSplit(capture.output, text)).size() - 1;
    };
    if (count("\"armed\": true") != 4u) return absl::UnavailableError("not every guard is armed");
    return count("\"evsInactiveTimeout\": \"PT5S\"") == 4u ? absl::OkStatus()
                                                           : absl::UnavailableError("timeouts are not reported yet");
  }
  static void CutDc1FromEverybody() {
    ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"node3", "node4", "arbitrator", "lb1"}), absl::OkStatus());
  }
  static absl::Status Primary(const std::string& node) {
    return lab().HasStatusVariable(node, "wsrep_cluster_status", "Primary");
  }
  static absl::Status Stopped(const std::string& node) {
    return lab().Find(node).ok() ? absl::UnavailableError(node + " runs") : absl::OkStatus();
  }
  static void CutDc1FromTheArbitratorOneWay(bool from_arbitrator) {
    const std::vector<std::string> arbitrator = {"arbitrator"};
    const std::vector<std::string> dc1 = {"node1", "node2"};
    ASSERT_EQ(lab().CutOff(from_arbitrator ? arbitrator : dc1, from_arbitrator ? dc1 : arbitrator, true),
              absl::OkStatus());
    for (const std::string& node : dc1) ASSERT_TRUE(Reached([&] { return Unheard(node); }, absl::Seconds(20), node));
  }
  static absl::Status Unheard(const std::string& node) {
    const auto summary = SummaryOf(lab(), node);
    if (!summary.ok()) return summary.status();
    return summary->running() == v1::TERNARY_UNKNOWN ? absl::OkStatus() : absl::UnavailableError("it is heard");
  }
  static std::vector<pid_t> ServerPids() {
    std::vector<pid_t> pids;
    for (const std::string& node : lab().plan().NodeNames()) {
      const auto server = lab().Find(node);
      EXPECT_TRUE(server.ok()) << server.status();
      pids.push_back(server.ok() ? server->pid : 0);
    }
    return pids;
  }
  // Whoever is silent stays so, and the arbitrator has nothing to say but that.
  static bool IsNews(const v1::StatusSummaryResponse& summary) {
    return summary.diagnosis() != v1::DIAGNOSIS_DEGRADED ||
           std::ranges::any_of(summary.nodes(), [](const v1::NodeSummary& node) {
             const bool silent = node.name() == "node1" || node.name() == "node2";
             return node.running() != (silent ? v1::TERNARY_UNKNOWN : v1::TERNARY_YES);
           });
  }
  static void SetWeight(const std::string& node, int weight) {
    const auto set = lab().Sql(node, absl::StrFormat("SET GLOBAL wsrep_provider_options='pc.weight=%d'", weight));
    ASSERT_TRUE(set.ok()) << set.status();
  }
  static void ExpectDc2Promoted() {
    EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(30), "a grant"));
    for (const char* node : {"node3", "node4"}) {
      EXPECT_TRUE(Reached([&] { return Primary(node); }, kNotices + kTtl + absl::Seconds(15), "dc2 primary"));
    }
  }
  // The other data centre is promoted only after every node of dc1 has ended.
  static void ExpectFencedThenPromoted() {
    for (const char* node : {"node1", "node2"}) {
      EXPECT_TRUE(Reached([&] { return Stopped(node); }, absl::Seconds(30), "fenced"));
    }
    EXPECT_FALSE(Promoted() > 0 && Primary("node3").ok()) << "promoted before dc1 was fenced";
    ExpectDc2Promoted();
    for (const char* node : {"node1", "node2"}) EXPECT_EQ(Stopped(node), absl::OkStatus());
    EXPECT_TRUE(Reached([] { return lab().Routed("node3"); }, absl::Seconds(5), "in the balancer"));
  }
  // A write that was under way when the links were cut may be on one side only; who has it is not started until a human
  // has moved its data aside.
  static absl::Status AllBack() {
    const auto summary = Summary(lab());
    const absl::Status moved = summary.ok() ? MoveAsideWhoIsBeyond(lab(), *summary) : summary.status();
    return moved.ok() ? lab().AllSynced() : moved;
  }
  static void HealAndExpectAllBack() {
    ASSERT_EQ(lab().Heal(), absl::OkStatus());
    EXPECT_TRUE(Reached([] { return AllBack(); }, absl::Seconds(90), "all Synced"))
        << Minderctl(lab(), {"explain"}).output;
    EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY"));
  }
};

TEST_F(FenceTest, F02SilentDataCentreIsFencedBeforeTheOtherIsPromoted) {
  promotions_ = 1;
  CutDc1FromEverybody();
  ExpectFencedThenPromoted();
  HealAndExpectAllBack();
}

// Alone, dc1 commits what was under way, and so gets beyond where dc2 is promoted: it must not be joined as it is.
TEST_F(FenceTest, F05HeavyDataCentreThatGoesOnAloneIsFencedBeforeTheOtherIsPromoted) {
  for (const char* node : {"node1", "node2"}) SetWeight(node, 2);
  ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY with new weights"));
  promotions_ = 1;
  CutDc1FromEverybody();
  ASSERT_TRUE(Reached([] { return lab().Sql("node1", "CREATE TABLE lab.alone (id INT PRIMARY KEY)").status(); },
                      absl::Seconds(10), "a commit in dc1 alone"));
  ExpectFencedThenPromoted();
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  for (const char* node : {"node1", "node2"}) {
    EXPECT_TRUE(Reached(
        [&] {
          const auto summary = SummaryOf(lab(), node);
          if (!summary.ok()) return summary.status();
          const bool says = absl::StrContains(summary->note(), kBeyond);
          return says ? absl::OkStatus() : absl::UnavailableError(summary->note());
        },
        absl::Seconds(30), "refused to join"));
    EXPECT_EQ(Stopped(node), absl::OkStatus());
    ASSERT_EQ(lab().MoveDataAside(node), absl::OkStatus());
  }
  EXPECT_TRUE(AllBecomeSynced(absl::Seconds(90)));
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY"));
}

TEST_F(FenceTest, F08HalfOpenLinksToTheArbitratorCostOnlyTheLeasesWhichAWholeClusterDoesNotNeed) {
  for (const char* node : {"node1", "node2"}) SetWeight(node, 2);
  ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY with new weights"));
  Watcher watcher(lab().plan().ArbitratorAddress());
  for (const bool from_arbitrator : {true, false}) {
    const std::vector<pid_t> servers = ServerPids();
    const std::int64_t errors = writers_->Report().errors;
    const std::string history = Minderctl(lab(), {"history"}).output;
    ASSERT_NO_FATAL_FAILURE(CutDc1FromTheArbitratorOneWay(from_arbitrator));
    EXPECT_FALSE(watcher.FirstAfter(BootClock().Now(), 3 * kTtl, IsNews)) << Minderctl(lab(), {"explain"}).output;
    EXPECT_EQ(ServerPids(), servers) << "nobody is fenced";
    EXPECT_EQ(lab().AllSynced(), absl::OkStatus());
    EXPECT_EQ(lab().AllRouted(), absl::OkStatus());
    EXPECT_EQ(writers_->Report().errors, errors) << writers_->Report().last_error;
    EXPECT_EQ(Minderctl(lab(), {"history"}).output, history);
    HealAndExpectAllBack();
  }
  for (const char* node : {"node1", "node2"}) SetWeight(node, 1);
  ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY with old weights"));
}

// What dc1 says may still arrive, and no lease comes back.
TEST_F(FenceTest, F08DataCentreThatIsNotAnsweredIsFencedOnceItIsCutFromTheOtherToo) {
  promotions_ = 1;
  ASSERT_NO_FATAL_FAILURE(CutDc1FromTheArbitratorOneWay(true));
  ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"node3", "node4", "lb1"}), absl::OkStatus());
  ExpectFencedThenPromoted();
  HealAndExpectAllBack();
}

// With its votes dc1 goes on alone: only its guards end that.
TEST_F(FenceTest, F12FrozenAgentDoesNotKeepItsServerAlive) {
  for (const char* node : {"node1", "node2"}) SetWeight(node, 2);
  ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY with new weights"));
  promotions_ = 1;
  ASSERT_EQ(lab().Stop("node1/agent"), absl::OkStatus());
  CutDc1FromEverybody();
  ExpectFencedThenPromoted();
  ASSERT_EQ(lab().Continue("node1/agent"), absl::OkStatus());
  HealAndExpectAllBack();
}

TEST_F(FenceTest, F06WithoutTheArbitratorAWholeClusterGoesOn) {
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
  const auto before = lab().Find("node1");
  ASSERT_TRUE(before.ok());
  absl::SleepFor(3 * kTtl);  // nothing happens, which no condition shows
  EXPECT_EQ(lab().AllSynced(), absl::OkStatus());
  EXPECT_EQ(lab().Find("node1")->pid, before->pid);
  ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
}

TEST_F(FenceTest, F01WhoPromisedIsNotFenced) {
  promotions_ = 1;
  const auto dc1 = lab().Find("node1");
  const auto dc2 = lab().Find("node3");
  ASSERT_TRUE(dc1.ok() && dc2.ok());
  ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"node3", "node4"}), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(40), "a promotion"));
  absl::SleepFor(3 * kTtl);  // nothing happens, which no condition shows
  EXPECT_EQ(lab().Find("node1")->pid, dc1->pid);
  EXPECT_EQ(lab().Find("node3")->pid, dc2->pid);
  HealAndExpectAllBack();
}

TEST_F(FenceTest, F03KilledDataCentreWithItsAgentsIsReplacedAfterItsLeases) {
  // dc2 has noticed within evs.inactive_timeout, and by then nobody's last report is fresh (3 s). From there on the
  // grant waits as long as any of dc1 could live on: evs.inactive_timeout, lease_ttl and the margin of 1 s. Its order
  // goes out with the next report, of which there is one each second.
  const absl::Duration kPromotedWithin = kNotices + kNotices + kTtl + absl::Seconds(1) + absl::Seconds(1);
  promotions_ = 1;
  for (const char* agent : {"node1/agent", "node2/agent"}) ASSERT_EQ(lab().Kill(agent), absl::OkStatus());
  const BootTime killed = BootClock().Now();
  for (const char* node : {"node1", "node2"}) ASSERT_EQ(lab().Kill(node), absl::OkStatus());
  ExpectDc2Promoted();
  EXPECT_LE(Measured("time_to_promote", PromotedAfter(killed)), kPromotedWithin);
  for (const char* party : {"node1/agent", "node2/agent"}) ASSERT_EQ(lab().Start(party), absl::OkStatus());
  HealAndExpectAllBack();
}

}  // namespace
}  // namespace minder::lab
