// Drains on a real cluster.
#include <csignal>

#include "tests/integration/cluster_fixture.h"

namespace minder::lab {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Key;

class DrainTest : public ClusterTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(ClusterTest::SetUp());
    clients_at_node3_ = ClientsAt("node3");
  }
  // The other nodes serve throughout, and no session is cut: a client that stays on the drained node is told once that
  // it is read-only there, and is served elsewhere when it comes back. Each client writes after its pause; when nobody
  // has written for two of them, all have waited.
  void ExpectOthersServedThroughout() const {
    EXPECT_TRUE(WritingGoesOn());
    const WriterReport report = writers_->Report();
    EXPECT_LE(report.errors, clients_at_node3_);
    EXPECT_THAT(report.errors_by_message, Each(Key(HasSubstr("--read-only"))));
    EXPECT_LT(report.longest_gap, 2 * kWritersPause);
  }
  // Everybody who has a part in the drain of node3 is heard of, and not just remembered.
  static absl::Status AllHeardOf() {
    const auto node = SummaryOf(lab(), "node3");
    if (!node.ok()) return node.status();
    if (node->running() != v1::TERNARY_YES) return absl::UnavailableError("node3 is silent");
    const bool balancer = node->backends_size() == 1 && !node->backends(0).stale();
    return balancer ? absl::OkStatus() : absl::UnavailableError("lb1 is silent");
  }

  // A transaction on node3 that has written and is open.
  static SqlSession OpenTransaction() {
    auto session = SqlSession::Open(AppAt("node3"));
    EXPECT_TRUE(session.ok()) << session.status();
    EXPECT_TRUE(session->Query("BEGIN").ok());
    static int row = 0;
    EXPECT_TRUE(session->Query("INSERT INTO lab.written VALUES (4242, 1, " + std::to_string(++row) + ")").ok());
    return *std::move(session);
  }
  static void ExpectNewHaproxyIsPutRight() {
    ASSERT_EQ(lab().Start("lb1/haproxy"), absl::OkStatus());
    const BootTime back = BootClock().Now();
    const auto out = OutOfBalancerAt("node3");
    ASSERT_TRUE(out.has_value());
    EXPECT_LE(*out - back, absl::Seconds(1));
  }
  static std::string ReadOnly() { return lab().Sql("node3", "SELECT @@read_only")->rows[0][0]; }

  int clients_at_node3_ = 0;
};

TEST_F(DrainTest, OpenTransactionCommitsThenTheDrainEndsAndUndrainBringsTheNodeBack) {
  SqlSession transaction = OpenTransaction();
  auto drain = MinderctlLater(lab(), {"drain", "node3"});
  ASSERT_TRUE(Reached([] { return DrainStateIs("node3", v1::DRAIN_STATE_WAITING_FOR_TRANSACTIONS); }, absl::Seconds(20),
                      "waiting for transactions"));
  EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  EXPECT_TRUE(NoNewSessionReaches("node3"));
  EXPECT_EQ(drain.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "ended with a transaction open";
  EXPECT_EQ(transaction.Query("COMMIT").status(), absl::OkStatus());
  const CtlResult result = drain.get();
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(DrainStateIs("node3", v1::DRAIN_STATE_DRAINED), absl::OkStatus());
  EXPECT_EQ(ReadOnly(), "1");
  EXPECT_TRUE(NoNewSessionReaches("node3"));

  const CtlResult undrain = Minderctl(lab(), {"undrain", "node3"});
  EXPECT_EQ(undrain.code, 0) << undrain.output;
  EXPECT_EQ(lab().Routed("node3"), absl::OkStatus());
  EXPECT_EQ(ReadOnly(), "0");
  ExpectOthersServedThroughout();
}

TEST_F(DrainTest, DeadlineNamesWhatIsOpenAndTheNodeStaysDrained) {
  SqlSession transaction = OpenTransaction();
  const CtlResult result = Minderctl(lab(), {"drain", "node3", "--deadline", "2s"});
  EXPECT_EQ(result.code, 6) << result.output;
  EXPECT_THAT(result.output, HasSubstr("app@"));
  EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  EXPECT_EQ(transaction.Query("COMMIT").status(), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return DrainStateIs("node3", v1::DRAIN_STATE_DRAINED); }, absl::Seconds(20), "drained"));
  ExpectOthersServedThroughout();
}

