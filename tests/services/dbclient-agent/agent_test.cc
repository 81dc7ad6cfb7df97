#include "services/dbclient-agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "services/dbclient-agent/changes.h"
#include "tests/services/dbclient-agent/agent_harness.h"
#include "tests/services/dbclient-agent/reports.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Does as told at once, or holds the worker until it is let go. What happens to it is under the test's control.
class FakeBalancer : public Balancer {
 public:
  // Shared with the test, which outlives the agent.
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    BalancerReading reading;
    absl::Status failure;
    std::uint64_t drift = 0;
    int applied = 0;
    bool held = false;
    bool deaf = false;
  };

  explicit FakeBalancer(State& state) : state_(state) {}

  absl::StatusOr<BalancerReading> Read() override { return absl::UnimplementedError("not used by the agent"); }

  ApplyResult Apply(const std::vector<BackendPlan>& plan) override {
    std::unique_lock lock(state_.mutex);
    ++state_.applied;
    state_.changed.notify_all();
    state_.changed.wait_for(lock, std::chrono::seconds(5), [this] { return !state_.held; });
    if (absl::IsUnavailable(state_.failure)) return {.status = state_.failure, .reading = {}, .drift_repaired = 0};
    for (const BackendChange& change :
         state_.deaf ? std::vector<BackendChange>() : ChangesFor(plan, state_.reading.backends)) {
      for (BackendReading& backend : state_.reading.backends) {
        if (backend.dbserver == change.dbserver) backend.told = backend.actual = change.to;
      }
    }
    return {.status = state_.failure, .reading = state_.reading, .drift_repaired = state_.drift};
  }

 private:
  State& state_;
};

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() {
    for (const char* name : {"node1", "node2", "node3"}) {
      balancer_.reading.backends.push_back({.dbserver = name, .told = kDown, .actual = kDown, .weight = 1});
    }
    balancer_.reading.incarnation = "1";
  }

  void Start(absl::Duration report_interval = absl::Hours(1)) {
    agent_.emplace(AgentConfiguration(report_interval), std::make_unique<FakeBalancer>(balancer_));
  }
  void StartServing() {
    Start();
    for (const char* name : {"node1", "node2", "node3"}) agent_->Hear(ServingReport(name));
    ASSERT_TRUE(agent_->WaitForActual({kUp, kUp, kUp}));
  }
  void Change(const std::function<void(FakeBalancer::State&)>& change) {
    std::lock_guard lock(balancer_.mutex);
    change(balancer_);
    balancer_.changed.notify_all();
  }
  bool WaitForApplied(int count) {
    std::unique_lock lock(balancer_.mutex);
    return balancer_.changed.wait_for(lock, std::chrono::seconds(5), [&] { return balancer_.applied >= count; });
  }
  int Applied() {
    std::lock_guard lock(balancer_.mutex);
    return balancer_.applied;
  }

  FakeBalancer::State balancer_;
  std::optional<AgentHarness> agent_;
};

TEST_F(AgentTest, ReportsWhatTheBalancerHasBeforeAnybodySpoke) {
  Start();
  ASSERT_TRUE(agent_->WaitForActual({kDown, kDown, kDown}));
  const v1::BalancerReport report = agent_->last_report();
  EXPECT_EQ(report.config_version(), 7u);
  EXPECT_EQ(report.config_digest(), "digest of 7");
  EXPECT_EQ(report.backends(0).dbserver(), "node1");
  EXPECT_EQ(report.backends(0).wanted(), v1::BACKEND_STATE_UNSPECIFIED);
  EXPECT_THAT(report.backends(0).reason(), HasSubstr("B900"));
}

TEST_F(AgentTest, ReportOfAServerReachesTheBalancer) {
  StartServing();
  agent_->Hear(NonPrimaryReport("node2"));
  EXPECT_TRUE(agent_->WaitForActual({kUp, kDown, kUp}));
}

TEST_F(AgentTest, ReportsThatChangeNothingDisturbNobody) {
  StartServing();
  agent_->Hear(NonPrimaryReport("node2"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kDown, kUp}));
  const int applied = Applied();
  const std::size_t reports = agent_->report_count();
  for (int i = 0; i < 50; ++i) agent_->Hear(ServingReport("node1"));
  agent_->Hear(NonPrimaryReport("node3"));  // heard after all of those
  ASSERT_TRUE(agent_->WaitForActual({kUp, kDown, kDown}));
  EXPECT_EQ(Applied(), applied + 1);
  EXPECT_EQ(agent_->report_count(), reports + 1);
}

TEST_F(AgentTest, AReportThatWaitedInASocketIsAsOldAsThat) {
  StartServing();
  agent_->Hear(NonPrimaryReport("node2"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kDown, kUp}));
  v1::Message old = ServingReport("node2");
  const absl::Duration heard = ToSinceBoot(BootClock().Now()) - absl::Seconds(61);  // more than fresh_for
  old.set_heard(static_cast<std::uint64_t>(absl::ToInt64Nanoseconds(heard)));
  agent_->Hear(old);
  agent_->Hear(NonPrimaryReport("node3"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kDown, kDown}));
  old.set_heard(0);
  agent_->Hear(old);
  EXPECT_TRUE(agent_->WaitForActual({kUp, kUp, kDown})) << "of a sender that does not tell";
}

TEST_F(AgentTest, DrainIsConfirmedOnlyOnceItIsReadBack) {
  StartServing();
  Change([](auto& balancer) { balancer.held = true; });
  const int applied = Applied();
  agent_->Hear(DrainIntentFor("node3", "drain-1"));
  ASSERT_TRUE(WaitForApplied(applied + 1));
  EXPECT_THAT(agent_->last_report().drains_applied(), IsEmpty());
  Change([](auto& balancer) { balancer.held = false; });
  ASSERT_TRUE(agent_->WaitForActual({kUp, kUp, kDrain}));
  EXPECT_THAT(agent_->last_report().drains_applied(), ElementsAre("drain-1"));
}

