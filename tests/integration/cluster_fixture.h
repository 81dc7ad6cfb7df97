#ifndef MINDER_TESTS_INTEGRATION_CLUSTER_FIXTURE_H_
#define MINDER_TESTS_INTEGRATION_CLUSTER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/minderctl.h"
#include "tests/integration/promotions.h"
#include "tests/integration/watcher.h"
#include "tests/lab/balancer_watch.h"
#include "tests/lab/convergence.h"
#include "tests/lab/haproxy_cli.h"
#include "tests/lab/observer.h"
#include "tests/lab/shared_lab.h"
#include "tests/lab/writer_load.h"

namespace minder::lab {

struct WithAgents {
  static LabOptions Options() { return TestLabOptions("agents", true); }
};

// A 2+1 cluster with every party of minder, healthy at the beginning of each test; 200 clients write through HAProxy
// during all of it, and the independent observer looks on. At the end the invariants of scenarios.md are checked:
// never two primary components (I1), no acknowledged row is lost (I2), nothing is written (I3) and no session given
// (I4) where the grant is not, all nodes hold the same (I5), each promotion is on record once with its evidence (I6),
// and there were as many as the test says (I7).
template <typename Kind>
class ClusterTestOn : public SharedLab<Kind> {
 protected:
  using SharedLab<Kind>::lab;

  static constexpr int kWriters = 200;
  static constexpr absl::Duration kWritersPause = absl::Milliseconds(500);

