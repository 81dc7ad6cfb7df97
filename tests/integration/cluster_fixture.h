#ifndef MINDER_TESTS_INTEGRATION_CLUSTER_FIXTURE_H_
#define MINDER_TESTS_INTEGRATION_CLUSTER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/integration/minderctl.h"
#include "tests/integration/watcher.h"
#include "tests/lab/haproxy_cli.h"
#include "tests/lab/observer.h"
#include "tests/lab/shared_lab.h"
#include "tests/lab/writer_load.h"

namespace minder::lab {

struct WithAgents {
  static LabOptions Options() { return TestLabOptions("agents", true); }
};

// A 2+1 cluster with every party of minder, healthy at the beginning of each test; 200 clients write through HAProxy
// during all of it, and the independent observer looks on. At the end: no acknowledged row is lost, and never two
// primary components.
template <typename Kind>
class ClusterTestOn : public SharedLab<Kind> {
 protected:
  using SharedLab<Kind>::lab;

  void SetUp() override {
    SharedLab<Kind>::SetUp();
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(30), "HEALTHY"));
    observer_.emplace(lab());
    writers_.emplace(WriterLoadOptions{.clients = 200, .pause = absl::Milliseconds(500), .target = lab().Balancer()});
  }

  void TearDown() override {
    if (!writers_) return;
    EXPECT_EQ(lab().Start("arbitrator"), absl::OkStatus());
    for (const std::string& node : lab().plan().NodeNames()) Minderctl(lab(), {"undrain", node, "--deadline", "1s"});
    EXPECT_EQ(lab().Reset(absl::Seconds(60)), absl::OkStatus());
    writers_->Stop();
    observer_->Stop();
    EXPECT_EQ(writers_->Verify(lab()), absl::OkStatus());
    EXPECT_GT(writers_->Report().acknowledged, 100);
    EXPECT_EQ(observer_->CheckNeverTwoPrimaries(), absl::OkStatus());
    writers_.reset();
    observer_.reset();
  }

  static absl::Status Healthy() {
    const auto summary = Summary(lab());
    if (!summary.ok()) return summary.status();
    if (summary->diagnosis() == v1::DIAGNOSIS_HEALTHY) return absl::OkStatus();
    return absl::UnavailableError(summary->reason());
  }

  // More promotions were ordered than the `before` of then.
  static absl::Status PromotedSince(int before) {
    return Promotions(lab()) > before ? absl::OkStatus() : absl::UnavailableError("no promotion was ordered");
  }

  static absl::Status DrainStateIs(const std::string& node, v1::DrainState state) {
    const auto summary = SummaryOf(lab(), node);
    if (!summary.ok()) return summary.status();
    if (summary->drain_state() == state) return absl::OkStatus();
    return absl::UnavailableError(v1::DrainState_Name(summary->drain_state()));
  }

  // When HAProxy stopped giving the node new sessions, asked each millisecond, for without a pause the question itself
  // would take a core from those it is about. Nothing when that was not within 10 s.
  static std::optional<BootTime> OutOfBalancerAt(const std::string& node) {
    const BootClock clock;
    const BootTime until = clock.Now() + absl::Seconds(10);
    while (clock.Now() < until) {
      if (lab().NotRouted(node).ok()) return clock.Now();
      absl::SleepFor(absl::Milliseconds(1));
    }
    return std::nullopt;
  }

  // A session of a client on this node, past the balancer.
  static SqlTarget AppAt(const std::string& node) {
    SqlTarget target = lab().Balancer();
    target.host = lab().plan().Address(node);
    target.port = 3306;
    return target;
  }

  // Whether of 30 new sessions through the balancer any reached the node; all must be served.
  static ::testing::AssertionResult NoNewSessionReaches(const std::string& node) {
    for (int i = 0; i < 30; ++i) {
      auto session = SqlSession::Open(lab().Balancer());
      if (!session.ok()) return ::testing::AssertionFailure() << session.status();
      const auto name = session->Query("SELECT @@wsrep_node_name");
      if (!name.ok()) return ::testing::AssertionFailure() << name.status();
      if (name->rows[0][0] == node) return ::testing::AssertionFailure() << "session " << i << " reached " << node;
    }
    return ::testing::AssertionSuccess();
  }

  std::optional<Observer> observer_;
  std::optional<WriterLoad> writers_;
};

using ClusterTest = ClusterTestOn<WithAgents>;

}  // namespace minder::lab

#endif  // MINDER_TESTS_INTEGRATION_CLUSTER_FIXTURE_H_
