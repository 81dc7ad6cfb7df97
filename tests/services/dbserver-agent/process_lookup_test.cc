#include "services/dbserver-agent/process_lookup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/subprocess.h"
#include "tests/services/dbserver-agent/own_children.h"

namespace minder {
namespace {

TEST(HoldProcess, KnowsWhenAProcessWasStarted) {
  const BootTime before = BootClock().Now();
  auto spawned = Spawn({"sleep", "1000"}, "");
  ASSERT_TRUE(spawned.ok()) << spawned.status();
  const auto held = HoldProcess(spawned->pid);
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_LT(absl::AbsDuration(held->started_at - before), absl::Seconds(5));  // the kernel counts in ticks
  ASSERT_EQ(kill(spawned->pid, SIGKILL), 0);
  const BootTime until = BootClock().Now() + absl::Seconds(10);
  while (!Reap(spawned->pid).ok() && BootClock().Now() < until) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(absl::IsNotFound(HoldProcess(spawned->pid).status()));
}

TEST(HoldProcess, AZombieDoesNotRun) {
  auto spawned = Spawn({"true"}, "");
  ASSERT_TRUE(spawned.ok()) << spawned.status();
  const BootTime until = BootClock().Now() + absl::Seconds(10);
  while (HoldProcess(spawned->pid).ok() && BootClock().Now() < until) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(absl::IsNotFound(HoldProcess(spawned->pid).status()));
  EXPECT_TRUE(Reap(spawned->pid).ok());  // it was there as a zombie all the time
}

TEST(NoChildrenAreLeft, EndsAlsoThoseWhoseParentHasEnded) {
  AdoptOrphans();
  const auto started = RunSubprocess({"sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"}, absl::Seconds(10));
  ASSERT_TRUE(started.ok()) << started.status();
  pid_t left = 0;
  ASSERT_TRUE(absl::SimpleAtoi(started->output, &left));
  ASSERT_TRUE(HoldProcess(left).ok());
  const BootTime until = BootClock().Now() + absl::Seconds(10);
  while (!NoChildrenAreLeft() && BootClock().Now() < until) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(absl::IsNotFound(HoldProcess(left).status()));
  EXPECT_TRUE(NoChildrenAreLeft());
}

// A human who asks for the position runs galera_recovery, which spells its option so.
TEST(FindMariadbd, TakesNoRecoveryForTheServer) {
  char name[] = "/tmp/minder-lookup-XXXXXX";
  const std::string program = std::string(mkdtemp(name)) + "/mariadbd";
  std::filesystem::copy_file("/bin/sh", program);
  const std::vector<std::string> command = {program, "-c", "kill -STOP $$; true"};
  const ServerTraits traits{.pid_file = "/nonexistent", .data_dir = "/nonexistent", .command = command};
  for (const char* option : {"--wsrep_recover", "--wsrep-recover", "--wsrep_on"}) {
    std::vector<std::string> argv = command;
    argv.emplace_back(option);
    const auto spawned = Spawn(argv, "");
    ASSERT_TRUE(spawned.ok()) << spawned.status();
    const BootTime until = BootClock().Now() + absl::Seconds(5);
    const auto is_that_program = [&] {
      std::string words;
      std::getline(std::ifstream(absl::StrCat("/proc/", spawned->pid, "/cmdline")), words);
      return absl::StrContains(words, option);
    };
    while (!is_that_program() && BootClock().Now() < until) absl::SleepFor(absl::Milliseconds(1));
    EXPECT_TRUE(is_that_program());
    EXPECT_EQ(FindMariadbd(traits).has_value(), std::string(option) == "--wsrep_on") << option;
    kill(spawned->pid, SIGKILL);
    while (!Reap(spawned->pid).ok() && BootClock().Now() < until) absl::SleepFor(absl::Milliseconds(1));
  }
  std::filesystem::remove_all(name);
}

// Processes end between the look at /proc and the look into it.
TEST(FindMariadbd, BearsProcessesThatComeAndGo) {
  std::jthread others([](const std::stop_token& stop) {
    while (!stop.stop_requested())
      (void)RunSubprocess({"sh", "-c", "/bin/true & /bin/true & /bin/true & wait"}, absl::Seconds(5));
  });
  for (int i = 0; i < 200; ++i)
    EXPECT_FALSE(FindMariadbd({.pid_file = "/nonexistent", .data_dir = "/proc", .command = {}}).has_value());
}

}  // namespace
}  // namespace minder