TEST_F(DrainTest, DryRunChangesNothing) {
  const CtlResult result = Minderctl(lab(), {"drain", "node3", "--dry-run"});
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(lab().Routed("node3"), absl::OkStatus());
  EXPECT_EQ(DrainStateIs("node3", v1::DRAIN_STATE_SERVING), absl::OkStatus());
}

TEST_F(DrainTest, F53SurvivesAKilledArbitratorInTheMiddle) {
  SqlSession transaction = OpenTransaction();
  auto drain = MinderctlLater(lab(), {"drain", "node3"});
  ASSERT_TRUE(Reached([] { return DrainStateIs("node3", v1::DRAIN_STATE_WAITING_FOR_TRANSACTIONS); }, absl::Seconds(20),
                      "waiting for transactions"));
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
  EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  EXPECT_TRUE(NoNewSessionReaches("node3"));
  ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
  EXPECT_EQ(transaction.Query("COMMIT").status(), absl::OkStatus());
  const CtlResult result = drain.get();  // minderctl itself came back with the same request
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(DrainStateIs("node3", v1::DRAIN_STATE_DRAINED), absl::OkStatus());
  ExpectOthersServedThroughout();
}

TEST_F(DrainTest, F53UndrainGoesOnAfterAKilledArbitratorInTheMiddle) {
  ASSERT_EQ(Minderctl(lab(), {"drain", "node3"}).code, 0);
  ASSERT_EQ(lab().Kill("lb1/agent"), absl::OkStatus());  // so that it does not end before the middle
  auto undrain = MinderctlLater(lab(), {"undrain", "node3"});
  ASSERT_TRUE(Reached([] { return DrainStateIs("node3", v1::DRAIN_STATE_SERVING); }, absl::Seconds(20), "serving"));
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
  EXPECT_EQ(ReadOnly(), "0");
  EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  EXPECT_EQ(undrain.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "ended before the balancer knew";
  ASSERT_EQ(lab().Start("lb1/agent"), absl::OkStatus());
  ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
  const CtlResult result = undrain.get();
  EXPECT_EQ(result.code, 0) << result.output;
  EXPECT_EQ(lab().AllRouted(), absl::OkStatus());
  ExpectOthersServedThroughout();
}

TEST_F(DrainTest, F53SurvivesRestartsOfEveryAgent) {
  ASSERT_EQ(Minderctl(lab(), {"drain", "node3"}).code, 0);
  for (const char* party : {"node3/agent", "lb1/agent", "arbitrator"}) {
    ASSERT_EQ(lab().Kill(party), absl::OkStatus()) << party;
    ASSERT_TRUE(Reached([] { return AllHeardOf().ok() ? absl::UnavailableError("not yet") : absl::OkStatus(); },
                        absl::Seconds(10), "its silence"))
        << party;
    ASSERT_EQ(lab().Start(party), absl::OkStatus()) << party;
    EXPECT_TRUE(Reached(AllHeardOf, absl::Seconds(20), "heard of again")) << party;
    EXPECT_EQ(DrainStateIs("node3", v1::DRAIN_STATE_DRAINED), absl::OkStatus()) << party;
    EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus()) << party;
  }
  // All at once: what is left is on the disks of arbitrator and node.
  for (const char* party : {"arbitrator", "lb1/agent", "node3/agent"}) ASSERT_EQ(lab().Kill(party), absl::OkStatus());
  for (const char* party : {"lb1/agent", "node3/agent", "arbitrator"}) ASSERT_EQ(lab().Start(party), absl::OkStatus());
  EXPECT_TRUE(Reached(AllHeardOf, absl::Seconds(20), "heard of again"));
  EXPECT_EQ(DrainStateIs("node3", v1::DRAIN_STATE_DRAINED), absl::OkStatus());
  EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  EXPECT_EQ(ReadOnly(), "1");
  ExpectOthersServedThroughout();
}

TEST_F(DrainTest, RestartedServerIsReadOnlyAgainAndUndrainWorksWithoutTheOldSession) {
  ASSERT_EQ(Minderctl(lab(), {"drain", "node3"}).code, 0);
  ASSERT_EQ(lab().Kill("node3"), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return lab().Synced("node3"); }, absl::Seconds(40), "node3 restarted by its agent"));
  EXPECT_TRUE(Reached([] { return ReadOnly() == "1" ? absl::OkStatus() : absl::UnavailableError("0"); },
                      absl::Seconds(10), "read_only again"));
  EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  EXPECT_EQ(Minderctl(lab(), {"undrain", "node3"}).code, 0);
  EXPECT_EQ(lab().Routed("node3"), absl::OkStatus());
}

