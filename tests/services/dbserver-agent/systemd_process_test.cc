#include "services/dbserver-agent/systemd_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace minder {
namespace {

TEST(UnitState, ReadsARunningUnit) {
  const UnitState unit = ParseUnitState(
      "LoadState=loaded\nActiveState=active\nMainPID=4711\nExecMainPID=4711\nExecMainCode=0\nExecMainStatus=0\n");
  EXPECT_TRUE(unit.loaded);
  EXPECT_EQ(unit.active, "active");
  EXPECT_EQ(unit.main_pid, 4711);
  EXPECT_FALSE(unit.ending.has_value());
}

TEST(UnitState, TellsExitsFromSignals) {
  const UnitState killed =
      ParseUnitState("LoadState=loaded\nMainPID=0\nExecMainPID=5\nExecMainCode=2\nExecMainStatus=9\n");
  EXPECT_EQ(killed.exec_main_pid, 5);
  EXPECT_EQ(killed.ending->signal, SIGKILL);
  EXPECT_EQ(ParseUnitState("ExecMainCode=3\nExecMainStatus=11\n").ending->signal, SIGSEGV);
  EXPECT_EQ(ParseUnitState("ExecMainCode=1\nExecMainStatus=7\n").ending->code, 7);
}

TEST(UnitState, OddOutputIsNoUnit) {
  for (const char* shown :
       {"", "garbage", "=\n=\n", "LoadState=not-found\nMainPID=x\n", "MainPID=99999999999999999999"}) {
    const UnitState unit = ParseUnitState(shown);
    EXPECT_FALSE(unit.loaded || unit.ending.has_value()) << shown;
    EXPECT_EQ(unit.main_pid, 0) << shown;
  }
}

// A process from 100 to 200 of a unit that was active until `active_exit`.
UnitState Ended(std::int64_t active_exit, const std::string& result, ExitStatus ending) {
  return {.loaded = true,
          .active = "failed",
          .sub = "failed",
          .result = result,
          .main_pid = 0,
          .exec_main_pid = 5,
          .ending = ending,
          .main_start_us = 100,
          .main_exit_us = 200,
          .active_exit_us = active_exit};
}

TEST(UnitState, ReadsTimesAndTheResult) {
  const UnitState unit = ParseUnitState(
      "SubState=auto-restart\nResult=timeout\nExecMainStartTimestampMonotonic="
      "14583354648\nExecMainExitTimestampMonotonic=14583354649\n"
      "ActiveExitTimestampMonotonic=14583564634\n");
  EXPECT_EQ(unit.sub, "auto-restart");
  EXPECT_EQ(unit.result, "timeout");
  EXPECT_EQ(unit.main_start_us, 14583354648);
  EXPECT_EQ(unit.main_exit_us, 14583354649);
  EXPECT_EQ(unit.active_exit_us, 14583564634);
}

TEST(EndWasAskedFor, WhenTheUnitWasStoppedBeforeTheProcessEnded) {
  const ExitStatus killed{.code = 0, .signal = SIGKILL};
  EXPECT_TRUE(EndWasAskedFor(Ended(150, "success", {})));
  EXPECT_TRUE(EndWasAskedFor(Ended(150, "timeout", killed)));
  EXPECT_TRUE(EndWasAskedFor(Ended(150, "exit-code", {.code = 1, .signal = 0})));
  EXPECT_FALSE(EndWasAskedFor(Ended(201, "signal", killed)));    // the unit followed its process
  EXPECT_FALSE(EndWasAskedFor(Ended(50, "signal", killed)));     // of an earlier stop
  EXPECT_FALSE(EndWasAskedFor(Ended(150, "watchdog", killed)));  // systemd's own doing
  EXPECT_FALSE(EndWasAskedFor(Ended(150, "oom-kill", {})));
}

TEST(EndWasAskedFor, WhenItEndedCleanlyAndNotByATimeoutOfItsStart) {
  EXPECT_TRUE(EndWasAskedFor(Ended(201, "success", {})));
  EXPECT_TRUE(EndWasAskedFor(Ended(0, "success", {})));
  EXPECT_FALSE(EndWasAskedFor(Ended(0, "timeout", {})));
  EXPECT_FALSE(EndWasAskedFor(Ended(0, "exit-code", {.code = 1, .signal = 0})));
}

// A systemctl of our own, first on the PATH: a unit is a `sleep` whose pid is in a file.
class SystemdProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/minder-systemd-XXXXXX";
    dir_ = mkdtemp(name);
    path_ = std::getenv("PATH");
    setenv("PATH", absl::StrCat(dir_, ":", path_).c_str(), 1);
    Write("calls", "");
    Write("systemctl", R"(#!/bin/sh
cd ")" + dir_ + R"("
echo "$@" >> calls
[ "$1" = --user ] || exit 64
case "$*" in
  *show*) if [ -e pid ] && [ -e /proc/$(cat pid)/exe ]; then
            printf 'LoadState=%s\nActiveState=active\nMainPID=%s\nExecMainPID=%s\nExecMainCode=0\nExecMainStatus=0\n' loaded $(cat pid) $(cat pid)
          else
            printf 'LoadState=%s\nActiveState=failed\nMainPID=0\nExecMainPID=%s\nExecMainCode=2\nExecMainStatus=9\n' $(cat load) $(cat pid 2>/dev/null)
          fi ;;
  *start*) setsid sleep 1000 >/dev/null 2>&1 & echo $! > pid ;;
  *stop*) kill -9 $(cat pid) ;;
