#include "common/core/restart_policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace minder {
namespace {

const BootTime kStart = SinceBoot(absl::Seconds(1000));

// Seconds between an exit and the start, for a server that ends at once each time.
std::vector<double> Delays(RestartPolicy& policy, int exits) {
  std::vector<double> delays;
  BootTime now = kStart;
  for (int i = 0; i < exits; ++i) {
    policy.OnStarted(now);
    policy.OnUnexpectedExit(now);
    delays.push_back(absl::ToDoubleSeconds(*policy.restart_at() - now));
    now = *policy.restart_at();
  }
  return delays;
}

TEST(RestartPolicy, BacksOffFromAtOnceToAMinute) {
  RestartPolicy policy;
  EXPECT_EQ(Delays(policy, 10), (std::vector<double>{0, 1, 2, 4, 8, 16, 32, 60, 60, 60}));
}

TEST(RestartPolicy, AFailedStartCountsLikeAnExit) {
  RestartPolicy policy;
  policy.OnUnexpectedExit(kStart);
  EXPECT_EQ(policy.restart_at(), kStart);
  policy.OnUnexpectedExit(kStart);
  EXPECT_EQ(policy.restart_at(), kStart + absl::Seconds(1));
}

TEST(RestartPolicy, BeginsAgainAfterAMinuteUp) {
  RestartPolicy policy;
  Delays(policy, 5);
  policy.OnStarted(kStart);
  policy.OnUnexpectedExit(kStart + absl::Seconds(59));
  EXPECT_EQ(policy.restart_at(), kStart + absl::Seconds(59 + 16));
  policy.OnStarted(kStart);
  policy.OnUnexpectedExit(kStart + absl::Seconds(60));
  EXPECT_EQ(policy.restart_at(), kStart + absl::Seconds(60));
}

TEST(RestartPolicy, AStopThatWasAskedForStaysOne) {
  RestartPolicy policy;
  policy.OnStarted(kStart);
  policy.OnExpectedExit();
  EXPECT_EQ(policy.restart_at(), std::nullopt);
}

TEST(RestartPolicy, NothingIsPendingWhileItRuns) {
  RestartPolicy policy;
  policy.OnUnexpectedExit(kStart);
  policy.OnStarted(kStart);
  EXPECT_EQ(policy.restart_at(), std::nullopt);
}

}  // namespace
}  // namespace minder
