// Evictions and promotions on real clusters; the names of scenarios.md where they have one.
#include <csignal>
#include <map>

#include "tests/integration/cluster_fixture.h"

namespace minder::lab {
namespace {

struct Trio {
  static LabOptions Options() { return TestLabOptions("trio", true, "2+1"); }
};
struct Pair {
  static LabOptions Options() { return TestLabOptions("pair", true, "1+1"); }
};
struct Even {
  static LabOptions Options() { return TestLabOptions("even", true, "2+2"); }
};

absl::Status NonPrimary(const Lab& lab, const std::string& node) {
  return lab.HasStatusVariable(node, "wsrep_cluster_status", "non-Primary");
}
absl::Status Primary(const Lab& lab, const std::string& node) {
  return lab.HasStatusVariable(node, "wsrep_cluster_status", "Primary");
}

class EvictionTest : public ClusterTestOn<Trio> {};

TEST_F(EvictionTest, KilledMemberIsEvictedLongBeforeGaleraWouldAndComesBack) {
  WriterLoad direct({.clients = 4, .pause = absl::Milliseconds(2), .target = AppAt("node1")});
  ASSERT_TRUE(
      Reached([&] { return direct.Report().acknowledged > 100 ? absl::OkStatus() : absl::UnavailableError("no"); },
              absl::Seconds(10), "writes at node1"));
  ASSERT_TRUE(lab().SignalNow("node3", SIGKILL).ok());
  EXPECT_TRUE(Reached([] { return lab().HasStatusVariable("node1", "wsrep_cluster_size", "2"); }, absl::Seconds(3),
                      "node3 out of the view, which takes Galera alone 6 s"));
  // Galera's own stall when it takes the node in again, up to 2 s on a busy machine, is not what this is about.
  const std::int64_t after = direct.Report().acknowledged + 100;
  EXPECT_TRUE(
      Reached([&] { return direct.Report().acknowledged > after ? absl::OkStatus() : absl::UnavailableError("no"); },
              absl::Seconds(10), "writes after the eviction"));
  direct.Stop();
  std::cerr << "longest write stall beside 200 clients: " << direct.Report().longest_gap << "\n";
  ASSERT_TRUE(Reached([] { return lab().Synced("node3"); }, absl::Seconds(40), "node3 back"));
  EXPECT_LT(direct.Report().longest_gap, absl::Seconds(2));
  EXPECT_EQ(direct.Report().errors, 0) << direct.Report().last_error;
  for (const char* node : {"node1", "node2"}) {
    EXPECT_TRUE(Reached([&] { return lab().HasStatusVariable(node, "wsrep_evs_evict_list", ""); }, absl::Seconds(10),
                        "nothing left on the list"));
  }
}

TEST_F(EvictionTest, StoppedOnPurposeIsNeitherEvictedNorStarted) {
  ASSERT_TRUE(lab().SignalNow("node3", SIGTERM).ok());
  EXPECT_TRUE(Reached([] { return lab().HasStatusVariable("node1", "wsrep_cluster_size", "2"); }, absl::Seconds(20),
                      "node3 gone"));
  EXPECT_EQ(lab().HasStatusVariable("node1", "wsrep_evs_evict_list", ""), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return lab().Find("node3").ok() ? absl::UnavailableError("runs") : absl::OkStatus(); },
                      absl::Seconds(20), "node3 ended"));
  const auto node = SummaryOf(lab(), "node3");
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_THAT(node->note(), ::testing::Not(::testing::HasSubstr("restart in")));
  ASSERT_EQ(lab().Restart("node3/agent"), absl::OkStatus());  // a new agent starts what does not run
}

class PairTest : public ClusterTestOn<Pair> {};