esac
)");
    std::filesystem::permissions(dir_ + "/systemctl", std::filesystem::perms::owner_all);
    Write("load", "loaded\n");
  }
  void TearDown() override {
    (void)Process()->Stop(absl::Seconds(5));
    setenv("PATH", path_.c_str(), 1);
    std::filesystem::remove_all(dir_);
  }

  void Write(const std::string& name, const std::string& text) { std::ofstream(dir_ + "/" + name) << text; }
  std::unique_ptr<ServerProcess> Process() {
    return MakeSystemdProcess({.unit = "mariadb.service",
                               .systemctl_options = {"--user"},
                               .data_dir = dir_,
                               .mariadbd = {"true"}});  // its configuration files are empty
  }

  std::string dir_;
  std::string path_;
};

TEST_F(SystemdProcessTest, StartsFindsAndTellsHowItEnded) {
  const auto process = Process();
  auto none = process->Find();
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
  auto started = process->Start({});
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ((*process->Find())->pid, started->pid);
  EXPECT_EQ(process->Start({})->pid, started->pid);  // runs already
  ASSERT_TRUE(process->Stop(absl::Seconds(5)).ok());
  const Ending ending = process->HowEnded(started->pid);
  ASSERT_TRUE(ending.status.has_value());
  EXPECT_EQ(ending.status->signal, SIGKILL);
  EXPECT_FALSE(ending.asked_for);
  EXPECT_FALSE(process->HowEnded(1).status.has_value());  // another process
}

TEST_F(SystemdProcessTest, AnUnknownUnitIsNotAStoppedServer) {
  Write("load", "not-found\n");
  const auto found = Process()->Find();
  EXPECT_EQ(found.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(found.status().message()), testing::HasSubstr("mariadb.service"));
}

TEST_F(SystemdProcessTest, ASystemctlThatHangsCostsItsDeadline) {
  Write("systemctl", "#!/bin/sh\nsleep 1000\n");
  const auto process = MakeSystemdProcess(
      {.unit = "mariadb.service", .systemctl_options = {}, .data_dir = dir_, .call_deadline = absl::Milliseconds(200)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(process->Find().status()));
  Write("systemctl", "#!/bin/sh\nexit 0\n");
}

}  // namespace
}  // namespace minder
