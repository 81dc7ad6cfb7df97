#include "services/dbserver-agent/fence_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <future>
#include <thread>

#include "common/base/file.h"

namespace minder {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

// A process to be guarded, an agent's loop with its end of the guard, and a directory for the two.
class FenceGuardTest : public testing::Test {
 protected:
  FenceGuardTest() {
    char dir[] = "/tmp/minder-fence-XXXXXX";
    dir_ = mkdtemp(dir);
    victim_ = *Spawn({"sleep", "60"}, "");
    StartAgent();
  }
  ~FenceGuardTest() override {
    StopAgent();
    kill(victim_.pid, SIGKILL);
    const BootTime until = BootClock().Now() + kPatience;
    while (!GuardHasGone() && BootClock().Now() < until) poll(nullptr, 0, 5);
    EXPECT_TRUE(GuardHasGone());
    std::filesystem::remove_all(dir_);
  }

  void StartAgent() {
    loop_ = std::make_unique<EventLoop>();
    guard_ = std::make_unique<FenceGuard>(
        *loop_, FenceGuard::Options{.program = MINDER_FENCE, .state_dir = dir_, .watchdog = watchdog_},
        [this] { armed_ = guard_->armed(); });
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void StopAgent() {
    if (!thread_.joinable()) return;
    loop_->Stop();
    thread_.join();
    guard_.reset();
    armed_ = false;
  }
  void Hold(absl::Duration by = absl::Seconds(30), bool may_turn_primary = false) {
    loop_->Post([this, by, may_turn_primary] {
      if (by > absl::ZeroDuration()) guard_->Extend(loop_->Now() + by);
      guard_->Hold(victim_.pid, may_turn_primary);
    });
  }
  // Back when it is sent, for a loop that stops drops what it was given.
  void Extend(absl::Duration by) {
    std::promise<void> done;
    loop_->Post([&] {
      guard_->Extend(loop_->Now() + by);
      done.set_value();
    });
    done.get_future().wait();
  }
  bool WaitForArmed(bool armed) {
    const BootTime until = BootClock().Now() + kPatience;
    while (armed_ != armed && BootClock().Now() < until) poll(nullptr, 0, 1);
    return armed_ == armed;
  }
  bool VictimEndsWithin(absl::Duration time) {
    pollfd fd{.fd = victim_.pidfd.get(), .events = POLLIN, .revents = 0};
    return poll(&fd, 1, static_cast<int>(absl::ToInt64Milliseconds(time))) == 1;
  }
  bool GuardHasGone() const {
    return !std::filesystem::exists(dir_ + "/fence-" + std::to_string(victim_.pid) + ".sock");
  }
  pid_t GuardPid() const {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const auto command = ReadFile(entry.path().string() + "/cmdline");
      if (command.ok() && command->find(dir_) != std::string::npos &&
          command->find("minder-fence") != std::string::npos)
        return std::stoi(entry.path().filename());
    }
    return 0;
  }