// After the eviction Galera sometimes forms the component of one by itself ("re-bootstrapping prim from partitioned
// components"); otherwise minder promotes it. Either way there is one.
TEST_F(PairTest, SurvivorOfAKilledPeerServesAgainAndThePeerComesBack) {
  promotions_ = ::testing::Le(1);
  ASSERT_TRUE(lab().SignalNow("node2", SIGKILL).ok());
  EXPECT_TRUE(Reached([] { return lab().HasStatusVariable("node1", "wsrep_cluster_size", "1"); }, absl::Seconds(5),
                      "node2 evicted"));
  EXPECT_TRUE(Reached([] { return Primary(lab(), "node1"); }, absl::Seconds(5), "node1 primary"));
  EXPECT_TRUE(Reached([] { return lab().Routed("node1"); }, absl::Seconds(5), "node1 in the balancer"));
  EXPECT_TRUE(Reached([] { return lab().Synced("node2"); }, absl::Seconds(40), "node2 back"));
  const auto retrans = lab().Sql("node1", "SELECT @@wsrep_provider_options");
  ASSERT_TRUE(retrans.ok()) << retrans.status();
  EXPECT_THAT(retrans->rows[0][0], ::testing::HasSubstr("evs.join_retrans_period = PT1S")) << "put back";
}

// How long Galera needs to see a cut is its own affair: 6 s, and up to 20 s shortly after an eviction. Beside clients
// that write, either side may have one more write set than the other; that side is promoted, preferred or not.
TEST_F(PairTest, F01CutPairPromotesOneSideOnceAndMergesAfterwards) {
  promotions_ = 1;
  ASSERT_EQ(lab().CutFromPeers("node2"), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(40), "a promotion"));
  ASSERT_TRUE(Reached([] { return Primary(lab(), "node1").ok() ? absl::OkStatus() : Primary(lab(), "node2"); },
                      absl::Seconds(5), "one node primary"));
  EXPECT_EQ(NonPrimary(lab(), Primary(lab(), "node1").ok() ? "node2" : "node1"), absl::OkStatus());
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
}

class EvenSplitTest : public ClusterTestOn<Even> {
 protected:
  static constexpr auto kFirst = {"node1", "node2"};
  static constexpr auto kSecond = {"node3", "node4"};
  static absl::Status Cut() { return lab().CutOff({"node1", "node2"}, {"node3", "node4"}); }
};

TEST_F(EvenSplitTest, F01CutWanPromotesOneDataCentreOnce) {
  promotions_ = 1;
  ASSERT_EQ(Cut(), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(40), "a promotion"));
  ASSERT_TRUE(Reached([] { return Primary(lab(), "node1").ok() ? absl::OkStatus() : Primary(lab(), "node3"); },
                      absl::Seconds(5), "one side primary"));
  const bool first = Primary(lab(), "node1").ok();
  for (const char* node : first ? kFirst : kSecond)
    EXPECT_TRUE(Reached([&] { return Primary(lab(), node); }, absl::Seconds(5), "the promoted side"));
  for (const char* node : first ? kSecond : kFirst) EXPECT_EQ(NonPrimary(lab(), node), absl::OkStatus());
  EXPECT_TRUE(Reached([&] { return lab().Routed(first ? "node1" : "node3"); }, absl::Seconds(5), "in the balancer"));
  EXPECT_EQ(lab().NotRouted(first ? "node3" : "node1"), absl::OkStatus());
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced(absl::Seconds(40)));
}

TEST_F(EvenSplitTest, F02PreferredSideCutFromEverybodyIsNoReasonToPromoteTheOther) {
  promotions_ = ::testing::Ge(0);  // none while it is cut off; at the heal minder may be faster than Galera's merge
  ASSERT_EQ(Cut(), absl::OkStatus());
  ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"arbitrator"}), absl::OkStatus());
  for (const char* node : kSecond)
    EXPECT_TRUE(Reached([&] { return NonPrimary(lab(), node); }, absl::Seconds(20), "dc2 non-Primary"));
  EXPECT_TRUE(Reached(
      [] {
        const auto summary = Summary(lab());
        if (!summary.ok()) return summary.status();
        return summary->diagnosis() == v1::DIAGNOSIS_NO_PRIMARY_PARTIAL ? absl::OkStatus()
                                                                        : absl::UnavailableError(summary->reason());
      },
      absl::Seconds(20), "NO_PRIMARY_PARTIAL"));
  EXPECT_EQ(Promoted(), 0);
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
}