TEST_F(DrainTest, RestartedHaproxyIsPutRightWithinASecond) {
  ASSERT_EQ(Minderctl(lab(), {"drain", "node3"}).code, 0);
  ASSERT_EQ(lab().Kill("lb1/haproxy"), absl::OkStatus());
  ExpectNewHaproxyIsPutRight();
}

TEST_F(DrainTest, F53RestartedHaproxyIsPutRightWhileTheArbitratorIsAway) {
  ASSERT_EQ(Minderctl(lab(), {"drain", "node3"}).code, 0);
  ASSERT_EQ(lab().Kill("lb1/haproxy"), absl::OkStatus());
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
  ExpectNewHaproxyIsPutRight();
  ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
  EXPECT_TRUE(Reached(AllHeardOf, absl::Seconds(20), "heard of again"));
  EXPECT_EQ(DrainStateIs("node3", v1::DRAIN_STATE_DRAINED), absl::OkStatus());
  EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  for (const char* node : {"node1", "node2"}) EXPECT_EQ(lab().Routed(node), absl::OkStatus());
}

TEST_F(DrainTest, RefusesTheMajorityOfThePrimaryComponentAndNamesUnknownNodes) {
  ASSERT_EQ(Minderctl(lab(), {"drain", "node3"}).code, 0);
  const CtlResult refused = Minderctl(lab(), {"drain", "node2"});
  EXPECT_EQ(refused.code, 4) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("D20"));
  EXPECT_EQ(lab().Routed("node2"), absl::OkStatus());
  const CtlResult unknown = Minderctl(lab(), {"drain", "node9"});
  EXPECT_EQ(unknown.code, 1) << unknown.output;
  EXPECT_THAT(unknown.output, HasSubstr("node1, node2, node3"));
}

// node3 may be promoted meanwhile, and is drained all the same.
TEST_F(DrainTest, F53EndsWhenTheOtherDataCentreFailsInTheMiddle) {
  promotions_ = ::testing::Le(1);
  {
    const SqlSession transaction = OpenTransaction();
    auto drain = MinderctlLater(lab(), {"drain", "node3", "--deadline", "3s"});
    ASSERT_TRUE(Reached([] { return DrainStateIs("node3", v1::DRAIN_STATE_WAITING_FOR_TRANSACTIONS); },
                        absl::Seconds(20), "waiting for transactions"));
    for (const char* node : {"node1", "node2"}) ASSERT_TRUE(lab().SignalNow(node, SIGKILL).ok());
    const CtlResult result = drain.get();
    EXPECT_EQ(result.code, 6) << result.output;
    EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  }
  EXPECT_TRUE(Reached([] { return DrainStateIs("node3", v1::DRAIN_STATE_DRAINED); }, absl::Seconds(40), "drained"));
  for (const char* node : {"node1", "node2"})
    EXPECT_TRUE(Reached([&] { return lab().Routed(node); }, absl::Seconds(60), "back in the balancer"));
  EXPECT_EQ(lab().NotRouted("node3"), absl::OkStatus());
  EXPECT_EQ(ReadOnly(), "1");
}

TEST(DrainOfTwo, LastServingNodeIsRefused) {
  const ScopedLab scoped(TestLabOptions("two", true, "1+1"));
  ASSERT_EQ(scoped.status(), absl::OkStatus());
  const Lab& lab = scoped.lab();
  ASSERT_TRUE(Reached(
      [&] { return Minderctl(lab, {"status"}).code == 0 ? absl::OkStatus() : absl::UnavailableError("not healthy"); },
      absl::Seconds(20), "healthy"));
  const CtlResult drained = Minderctl(lab, {"drain", "node2"});
  ASSERT_EQ(drained.code, 0) << drained.output;
  const CtlResult refused = Minderctl(lab, {"drain", "node1"});
  EXPECT_EQ(refused.code, 4) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("last serving node"));
  EXPECT_EQ(lab.Routed("node1"), absl::OkStatus());
}

}  // namespace
}  // namespace minder::lab