  std::string dir_;
  std::string watchdog_;
  Spawned victim_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<FenceGuard> guard_;
  std::atomic<bool> armed_ = false;
  std::thread thread_;
};

TEST_F(FenceGuardTest, KillsAtTheDeadlineAndNotBefore) {
  Hold();
  ASSERT_TRUE(WaitForArmed(true));
  const BootTime from = BootClock().Now();
  Extend(absl::Milliseconds(500));
  ASSERT_TRUE(VictimEndsWithin(kPatience));
  const absl::Duration after = BootClock().Now() - from;
  EXPECT_GE(after, absl::Milliseconds(499));
  EXPECT_LE(after, absl::Milliseconds(900));  // the margin that the arbitrator allows is 1 s
  EXPECT_TRUE(WaitForArmed(false));
}

TEST_F(FenceGuardTest, ADeadlineThatIsMovedOnDoesNotKill) {
  Hold();
  ASSERT_TRUE(WaitForArmed(true));
  for (int i = 0; i < 10; ++i) {
    Extend(absl::Milliseconds(300));
    ASSERT_FALSE(VictimEndsWithin(absl::Milliseconds(100)));
  }
  EXPECT_TRUE(VictimEndsWithin(kPatience));
}

TEST_F(FenceGuardTest, OutlivesTheAgentAndKillsWithoutIt) {
  Hold();
  ASSERT_TRUE(WaitForArmed(true));
  Extend(absl::Milliseconds(400));
  StopAgent();
  EXPECT_TRUE(VictimEndsWithin(kPatience));
}

TEST_F(FenceGuardTest, ANewAgentFindsTheGuardAndLeavesItsDeadline) {
  Hold();
  ASSERT_TRUE(WaitForArmed(true));
  Extend(absl::Milliseconds(700));
  const pid_t guard = GuardPid();
  StopAgent();
  StartAgent();
  Hold(absl::ZeroDuration());
  ASSERT_TRUE(WaitForArmed(true));
  EXPECT_EQ(GuardPid(), guard);
  EXPECT_TRUE(VictimEndsWithin(kPatience));
}

TEST_F(FenceGuardTest, AGuardThatIsKilledIsReplaced) {
  Hold();
  ASSERT_TRUE(WaitForArmed(true));
  Extend(absl::Seconds(1));
  const pid_t guard = GuardPid();
  ASSERT_GT(guard, 0);
  kill(guard, SIGKILL);
  EXPECT_TRUE(VictimEndsWithin(kPatience));
}

TEST_F(FenceGuardTest, TheGuardStaysThroughAStopOfItsService) {
  Hold();
  ASSERT_TRUE(WaitForArmed(true));
  Extend(absl::Milliseconds(300));
  const pid_t guard = GuardPid();
  ASSERT_GT(guard, 0);
  for (const int signal : {SIGTERM, SIGHUP, SIGINT}) kill(guard, signal);
  EXPECT_TRUE(VictimEndsWithin(kPatience));
}

TEST_F(FenceGuardTest, ArmedWithTheFirstLeaseAndNotBefore) {
  Hold(absl::ZeroDuration());
  Extend(absl::Seconds(-1));
  EXPECT_EQ(GuardPid(), 0);
  Extend(absl::Milliseconds(300));
  ASSERT_TRUE(WaitForArmed(true));
  EXPECT_TRUE(VictimEndsWithin(kPatience));
}

// Found by the model (guard-after-start): its lease ended while its position was recovered.
TEST_F(FenceGuardTest, WhoMayTurnPrimaryByItselfHasAGuardFromTheStartAndEndsWhenItIsTooLate) {
  Extend(absl::Seconds(-1));
  Hold(absl::ZeroDuration(), true);
  EXPECT_TRUE(VictimEndsWithin(kPatience));
}

// A file stands for the device (watchdog_device.cc); it would end the machine a second after it was written to last.
class WatchdogTest : public FenceGuardTest {
 protected:
  WatchdogTest() {
    StopAgent();
    watchdog_ = dir_ + "/watchdog";
    EXPECT_TRUE(WriteFileDurably(watchdog_, "").ok());
    setenv("LD_PRELOAD", MINDER_WATCHDOG_DEVICE, 1);
    StartAgent();
  }
  ~WatchdogTest() override {
    for (const char* name : {"LD_PRELOAD", "MINDER_TEST_IMMORTAL"}) unsetenv(name);
  }
  void SetUp() override {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    GTEST_SKIP() << "the sanitizer has an ioctl of its own, before that of the stand-in";
#endif
#endif
  }
  std::string Written() const { return ReadFile(watchdog_).value_or("?"); }
  // True when nothing is written for longer than the device waits.
  bool MachineEnds() const {
    BootTime last = BootClock().Now();
    std::string written = Written();
    for (const BootTime until = last + kPatience; BootClock().Now() < until; poll(nullptr, 0, 5)) {
      if (BootClock().Now() - last > absl::Milliseconds(1100)) return Written().back() != 'V';
      if (Written() != std::exchange(written, Written())) last = BootClock().Now();
    }
    return false;
  }
};

TEST_F(WatchdogTest, IsKeptAliveWhileTheProcessMayLiveAndReleasedWhenItHasEnded) {
  Hold();
  ASSERT_TRUE(WaitForArmed(true));
  EXPECT_EQ(guard_->watchdog_timeout(), absl::Seconds(1));
  EXPECT_FALSE(VictimEndsWithin(absl::Seconds(2)));
  EXPECT_GE(Written().size(), 4u);
  kill(victim_.pid, SIGKILL);
  ASSERT_TRUE(WaitForArmed(false));
  EXPECT_EQ(Written().back(), 'V');
}

TEST_F(WatchdogTest, AKillAtTheDeadlineSparesTheMachine) {
  Hold(absl::Milliseconds(300));
  ASSERT_TRUE(VictimEndsWithin(kPatience));
  ASSERT_TRUE(WaitForArmed(false));
  EXPECT_EQ(Written().back(), 'V');
}

TEST_F(WatchdogTest, EndsTheMachineWhenTheProcessDoesNotEnd) {
  setenv("MINDER_TEST_IMMORTAL", "1", 1);
  Hold(absl::Milliseconds(300));
  ASSERT_TRUE(WaitForArmed(true));
  EXPECT_TRUE(MachineEnds());
}

TEST_F(WatchdogTest, EndsTheMachineWhenTheGuardHangs) {
  Hold();
  ASSERT_TRUE(WaitForArmed(true));
  const pid_t guard = GuardPid();
  kill(guard, SIGSTOP);
  EXPECT_TRUE(MachineEnds());
  kill(guard, SIGCONT);
}

TEST_F(WatchdogTest, WithoutOneThereIsNoGuard) {
  unsetenv("LD_PRELOAD");  // so that the file is what it is
  Hold();
  EXPECT_FALSE(VictimEndsWithin(absl::Milliseconds(500)));
  EXPECT_FALSE(armed_);
  EXPECT_THAT(ReadFile(dir_ + "/fence.log").value_or(""), testing::HasSubstr("does not say when it ends the machine"));
}

TEST_F(FenceGuardTest, EndsWithTheProcess) {
  Hold();
  ASSERT_TRUE(WaitForArmed(true));
  kill(victim_.pid, SIGKILL);
  EXPECT_TRUE(WaitForArmed(false));
}

}  // namespace
}  // namespace minder