TEST_F(EvenSplitTest, F07ArbitratorThatSeesOneSideOfAWholeClusterDoesNothing) {
  ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"arbitrator"}), absl::OkStatus());
  EXPECT_TRUE(Reached(
      [] {
        const auto node = SummaryOf(lab(), "node1");
        if (!node.ok()) return node.status();
        return node->running() == v1::TERNARY_UNKNOWN ? absl::OkStatus() : absl::UnavailableError("still fresh");
      },
      absl::Seconds(10), "node1 silent"));
  const auto summary = Summary(lab());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->diagnosis(), v1::DIAGNOSIS_DEGRADED) << summary->reason();
  EXPECT_EQ(lab().AllSynced(), absl::OkStatus());
  EXPECT_EQ(lab().AllRouted(), absl::OkStatus());
}

// Their deaths are seen at once, so dc2 writes again before Galera alone would as much as suspect anybody. That needs a
// promotion, unless Galera drops one after the other and keeps a majority.
TEST_F(EvenSplitTest, F03KilledDataCentreIsProvenDeadByItsAgents) {
  constexpr absl::Duration kWritableWithin = absl::Seconds(5);  // evs.suspect_timeout, its default
  promotions_ = ::testing::Le(1);
  const BootTime killed = BootClock().Now();
  for (const char* node : kFirst) ASSERT_TRUE(lab().SignalNow(node, SIGKILL).ok());
  const auto write = [] { return lab().Sql("node3", "REPLACE INTO lab.marker VALUES ('dc2 alone', 1)").status(); };
  EXPECT_TRUE(Reached(write, absl::Seconds(30), "a write in dc2"));
  EXPECT_LT(Measured("time_to_write", BootClock().Now() - killed), kWritableWithin);
  if (Promoted() > 0) Measured("time_to_promote", PromotedAfter(killed));
  EXPECT_TRUE(AllBecomeSynced());
  EXPECT_EQ(observer_->CheckNeverTwoPrimaries(), absl::OkStatus());
}

// Galera may lose a component that two join at once.
TEST_F(EvenSplitTest, TwoThatDieTogetherJoinOneAfterTheOther) {
  promotions_ = ::testing::Le(1);
  std::map<std::string, pid_t> died;
  for (const char* node : kFirst) {
    const auto process = lab().Find(node);
    ASSERT_TRUE(process.ok()) << process.status();
    died[node] = process->pid;
  }
  for (const char* node : kFirst) ASSERT_TRUE(lab().SignalNow(node, SIGKILL).ok());
  const auto both_run = [&] {
    for (const auto& [node, pid] : died) {
      const auto process = lab().Find(node);
      if (!process.ok() || process->pid == pid) return absl::UnavailableError(node);
    }
    return absl::OkStatus();
  };
  ASSERT_TRUE(Reached(both_run, absl::Seconds(40), "both started again"));
  const auto size = lab().StatusVariable("node3", "wsrep_cluster_size");
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(*size, "3") << "one had joined when the other was started";
  EXPECT_TRUE(AllBecomeSynced());
}

TEST_F(EvenSplitTest, F35ArbitratorKilledInTheMiddleGoesOnWhereItWas) {
  promotions_ = 1;
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
  ASSERT_EQ(Cut(), absl::OkStatus());
  for (const char* node : {"node1", "node2", "node3", "node4"})
    EXPECT_TRUE(Reached([&] { return NonPrimary(lab(), node); }, absl::Seconds(20), "everybody non-Primary"));
  ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Primary(lab(), "node1").ok() ? absl::OkStatus() : Primary(lab(), "node3"); },
                      absl::Seconds(20), "one side primary"));
  EXPECT_EQ(NonPrimary(lab(), Primary(lab(), "node1").ok() ? "node3" : "node1"), absl::OkStatus());
  EXPECT_EQ(Promoted(), 1);
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced(absl::Seconds(40)));
}

}  // namespace
}  // namespace minder::lab
