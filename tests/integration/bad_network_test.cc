// Delay, loss, duplication and reordering on minder's own connections, on a real cluster.
#include <compare>
#include <mutex>
#include <set>

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
// Where messages can be too slow for orders and quick enough for reports.
struct Impatient {
  static LabOptions Options() {
    LabOptions options = TestLabOptions("impatient", true);
    options.proxied = true;
    options.promotion = "order_validity: 1s";
    return options;
  }
};

// What the agents report of orders to make somebody primary, of later epochs than one; fed by the proxy's threads.
class Outcomes {
 public:
  void Start(std::uint64_t after) {
    std::lock_guard lock(mutex_);
    after_ = after;
    seen_.clear();
  }
  void Take(const v1::Message& message) {
    std::lock_guard lock(mutex_);
    for (const v1::OrderStatus& order : message.db_status_report().orders()) {
      if (order.verb() == v1::Message::kMakePrimaryFieldNumber && order.epoch() > after_)
        seen_.insert({message.sender().name(), order.epoch(), order.outcome()});
    }
  }
  struct Outcome {
    std::string node;
    std::uint64_t epoch = 0;
    v1::OrderOutcome outcome{};
    auto operator<=>(const Outcome&) const = default;
  };
  std::set<Outcome> seen() const {
    std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  mutable std::mutex mutex_;
  std::uint64_t after_ = 0;
  std::set<Outcome> seen_;
};

template <typename Kind>
class ProxiedTestOn : public ClusterTestOn<Kind> {
 protected:
  static void SetUpTestSuite() {
    ClusterTestOn<Kind>::SetUpTestSuite();
    const Plan& plan = ProxiedTestOn::lab().plan();
    auto proxy = CorrespondenceProxy::Start({.listen = plan.ProxyAddress(), .target = plan.ArbitratorAddress()});
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
  }
  static void TearDownTestSuite() {
    proxy_.reset();
    ClusterTestOn<Kind>::TearDownTestSuite();
  }
  void TearDown() override {
    proxy_->Set({});
    proxy_->Release();
    ClusterTestOn<Kind>::TearDown();
  }

  static inline std::unique_ptr<CorrespondenceProxy> proxy_;
};

class ImpatientTest : public ProxiedTestOn<Impatient> {};

class BadNetworkTest : public ProxiedTestOn<Proxied> {
 protected:
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

  // Of this epoch or a later one.
  static absl::Status Recorded(std::uint64_t since, const std::string& text) {
    const auto history = History(lab());
    if (!history.ok()) return history.status();
    const bool there = std::ranges::any_of(history->entries(), [&](const v1::HistoryEntry& entry) {
      return entry.record().epoch() >= since && absl::StrContains(entry.record().text(), text);
    });
    return there ? absl::OkStatus() : absl::UnavailableError(Minderctl(lab(), {"history"}).output);
  }
  static void SetWeightOfNode1(int weight) {
    const auto set = lab().Sql("node1", absl::StrFormat("SET GLOBAL wsrep_provider_options='pc.weight=%d'", weight));
    ASSERT_TRUE(set.ok()) << set.status();
    ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY with another weight"));
  }
  static absl::Status Is(const char* status, const std::string& node) {
    return lab().HasStatusVariable(node, "wsrep_cluster_status", status);
  }
  static bool AllHoldTheSame() {
    std::set<std::string> seqnos;
    for (const std::string& node : lab().plan().NodeNames())
      seqnos.insert(lab().StatusVariable(node, "wsrep_last_committed").value_or("unknown of " + node));
    return seqnos.size() == 1;
  }
  // Everybody is alone and holds the same, so that each could be promoted. A write that is under way when the links
  // are cut may be on one side only; then it is tried again.
  static void CutIntoThreeWithTheSameData() {
    for (int i = 0; i < 10; ++i) {
      ASSERT_EQ(lab().CutOff({"node1"}, {"node2", "node3"}), absl::OkStatus());
      ASSERT_EQ(lab().CutOff({"node2"}, {"node3"}), absl::OkStatus());
      for (const std::string& node : lab().plan().NodeNames())
        ASSERT_TRUE(Reached([&] { return Is("non-Primary", node); }, absl::Seconds(40), "non-Primary"));
      if (AllHoldTheSame()) return;
      ASSERT_EQ(lab().Heal(), absl::OkStatus());
      ASSERT_TRUE(AllBecomeSynced());
    }
    FAIL() << "never the same data on every node";
  }

