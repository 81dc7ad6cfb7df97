// The agent in front of a real haproxy: from a report to what HAProxy really does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "common/base/clock.h"
#include "services/dbclient-agent/haproxy.h"
#include "tests/services/dbclient-agent/agent_harness.h"
#include "tests/services/dbclient-agent/haproxy_process.h"
#include "tests/services/dbclient-agent/reports.h"

namespace minder {
namespace {

using ::testing::HasSubstr;

class HaproxyAgentTest : public ::testing::Test {
 protected:
  void StartServing() {
    HaproxyBalancer::Options options;
    options.haproxy.set_socket(haproxy_.socket());
    options.haproxy.set_backend("galera");
    options.dbservers = {"node1", "node2", "node3"};
    agent_.emplace(AgentConfiguration(absl::Seconds(1)), *HaproxyBalancer::Create(options), haproxy_.socket());
    for (const char* name : {"node1", "node2", "node3"}) agent_->Hear(ServingReport(name));
    ASSERT_TRUE(
        agent_->WaitFor([](const auto& report) { return report.reachable() && report.backends(2).wanted() == kUp; }));
    ASSERT_TRUE(agent_->WaitForActual({kUp, kUp, kUp}));
  }
  std::string StatusOf(const std::string& server) const {
    const std::string stat = haproxy_.Command("show stat galera 4 -1");
    for (const char* status : {"MAINT", "DRAIN", "no check"}) {
      const std::size_t line = stat.find("galera," + server + ",");
      if (line == std::string::npos) return "";
      const std::string row = stat.substr(line, stat.find('\n', line) - line);
      if (row.find(std::string(",") + status + ",") != std::string::npos) return status;
    }
    return "";
  }

  HaproxyProcess haproxy_;
  BootClock clock_;
  std::optional<AgentHarness> agent_;
};

TEST_F(HaproxyAgentTest, ReportToEffectInMilliseconds) {
  haproxy_.Start();
  StartServing();
  std::vector<absl::Duration> took;
  for (int i = 0; i < 50; ++i) {
    const bool down = i % 2 == 0;
    const BootTime start = clock_.Now();
    agent_->Hear(down ? NonPrimaryReport("node2") : ServingReport("node2"));
    ASSERT_TRUE(agent_->WaitForActual({kUp, down ? kDown : kUp, kUp}));
    took.push_back(clock_.Now() - start);
  }
  std::sort(took.begin(), took.end());
  std::printf("report to HAProxy changed and read back: median %s, 90%% %s, longest %s\n",
              absl::FormatDuration(took[25]).c_str(), absl::FormatDuration(took[45]).c_str(),
              absl::FormatDuration(took.back()).c_str());
  EXPECT_LT(took[25], absl::Milliseconds(50));
}

TEST_F(HaproxyAgentTest, RestartedHaproxyHasItsStateBackWithinASecond) {
  haproxy_.Start();
  StartServing();
  agent_->Hear(DrainIntentFor("node2", "drain-1"));
  agent_->Hear(NonPrimaryReport("node3"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kDrain, kDown}));
  for (int i = 0; i < 3; ++i) {
    haproxy_.Kill();
    ASSERT_TRUE(agent_->WaitFor([](const auto& report) { return !report.reachable(); }));
    haproxy_.Start();
    const BootTime up = clock_.Now();
    EXPECT_TRUE(WaitUntil([&] { return StatusOf("node2") == "DRAIN" && StatusOf("node3") == "MAINT"; }));
    const absl::Duration took = clock_.Now() - up;
    std::printf("state restored %s after the new process answered\n", absl::FormatDuration(took).c_str());
    EXPECT_LT(took, absl::Seconds(1));
    ASSERT_TRUE(agent_->WaitForActual({kUp, kDrain, kDown}));
  }
  EXPECT_EQ(agent_->last_report().drift_repaired(), 0u);
}

TEST_F(HaproxyAgentTest, ReloadIsNoticedRestoredAndTheOldProcessMayEnd) {
  haproxy_.Start();
  StartServing();
  agent_->Hear(NonPrimaryReport("node3"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kUp, kDown}));
  const UniqueFd old = haproxy_.Reload();
  const BootTime up = clock_.Now();
  EXPECT_TRUE(WaitUntil([&] { return StatusOf("node3") == "MAINT"; }));
  std::printf("state restored %s after the reload\n", absl::FormatDuration(clock_.Now() - up).c_str());
  EXPECT_LT(clock_.Now() - up, absl::Seconds(2));
  EXPECT_TRUE(WaitUntil([&] { return HasEnded(old); }));
}

TEST_F(HaproxyAgentTest, DriftIsRepairedByTheNextLook) {
  haproxy_.Start();
  StartServing();
  agent_->Hear(NonPrimaryReport("node3"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kUp, kDown}));
  haproxy_.Command("set server galera/node3 state ready");
  EXPECT_TRUE(WaitUntil([&] { return StatusOf("node3") == "MAINT"; }));
  EXPECT_TRUE(agent_->WaitFor([](const auto& report) { return report.drift_repaired() == 1; }));
}

TEST_F(HaproxyAgentTest, HaproxyThatStartsLaterIsFound) {
  HaproxyBalancer::Options options;
  options.haproxy.set_socket(haproxy_.socket());
  options.haproxy.set_backend("galera");
  options.dbservers = {"node1", "node2", "node3"};
  agent_.emplace(AgentConfiguration(absl::Seconds(1)), *HaproxyBalancer::Create(options), haproxy_.socket());
  agent_->Hear(NonPrimaryReport("node1"));
  ASSERT_TRUE(agent_->WaitFor([](const auto& report) { return !report.reachable(); }));
  EXPECT_THAT(agent_->last_report().error(), HasSubstr(haproxy_.socket()));
  haproxy_.Start();
  EXPECT_TRUE(agent_->WaitForActual({kDown, kUp, kUp}));
}

TEST_F(HaproxyAgentTest, SessionsOfADeadServerAreCutAndOthersKept) {
  haproxy_.Start();
  StartServing();
  std::vector<UniqueFd> sessions;
  for (int i = 0; i < 6; ++i) sessions.push_back(haproxy_.OpenSession());
  ASSERT_TRUE(agent_->WaitFor([](const auto& report) {
    return report.backends(0).sessions() == 2 && report.backends(1).sessions() == 2 &&
           report.backends(2).sessions() == 2;
  }));
  agent_->Hear(NonPrimaryReport("node3"));
  const auto closed = [&] { return std::count_if(sessions.begin(), sessions.end(), IsClosed); };
  EXPECT_TRUE(WaitUntil([&] { return closed() == 2; }));
  agent_->Hear(DrainIntentFor("node2", "drain-1"));
  ASSERT_TRUE(agent_->WaitForActual({kUp, kDrain, kDown}));
  EXPECT_EQ(closed(), 2);
}

}  // namespace
}  // namespace minder