  void SetUp() override {
    SharedLab<Kind>::SetUp();
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(30), "HEALTHY"));
    ordered_before_ = Ordered().size();
    observer_.emplace(lab());
    balancer_.emplace(lab());
    writers_.emplace(WriterLoadOptions{.clients = kWriters, .pause = kWritersPause, .target = lab().Balancer()});
    ASSERT_TRUE(WritingGoesOn());
  }

  void TearDown() override {
    if (!writers_) return;
    EXPECT_EQ(lab().Start("arbitrator"), absl::OkStatus());
    for (const std::string& node : lab().plan().NodeNames()) Minderctl(lab(), {"undrain", node, "--deadline", "1s"});
    EXPECT_EQ(lab().Reset(absl::Seconds(60)), absl::OkStatus()) << InBrief(Summary(lab()));
    if (writers_->Running()) {
      EXPECT_TRUE(WritingGoesOn()) << "after the last fault";
    }
    writers_->Stop();
    observer_->Stop();
    EXPECT_EQ(writers_->Verify(lab()), absl::OkStatus());
    EXPECT_EQ(observer_->CheckNeverTwoPrimaries(), absl::OkStatus());
    EXPECT_TRUE(Reached([] { return Converged(lab()); }, absl::Seconds(20), "the same on every node"));
    CheckPromotions();
    writers_.reset();
    observer_.reset();
    balancer_.reset();
  }

  // As many rows more as there are clients: those that they had written before say nothing of now.
  ::testing::AssertionResult WritingGoesOn() const {
    const std::int64_t wanted = writers_->Report().acknowledged + kWriters;
    const auto written = [&] {
      const WriterReport report = writers_->Report();
      return report.acknowledged >= wanted ? absl::OkStatus() : absl::UnavailableError(report.last_error);
    };
    return Reached(written, absl::Seconds(20), "writing goes on");
  }

  // How many clients have their session on the node. All have one by then.
  static int ClientsAt(const std::string& node) {
    int there = 0;
    const auto connected = [&]() -> absl::Status {
      int all = 0;
      for (const std::string& each : lab().plan().NodeNames()) {
        const auto server = lab().InBalancer(each);
        if (!server.ok()) return server.status();
        all += server->sessions;
        if (each == node) there = server->sessions;
      }
      return all >= kWriters ? absl::OkStatus() : absl::UnavailableError(absl::StrCat(all, " sessions"));
    };
    EXPECT_TRUE(Reached(connected, absl::Seconds(10), "a session of each client"));
    return there;
  }

  // All in one primary component; otherwise what minder says of it.
  static ::testing::AssertionResult AllBecomeSynced(absl::Duration deadline = absl::Minutes(1)) {
    ::testing::AssertionResult reached = Reached([] { return lab().AllSynced(); }, deadline, "all Synced");
    if (!reached) reached << "\n" << InBrief(Summary(lab()));
    return reached;
  }

  static absl::Status Healthy() {
    const auto summary = Summary(lab());
    if (!summary.ok()) return summary.status();
    if (summary->diagnosis() == v1::DIAGNOSIS_HEALTHY) return absl::OkStatus();
    return absl::UnavailableError(summary->reason());
  }

  // Ordered since the beginning of this test.
  static int Promoted() { return static_cast<int>(Ordered().size()) - static_cast<int>(ordered_before_); }
  static absl::Status IsPromoted() {
    const auto history = History(lab());
    if (!history.ok()) return history.status();
    return PromotionsIn(*history, BootedAt()).size() > ordered_before_
               ? absl::OkStatus()
               : absl::UnavailableError("no promotion was ordered");
  }

  // How long after a fault the last promotion was ordered; for ever when none was.
  static absl::Duration PromotedAfter(BootTime fault) {
    const std::vector<Promotion> ordered = Ordered();
    return ordered.size() > ordered_before_ ? ordered.back().ordered_at - fault : absl::InfiniteDuration();
  }
  // Kept with the result of the test, and said.
  static absl::Duration Measured(const std::string& what, absl::Duration took) {
    ::testing::Test::RecordProperty(what + "_ms", static_cast<int>(absl::ToInt64Milliseconds(took)));
    std::cerr << what << ": " << took << "\n";
    return took;
  }

  // Rises with each promotion and each recovery that is begun.
  static std::uint64_t Epoch() {
    const auto summary = Summary(lab());
    EXPECT_TRUE(summary.ok()) << summary.status();
    return summary.ok() ? summary->epoch() : 0;
  }

  static absl::Status Explained(const std::string& text) {
    const std::string explained = Minderctl(lab(), {"explain"}).output;
    return absl::StrContains(explained, text) ? absl::OkStatus() : absl::UnavailableError(explained);
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

  static absl::Status Ended(const std::string& node) {
    return lab().Find(node).ok() ? absl::UnavailableError(node + " runs") : absl::OkStatus();
  }

  // State transfers from the donor last for seconds: it has a file that no table needs.
  static void AddBallast(const std::string& donor) {
    std::ofstream(Ballast(donor, donor)).flush();
    std::filesystem::resize_file(Ballast(donor, donor), 512 << 20);
  }
  static void RemoveBallast(const std::string& donor) { std::filesystem::remove(Ballast(donor, donor)); }
  // InnoDB's own files are there by then.
  static absl::Status InTransfer(const std::string& joiner, const std::string& donor) {
    std::error_code error;
    const auto size = std::filesystem::file_size(Ballast(donor, joiner), error);
    return !error && size > 0 ? absl::OkStatus() : absl::UnavailableError("none of the ballast is there");
  }
  static absl::Status CutTransfer(const std::string& joiner, const std::string& donor) {
    return lab().CutOff({joiner}, {donor}, false, {4444});
  }
  // A human stops the node, moves its data aside, and has it started again, with these donors if they are there.
  static void StartWithoutData(const std::string& node, const std::string& donors) {
    ASSERT_TRUE(lab().SignalNow(node, SIGTERM).ok());
    ASSERT_TRUE(Reached([&] { return Ended(node); }, absl::Seconds(40), "a clean stop"));
    ASSERT_EQ(lab().MoveDataAside(node), absl::OkStatus());
    std::ofstream(lab().plan().HostDirectory(node) + "/my.cnf", std::ios::app) << "wsrep_sst_donor=" << donors << ",\n";
    ASSERT_EQ(lab().Restart(node + "/agent"), absl::OkStatus());  // which starts what does not run
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

  static std::string Ballast(const std::string& donor, const std::string& at) {
    return lab().plan().HostDirectory(at) + "/data/lab/ballast_of_" + donor;
  }

  ::testing::Matcher<int> promotions_ = 0;  // how many there are to be in this test
  std::optional<Observer> observer_;
  std::optional<BalancerWatch> balancer_;
  std::optional<WriterLoad> writers_;

 private:
  static std::vector<Promotion> Ordered() {
    const auto history = History(lab());
    EXPECT_TRUE(history.ok()) << history.status();
    return history.ok() ? PromotionsIn(*history, BootedAt()) : std::vector<Promotion>();
  }

  void CheckPromotions() {
    const auto history = History(lab());
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_EQ(CheckRecords(*history, lab().plan().NodeNames().size()), absl::OkStatus());
    std::vector<Promotion> promotions = PromotionsIn(*history, BootedAt());
    promotions.erase(promotions.begin(), promotions.begin() + static_cast<std::ptrdiff_t>(ordered_before_));
    EXPECT_THAT(static_cast<int>(promotions.size()), promotions_) << Minderctl(lab(), {"history"}).output;
    EXPECT_EQ(CheckDeposedCommitNothing(promotions, observer_->Samples()), absl::OkStatus());
    EXPECT_EQ(CheckDeposedGetNoSession(promotions, observer_->Samples(), balancer_->Stop()), absl::OkStatus());
  }

  static inline std::size_t ordered_before_ = 0;  // promotions on record when this test began
};

using ClusterTest = ClusterTestOn<WithAgents>;

}  // namespace minder::lab

#endif  // MINDER_TESTS_INTEGRATION_CLUSTER_FIXTURE_H_
