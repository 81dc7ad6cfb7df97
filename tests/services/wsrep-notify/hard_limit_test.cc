#include "services/wsrep-notify/hard_limit.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace minder {
namespace {

// The parent's worst: everything blocked.
void BlockAllSignals() {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
}

TEST(HardLimitDeathTest, EndsAHungProcessWithCode0) {
  EXPECT_EXIT(
      {
        BlockAllSignals();
        LeaveWithin(20);
        sleep(10);
        _exit(3);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(HardLimitDeathTest, AnAbortACrashAndATerminationAreCode0Too) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGTERM}) {
    EXPECT_EXIT(
        {
          BlockAllSignals();
          LeaveWithin(10'000);
          raise(signal);
          _exit(3);
        },
        ::testing::ExitedWithCode(0), "")
        << signal;
  }
  EXPECT_EXIT(
      {
        LeaveWithin(10'000);
        std::abort();
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace minder