TEST_F(AgentTest, NewDrainOfADrainedServerIsConfirmedAtOnceAndUndrainEndsIt) {
  StartServing();
  agent_->Hear(DrainIntentFor("node3", "drain-1"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kUp, kDrain}));
  v1::Message again = DrainIntentFor("node3", "drain-2");
  again.mutable_routing_intent()->set_epoch(9);
  agent_->Hear(again);
  ASSERT_TRUE(agent_->WaitFor([](const auto& report) { return report.epoch() == 9; }));
  EXPECT_THAT(agent_->last_report().drains_applied(), ElementsAre("drain-2"));
  v1::Message none;
  none.mutable_routing_intent();
  agent_->Hear(none);
  ASSERT_TRUE(agent_->WaitForActual({kUp, kUp, kUp}));
  EXPECT_THAT(agent_->last_report().drains_applied(), IsEmpty());
}

// A balancer that does not do as it is told, though a check of its own keeps the server out at the moment.
TEST_F(AgentTest, NothingIsConfirmedThatTheBalancerWasNotReadBackToHold) {
  StartServing();
  Change([](auto& balancer) {
    balancer.deaf = true;
    balancer.failure = absl::AbortedError("did not keep it");
    balancer.reading.backends[2].actual = kDown;
  });
  agent_->Hear(DrainIntentFor("node3", "drain-1"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kUp, kDown}));
  EXPECT_EQ(agent_->last_report().backends(2).wanted(), kDrain);
  EXPECT_THAT(agent_->last_report().drains_applied(), IsEmpty());
}

TEST_F(AgentTest, OneApplicationAtATimeAndTheNewestPlanNext) {
  StartServing();
  Change([](auto& balancer) { balancer.held = true; });
  const int applied = Applied();
  agent_->Hear(NonPrimaryReport("node1"));
  ASSERT_TRUE(WaitForApplied(applied + 1));
  for (int i = 0; i < 20; ++i) agent_->Hear(i % 2 == 0 ? NonPrimaryReport("node2") : ServingReport("node2"));
  agent_->Hear(NonPrimaryReport("node3"));
  agent_->Do([this](DbclientAgent&) { Change([](auto& balancer) { balancer.held = false; }); });
  ASSERT_TRUE(agent_->WaitForActual({kDown, kUp, kDown}));
  EXPECT_EQ(Applied(), applied + 2);
}

TEST_F(AgentTest, UnreachableBalancerIsReportedAsLastReadAndTriedAgain) {
  StartServing();
  agent_->Hear(DrainIntentFor("node3", "drain-1"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kUp, kDrain}));
  Change([](auto& balancer) { balancer.failure = absl::UnavailableError("gone away"); });
  agent_->Do([](DbclientAgent& agent) { agent.OnBalancerEvent(); });
  ASSERT_TRUE(agent_->WaitFor([](const auto& report) { return !report.reachable(); }));
  const v1::BalancerReport report = agent_->last_report();
  EXPECT_EQ(report.error(), "gone away");
  EXPECT_EQ(report.backends(2).actual(), kDrain);
  EXPECT_THAT(report.drains_applied(), IsEmpty());
  Change([](auto& balancer) { balancer.failure = absl::OkStatus(); });
  EXPECT_TRUE(agent_->WaitForActual({kUp, kUp, kDrain}));
  EXPECT_EQ(agent_->last_report().error(), "");
}

TEST_F(AgentTest, LooksAndReportsEachInterval) {
  Start(absl::Milliseconds(20));
  ASSERT_TRUE(WaitForApplied(5));
  EXPECT_GE(agent_->report_count(), 2u);
}

TEST_F(AgentTest, DriftIsSummedUp) {
  balancer_.drift = 2;
  Start();
  ASSERT_TRUE(agent_->WaitFor([](const auto& report) { return report.drift_repaired() == 2; }));
  agent_->Do([](DbclientAgent& agent) { agent.OnBalancerEvent(); });
  EXPECT_TRUE(agent_->WaitFor([](const auto& report) { return report.drift_repaired() == 4; }));
}

TEST_F(AgentTest, SaysItAgainWhenTheArbitratorMayHaveLostIt) {
  StartServing();
  const std::size_t reports = agent_->report_count();
  agent_->Do([](DbclientAgent& agent) { agent.ReportAgain(); });
  agent_->Hear(NonPrimaryReport("node1"));
  ASSERT_TRUE(agent_->WaitForActual({kDown, kUp, kUp}));
  EXPECT_EQ(agent_->report_count(), reports + 2);
}

TEST_F(AgentTest, EndsWhileTheBalancerKeepsItsWorkerWaiting) {
  StartServing();
  Change([](auto& balancer) { balancer.held = true; });
  const int applied = Applied();
  agent_->Hear(NonPrimaryReport("node1"));
  ASSERT_TRUE(WaitForApplied(applied + 1));
  std::thread release([this] { Change([](auto& balancer) { balancer.held = false; }); });
  agent_.reset();
  release.join();
}

TEST_F(AgentTest, OtherVerbsArePassedOver) {
  StartServing();
  const int applied = Applied();
  v1::Message other;
  other.mutable_sender()->set_name("node1");
  other.mutable_request_status();
  agent_->Hear(other);
  agent_->Hear(NonPrimaryReport("node1"));
  ASSERT_TRUE(agent_->WaitForActual({kDown, kUp, kUp}));
  EXPECT_EQ(Applied(), applied + 1);
}

}  // namespace
}  // namespace minder
