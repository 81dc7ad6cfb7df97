// Parties that die between two steps of a promotion, on a real cluster: F33 and F35 of scenarios.md.
#include <array>
#include <csignal>

#include "common/base/file.h"
#include "tests/integration/cluster_fixture.h"

namespace minder::lab {
namespace {

struct Crash {
  static LabOptions Options() { return TestLabOptions("crash", true, "2+2"); }
};

class CrashTest : public ClusterTestOn<Crash> {
 protected:
  static absl::Status Is(const char* status, const std::string& node) {
    return lab().HasStatusVariable(node, "wsrep_cluster_status", status);
  }
  static absl::Status Cut() { return lab().CutOff({"node1", "node2"}, {"node3", "node4"}); }

  // Starts a party anew that will die, or stop, at this moment.
  static void Doom(const std::string& party, const std::string& failpoint) {
    if (lab().Find(party).ok()) {
      ASSERT_EQ(lab().Kill(party), absl::OkStatus());
    }
    ASSERT_EQ(lab().Start(party, failpoint), absl::OkStatus());
  }
  static absl::Status Died(const std::string& party) {
    return lab().Find(party).ok() ? absl::UnavailableError(party + " runs") : absl::OkStatus();
  }
  // Whoever gets the order is the first of its side.
  static void DoomBothTargets(const std::string& failpoint) {
    for (const char* agent : {"node1/agent", "node3/agent"}) Doom(agent, failpoint);
    ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(30), "HEALTHY"));
  }
  static ::testing::AssertionResult OneSideBecomesPrimary() {
    auto reached = Reached([] { return Is("Primary", "node1").ok() ? absl::OkStatus() : Is("Primary", "node3"); },
                           absl::Seconds(30), "one side primary");
    if (!reached) return reached;
    const char* other = Is("Primary", "node1").ok() ? "node3" : "node1";
    if (const absl::Status status = Is("non-Primary", other); !status.ok())
      return ::testing::AssertionFailure() << status;
    return ::testing::AssertionSuccess();
  }
  static void HealAndMerge() {
    ASSERT_EQ(lab().Heal(), absl::OkStatus());
    EXPECT_TRUE(AllBecomeSynced());
  }
};

// All moments in one split: each restart finds what the one before it left behind.
TEST_F(CrashTest, F35ArbitratorDiesAtEachStepAndOnePromotionComesOfIt) {
  promotions_ = 1;
  constexpr std::array kMoments = {
      "store.before_commit/GRANT_STATE_FREEZING", "store.after_commit/GRANT_STATE_FREEZING",
      "store.before_commit/GRANT_STATE_ORDERED",  "store.after_commit/GRANT_STATE_ORDERED",
      "message.before_send/make_primary",         "message.after_send/make_primary",
      "store.before_commit/GRANT_STATE_DONE",     "store.after_commit/GRANT_STATE_DONE"};
  for (const char* moment : kMoments) {
    Doom("arbitrator", std::string(moment) + "=exit");
    if (moment == kMoments.front()) {
      ASSERT_EQ(Cut(), absl::OkStatus());
    }
    ASSERT_TRUE(Reached([] { return Died("arbitrator"); }, absl::Seconds(40), moment));
    EXPECT_THAT(ReadFile(lab().plan().LogPath("arbitrator"), 1 << 24).value_or(""),
                ::testing::HasSubstr(std::string("failpoint ") + moment));
  }
  ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
  EXPECT_TRUE(OneSideBecomesPrimary());
  HealAndMerge();
}

TEST_F(CrashTest, F33AgentThatDiesBeforeItPromotesHoldsUpEverythingElse) {
  promotions_ = 1;
  DoomBothTargets("agent.before_promotion=exit");
  ASSERT_EQ(Cut(), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Died("node1/agent").ok() ? absl::OkStatus() : Died("node3/agent"); },
                      absl::Seconds(40), "the target's agent dead"));
  const std::string target = Died("node1/agent").ok() ? "node1" : "node3";
  ASSERT_EQ(lab().Start(target + "/agent"), absl::OkStatus());
  EXPECT_TRUE(Reached(
      [&] {
        const auto node = SummaryOf(lab(), target);
        if (!node.ok()) return node.status();
        return node->primary() == v1::TERNARY_NO ? absl::OkStatus() : absl::UnavailableError("not yet heard");
      },
      absl::Seconds(20), "its new agent is heard"));
  const auto summary = Summary(lab());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->diagnosis(), v1::DIAGNOSIS_GRANT_PENDING) << summary->reason();
  EXPECT_EQ(Promoted(), 1) << "nothing else is ordered while one may still be carried out";
  HealAndMerge();
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(30), "the grant ended"));
}

TEST_F(CrashTest, F33AgentThatDiesAfterItPromotedFindsThatItDid) {
  promotions_ = 1;
  DoomBothTargets("agent.after_promotion=exit");
  ASSERT_EQ(Cut(), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Died("node1/agent").ok() ? absl::OkStatus() : Died("node3/agent"); },
                      absl::Seconds(40), "the target's agent dead"));
  EXPECT_TRUE(OneSideBecomesPrimary());
  ASSERT_EQ(lab().Start("node1/agent"), absl::OkStatus());
  ASSERT_EQ(lab().Start("node3/agent"), absl::OkStatus());
  HealAndMerge();
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(30), "the grant ended"));
}

TEST_F(CrashTest, F33ServerThatDiesBeforeItIsPromotedEndsTheGrant) {
  promotions_ = ::testing::Ge(1);  // an order comes to nothing when its target dies, or when views merge under it
  DoomBothTargets("agent.before_promotion=stop");
  ASSERT_EQ(Cut(), absl::OkStatus());
  const auto stopped = [](const std::string& agent) {
    const auto process = lab().Find(agent);
    return process.ok() && process->state == 'T';
  };
  ASSERT_TRUE(Reached(
      [&] {
        return stopped("node1/agent") || stopped("node3/agent") ? absl::OkStatus() : absl::UnavailableError("runs");
      },
      absl::Seconds(40), "the target's agent stopped before it promotes"));
  const std::string target = stopped("node1/agent") ? "node1" : "node3";
  ASSERT_EQ(lab().Kill(target), absl::OkStatus());
  ASSERT_EQ(lab().Continue(target + "/agent"), absl::OkStatus());
  EXPECT_TRUE(Reached(
      [&] {
        const auto summary = Summary(lab());
        if (!summary.ok()) return summary.status();
        const bool open = summary->diagnosis() == v1::DIAGNOSIS_GRANT_PENDING && Promoted() == 1;
        return open ? absl::UnavailableError(summary->reason()) : absl::OkStatus();
      },
      absl::Seconds(40), "the end of the grant"));
  // Whether somebody else can be promoted after that depends on who has the last write set. An agent that was started
  // anew could not be, for it has not seen what its server holds.
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(Reached(
      [&] {
        for (const char* agent : {"node1/agent", "node3/agent"}) {  // whose turn it is
          if (stopped(agent)) lab().Continue(agent).IgnoreError();
        }
        return lab().AllSynced();
      },
      absl::Seconds(60), "all Synced"));
}

}  // namespace
}  // namespace minder::lab
