#include "common/base/subprocess.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>

#include "common/base/clock.h"

namespace minder {
namespace {

TEST(Subprocess, GivesOutputAndExitCode) {
  const auto result = RunSubprocess({"sh", "-c", "echo out; echo err >&2; exit 7"}, absl::Seconds(10));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "out\nerr\n");
  EXPECT_EQ(result->exit.code, 7);
  EXPECT_EQ(result->exit.signal, 0);
}

TEST(Subprocess, KillsTheWholeGroupAtTheDeadline) {
  const BootTime start = BootClock().Now();
  const auto result = RunSubprocess({"sh", "-c", "sleep 1000 & sleep 1000"}, absl::Milliseconds(100));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(BootClock().Now() - start, absl::Seconds(5));
}

TEST(Subprocess, OutputBeyondItsLimitIsDrainedNotKept) {
  const auto result = RunSubprocess({"head", "-c", "3000000", "/dev/zero"}, absl::Seconds(10));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit.code, 0);
  EXPECT_LT(result->output.size(), 2000000u);
}

TEST(Subprocess, MissingProgramIsNamed) {
  const auto result = RunSubprocess({"minder-no-such-program"}, absl::Seconds(1));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(result.status().message().find("minder-no-such-program"), absl::string_view::npos);
}

TEST(Subprocess, PidfdShowsAKillAndReapSaysHow) {
  auto spawned = Spawn({"sleep", "1000"}, "");
  ASSERT_TRUE(spawned.ok()) << spawned.status();
  EXPECT_EQ(Reap(spawned->pid).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(kill(spawned->pid, SIGKILL), 0);
  pollfd poll_fd{.fd = spawned->pidfd.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&poll_fd, 1, 5000), 1);
  EXPECT_EQ(Reap(spawned->pid).value().signal, SIGKILL);
  EXPECT_EQ(OpenPidfd(spawned->pid).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace minder
