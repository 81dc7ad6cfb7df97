// Delay, loss, duplication and reordering on minder's own connections, on a real cluster.
#include "tests/integration/cluster_fixture.h"
#include "tests/lab/correspondence_proxy.h"

namespace minder::lab {
namespace {

struct Proxied {
  static LabOptions Options() {
    LabOptions options = TestLabOptions("proxied", true);
    options.proxied = true;
    return options;
  }
};

class BadNetworkTest : public ClusterTestOn<Proxied> {
 protected:
  static void SetUpTestSuite() {
    ClusterTestOn<Proxied>::SetUpTestSuite();
    auto proxy =
        CorrespondenceProxy::Start({.listen = lab().plan().ProxyAddress(), .target = lab().plan().ArbitratorAddress()});
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
  }
  static void TearDownTestSuite() {
    proxy_.reset();
    ClusterTestOn<Proxied>::TearDownTestSuite();
  }
  void TearDown() override {
    proxy_->Set({});
    proxy_->Release();
    ClusterTestOn<Proxied>::TearDown();
  }

  static void DrainAndUndrain(const std::string& node) {
    const CtlResult drain = Minderctl(lab(), {"drain", node, "--deadline", "40s"});
    EXPECT_EQ(drain.code, 0) << drain.output;
    EXPECT_EQ(lab().NotRouted(node), absl::OkStatus());
    EXPECT_EQ(DrainStateIs(node, v1::DRAIN_STATE_DRAINED), absl::OkStatus());
    const CtlResult undrain = Minderctl(lab(), {"undrain", node, "--deadline", "40s"});
    EXPECT_EQ(undrain.code, 0) << undrain.output;
    EXPECT_EQ(lab().Routed(node), absl::OkStatus());
  }

  // It has seen the cut, whatever became of it since.
  static absl::Status AloneAt(const std::string& node) {
    return lab().HasStatusVariable(node, "wsrep_cluster_size", "1");
  }

  static inline std::unique_ptr<CorrespondenceProxy> proxy_;
};

TEST_F(BadNetworkTest, F37DuplicatedAndReorderedMessagesChangeNothing) {
  proxy_->Set({.duplicates = 2, .reorder = 0.3});
  const auto before = proxy_->counters();
  for (int i = 0; i < 3; ++i) DrainAndUndrain("node3");
  EXPECT_GT(proxy_->counters().duplicated, before.duplicated);
  EXPECT_GT(proxy_->counters().reordered, before.reordered);
}

// There and back takes up to 1.2 s, thrice for a promise and an order, and what is lost is sent again after 3 s.
TEST_F(BadNetworkTest, F44SlowAndLossyMessagesOnlyCostTime) {
  constexpr absl::Duration kPromotedWithin = absl::Seconds(15);
  promotions_ = 1;
  proxy_->Set({.delay = absl::Milliseconds(400), .jitter = absl::Milliseconds(200), .drop = 0.05});
  DrainAndUndrain("node3");
  // What balancers do does not depend on the slow way.
  ASSERT_TRUE(lab().Kill("node2").ok());
  EXPECT_TRUE(OutOfBalancerAt("node2").has_value());
  EXPECT_TRUE(Reached([] { return lab().Routed("node2"); }, absl::Seconds(40), "node2 back in the balancer"));
  EXPECT_EQ(Promoted(), 0);

  for (const char* node : {"node1", "node2", "node3"}) ASSERT_EQ(lab().CutFromPeers(node), absl::OkStatus());
  for (const char* node : {"node1", "node2", "node3"})
    ASSERT_TRUE(Reached([&] { return AloneAt(node); }, absl::Seconds(40), "alone"));
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, kPromotedWithin, "a promotion"));
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return lab().AllSynced(); }, absl::Seconds(60), "all Synced"));
}

TEST_F(BadNetworkTest, OldOrdersThatArriveLateDoNotUndoNewerOnes) {
  proxy_->Hold();
  const CtlResult drain = Minderctl(lab(), {"drain", "node3", "--deadline", "1s"});
  EXPECT_EQ(drain.code, 6) << drain.output;
  const CtlResult undrain = Minderctl(lab(), {"undrain", "node3", "--deadline", "1s"});
  EXPECT_EQ(undrain.code, 0) << "nothing was ever drained, so there is nothing to wait for: " << undrain.output;
  EXPECT_EQ(lab().Routed("node3"), absl::OkStatus());
  proxy_->Release();
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
  EXPECT_EQ(DrainStateIs("node3", v1::DRAIN_STATE_SERVING), absl::OkStatus());
  EXPECT_EQ(lab().Routed("node3"), absl::OkStatus());
}

// The arbitrator knows its reports to be fresh by when they came, and only the agents know how old they are.
TEST_F(BadNetworkTest, F36OrdersThatComeTooLateAreRefusedAndNobodyIsPromotedBeforeTheyComeInTime) {
  promotions_ = 1;
  proxy_->Set({.delay = absl::Milliseconds(1500)});  // there and back: more than order_validity, 2 s
  for (const char* node : {"node1", "node2", "node3"}) ASSERT_EQ(lab().CutFromPeers(node), absl::OkStatus());
  EXPECT_TRUE(
      Reached([] { return Explained("2s are allowed"); }, absl::Seconds(60), "an order that came too late is refused"));
  EXPECT_EQ(Promoted(), 0);
  for (const char* node : {"node1", "node2", "node3"})
    EXPECT_EQ(lab().HasStatusVariable(node, "wsrep_cluster_status", "non-Primary"), absl::OkStatus());
  proxy_->Set({});
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(20), "a promotion"));
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return lab().AllSynced(); }, absl::Seconds(60), "all Synced"));
}

// What an older agent leaves out is unknown, and so is a value that only a newer one has; a field that only a newer one
// has is in nobody's way.
TEST_F(BadNetworkTest, F52NothingIsPromotedOnReportsOfOtherVersionsUntilTheySayWhatIsNeeded) {
  promotions_ = 1;
  const auto speak = [](bool older, bool newer) {
    proxy_->Set({.change = [older, newer](v1::Message& message) {
      if (!message.db_status_report().has_wsrep()) return;
      v1::DbStatusReport& report = *message.mutable_db_status_report();
      report.GetReflection()->MutableUnknownFields(&report)->AddVarint(1000, 1);
      if (older && message.sender().name() == "node1") report.clear_provider_options();
      if (newer && message.sender().name() == "node2")
        report.mutable_wsrep()->set_cluster_status(static_cast<v1::ClusterStatus>(17));
    }});
  };
  speak(true, true);
  for (const char* node : {"node1", "node2", "node3"}) ASSERT_EQ(lab().CutFromPeers(node), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Explained("node1 does not show its provider options"); }, absl::Seconds(30),
                      "what is missing is named"));
  EXPECT_TRUE(Reached([] { return Explained("node2 cannot be believed"); }, absl::Seconds(20), "and what is unknown"));
  speak(true, false);
  EXPECT_TRUE(Reached([] { return Explained("R420"); }, absl::Seconds(20), "everybody is seen, and nothing is done"));
  EXPECT_EQ(Explained("node1 does not show its provider options"), absl::OkStatus());
  EXPECT_EQ(Promoted(), 0);
  speak(false, false);
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(20), "a promotion"));
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return lab().AllSynced(); }, absl::Seconds(60), "all Synced"));
}

}  // namespace
}  // namespace minder::lab