  Outcomes outcomes_;
};

TEST_F(BadNetworkTest, F37DuplicatedAndReorderedMessagesChangeNothing) {
  proxy_->Set({.duplicates = 2, .reorder = 0.3});
  const auto before = proxy_->counters();
  for (int i = 0; i < 3; ++i) DrainAndUndrain("node3");
  EXPECT_GT(proxy_->counters().duplicated, before.duplicated);
  EXPECT_GT(proxy_->counters().reordered, before.reordered);
}

TEST_F(BadNetworkTest, F37APromotionByDuplicatedAndReorderedMessagesHappensOnce) {
  promotions_ = 1;
  outcomes_.Start(Epoch());
  proxy_->Set({.duplicates = 2, .reorder = 0.3, .change = [this](v1::Message& message) { outcomes_.Take(message); }});
  const auto before = proxy_->counters();
  for (const char* node : {"node1", "node2", "node3"}) ASSERT_EQ(lab().CutFromPeers(node), absl::OkStatus());
  const auto done = [&] {
    const auto seen = outcomes_.seen();
    const bool is = std::ranges::find(seen, v1::ORDER_OUTCOME_DONE, &Outcomes::Outcome::outcome) != seen.end();
    return is ? absl::OkStatus() : absl::UnavailableError("not reported");
  };
  EXPECT_TRUE(Reached(done, absl::Seconds(60), "the order is reported to be done"));
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
  EXPECT_GT(proxy_->counters().duplicated, before.duplicated);
  EXPECT_GT(proxy_->counters().reordered, before.reordered);
  const std::uint64_t epoch = Epoch();
  for (const Outcomes::Outcome& seen : outcomes_.seen()) {
    EXPECT_EQ(seen.epoch, epoch) << seen.node;
    EXPECT_THAT(seen.outcome, ::testing::AnyOf(v1::ORDER_OUTCOME_STARTED, v1::ORDER_OUTCOME_DONE)) << seen.node;
  }
}

// There and back takes up to 1.2 s, thrice for a promise and an order, and what is lost is sent again after 3 s. Of who
// answers after 8 s nothing is known.
TEST_F(BadNetworkTest, F44SlowAndLossyMessagesOnlyCostTime) {
  constexpr absl::Duration kTooSlow = absl::Seconds(8);
  constexpr absl::Duration kPromotedWithin = absl::Seconds(15);
  promotions_ = ::testing::Ge(1);  // an order that was lost, and sent again, comes too late, and is refused
  const CorrespondenceProxy::Faults slow{
      .delay = absl::Milliseconds(400), .jitter = absl::Milliseconds(200), .drop = 0.05};
  proxy_->Set(slow);
  DrainAndUndrain("node3");
  // What balancers do does not depend on the slow way.
  ASSERT_TRUE(lab().Kill("node2").ok());
  EXPECT_TRUE(OutOfBalancerAt("node2").has_value());
  EXPECT_TRUE(Reached([] { return lab().Routed("node2"); }, absl::Seconds(40), "node2 back in the balancer"));
  EXPECT_EQ(Promoted(), 0);

  proxy_->Set({.delay = kTooSlow});
  for (const char* node : {"node1", "node2", "node3"}) ASSERT_EQ(lab().CutFromPeers(node), absl::OkStatus());
  for (const char* node : {"node1", "node2", "node3"})
    ASSERT_TRUE(Reached([&] { return AloneAt(node); }, absl::Seconds(40), "alone"));
  EXPECT_TRUE(Reached([] { return Explained("nothing is known of node1, node2, node3"); }, 2 * kTooSlow, "unknown"));
  EXPECT_EQ(Promoted(), 0);
  proxy_->Set(slow);
  EXPECT_TRUE(Reached(
      [] {
        return lab().Routed("node1").ok() || lab().Routed("node2").ok() || lab().Routed("node3").ok()
                   ? absl::OkStatus()
                   : absl::UnavailableError("nobody");
      },
      kTooSlow + kPromotedWithin, "somebody promoted, and routed"));
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
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

// node1 is to be promoted and does not get its order; then the links change, and the two others have more to say for
// them: they have each other, and with half of the votes need a promotion as well.
TEST_F(BadNetworkTest, F36AnOrderThatComesWhenAnotherGroupWasPromotedIsRefused) {
  constexpr absl::Duration kOrderValidity = absl::Seconds(2);
  promotions_ = 1;
  ASSERT_NO_FATAL_FAILURE(SetWeightOfNode1(2));
  ASSERT_EQ(Minderctl(lab(), {"pause", "--for=5m", "--reason=a test"}).code, 0);
  ASSERT_NO_FATAL_FAILURE(CutIntoThreeWithTheSameData());
  const std::uint64_t first = Epoch() + 1;
  outcomes_.Start(first - 1);
  proxy_->Set(
      {.change = [this](v1::Message& message) { outcomes_.Take(message); },
       .set_aside = [](const v1::Message& m) { return m.has_make_primary() && m.receiver().name() == "node1"; }});
  ASSERT_EQ(Minderctl(lab(), {"resume"}).code, 0);
  ASSERT_TRUE(
      Reached([&] { return Recorded(first, "node1 is ordered to make node1 primary"); }, absl::Seconds(20), "order"));
  const BootTime ordered = BootClock().Now();
  ASSERT_TRUE(
      Reached([&] { return Recorded(first, "node1 did not get the order in time"); }, absl::Seconds(20), "given up"));
  ASSERT_EQ(lab().HealBetween({"node2"}, {"node3"}), absl::OkStatus());
  for (const char* node : {"node2", "node3"})
    ASSERT_TRUE(Reached([&] { return Is("Primary", node); }, absl::Seconds(40), "the others are promoted"));
  absl::SleepFor(ordered + 2 * kOrderValidity - BootClock().Now());
  EXPECT_GT(proxy_->counters().waiting, 0u);
  EXPECT_THAT(outcomes_.seen(), ::testing::Each(::testing::Field(&Outcomes::Outcome::node, ::testing::Ne("node1"))));

  proxy_->Release();
  // Several may have been given up, and of those that come at once the last one is reported.
  const auto of_node1 = [&] {
    std::set<v1::OrderOutcome> outcomes;
    for (const Outcomes::Outcome& seen : outcomes_.seen()) {
      if (seen.node == "node1") outcomes.insert(seen.outcome);
    }
    return outcomes;
  };
  const auto refused = [&] { return of_node1().empty() ? absl::UnavailableError("not reported") : absl::OkStatus(); };
  EXPECT_TRUE(Reached(refused, absl::Seconds(10), "the first order is refused"));
  EXPECT_THAT(of_node1(), ::testing::ElementsAre(v1::ORDER_OUTCOME_REFUSED));
  EXPECT_EQ(Is("non-Primary", "node1"), absl::OkStatus());
  for (const char* node : {"node2", "node3"}) EXPECT_EQ(Is("Primary", node), absl::OkStatus());
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
  SetWeightOfNode1(1);
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
  EXPECT_TRUE(AllBecomeSynced());
}

// What the arbitrator hears is fresh all the same: there and back is less than fresh_for, 3 s.
TEST_F(ImpatientTest, F36OrdersThatComeTooLateAreRefusedAndNobodyIsPromotedBeforeTheyComeInTime) {
  promotions_ = 1;
  proxy_->Set({.delay = absl::Milliseconds(700)});  // there and back: more than order_validity, 1 s
  for (const char* node : {"node1", "node2", "node3"}) ASSERT_EQ(lab().CutFromPeers(node), absl::OkStatus());
  EXPECT_TRUE(
      Reached([] { return Explained("1s are allowed"); }, absl::Seconds(60), "an order that came too late is refused"));
  EXPECT_EQ(Promoted(), 0);
  for (const char* node : {"node1", "node2", "node3"})
    EXPECT_EQ(lab().HasStatusVariable(node, "wsrep_cluster_status", "non-Primary"), absl::OkStatus());
  proxy_->Set({});
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(20), "a promotion"));
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
}

}  // namespace
}  // namespace minder::lab
