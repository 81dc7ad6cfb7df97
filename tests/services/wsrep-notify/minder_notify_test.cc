// The real program against the real listener, and against agents that are not there or hang.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>

#include "absl/time/clock.h"
#include "common/base/subprocess.h"
#include "tests/services/dbserver-agent/listener_fixture.h"

namespace minder {
namespace {

using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kUuid[] = "5b5ef9b9-6f1f-11ef-9b5c-1a2b3c4d5e6f";
constexpr absl::Duration kMost = absl::Milliseconds(200);

struct Ended {
  int exit_code = -1;
  std::string output;
  absl::Duration took;
};

class MinderNotifyTest : public ListenerFixture {
 protected:
  // Runs minder-notify with these arguments behind --socket.
  Ended Notify(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {MINDER_NOTIFY, "--socket", path_});
    const absl::Time start = absl::Now();
    const auto result = RunSubprocess(arguments, absl::Seconds(10));
    Ended run;
    run.took = absl::Now() - start;
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return run;
    run.output = result->output;
    run.exit_code = result->exit.signal == 0 ? result->exit.code : -result->exit.signal;
    return run;
  }

  absl::Duration ExpectSilentInTime(const std::vector<std::string>& arguments) {
    const Ended run = Notify(arguments);
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_EQ(run.output, "");
    EXPECT_LE(run.took, kMost);
    return run.took;
  }

  const std::vector<std::string> synced_ = {
      "--status", "synced",  "--uuid", kUuid,       "--primary",
      "yes",      "--index", "0",      "--members", std::string(kUuid) + "/node1/192.0.2.11:3306"};
};

TEST_F(MinderNotifyTest, HandsOverToTheAgent) {
  ASSERT_TRUE(Open().ok());
  ExpectSilentInTime(synced_);
  ASSERT_TRUE(EventuallyEvents(1));
  EXPECT_EQ(events_[0].status(), v1::WSREP_NOTIFY_STATUS_SYNCED);
  EXPECT_EQ(events_[0].primary(), v1::TERNARY_YES);
  EXPECT_EQ(events_[0].state_uuid(), kUuid);
  ASSERT_THAT(events_[0].members(), SizeIs(1));
  EXPECT_EQ(events_[0].members(0).name(), "node1");
}

TEST_F(MinderNotifyTest, NoAgentNoMatter) {
  ExpectSilentInTime(synced_);  // no file
  { const UniqueFd died = ListenAt(path_, SOCK_SEQPACKET, 5); }
  ExpectSilentInTime(synced_);  // nobody behind the file
  path_ = directory_;
  ExpectSilentInTime(synced_);
  path_ = "/" + std::string(1000, 'x');
  ExpectSilentInTime(synced_);
  path_ = "";
  ExpectSilentInTime(synced_);
}

TEST_F(MinderNotifyTest, AHungAgentCostsNothing) {
  const UniqueFd hung = ListenAt(path_, SOCK_SEQPACKET, 2);
  for (int i = 0; i < 5; ++i) ExpectSilentInTime(synced_);  // never accepts: first queued, then refused
  absl::Duration quickest = kMost;
  for (int i = 0; i < 5; ++i) quickest = std::min(quickest, ExpectSilentInTime(synced_));
  EXPECT_LT(quickest, absl::Milliseconds(80)) << "it waited for its hard limit";
  UniqueFd accepted(accept(hung.get(), nullptr, nullptr));  // accepts, never reads
  ExpectSilentInTime(synced_);
}

TEST_F(MinderNotifyTest, AnotherKindOfServerCostsNothing) {
  const UniqueFd stream = ListenAt(path_, SOCK_STREAM, 2);
  ExpectSilentInTime(synced_);
}

TEST_F(MinderNotifyTest, AnEventOutlivesItsSender) {
  const UniqueFd slow = ListenAt(path_, SOCK_SEQPACKET, 5);
  ExpectSilentInTime(synced_);  // ended before it was accepted
  const UniqueFd accepted(accept(slow.get(), nullptr, nullptr));
  std::string record(1000, '\0');
  const ssize_t n = recv(accepted.get(), record.data(), record.size(), 0);
  ASSERT_GT(n, 0);
  v1::WsrepEvent event;
  EXPECT_TRUE(event.ParseFromArray(record.data(), static_cast<int>(n)));
  EXPECT_EQ(event.status(), v1::WSREP_NOTIFY_STATUS_SYNCED);
}

TEST_F(MinderNotifyTest, NonsenseIsSilent) {
  ASSERT_TRUE(Open().ok());
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {}, {"--help"}, {"--version"}, {"--status"}, {"-x", "", "--"}, {"\xff\xfe\n"}, {"--members", "\xff"}}) {
    ExpectSilentInTime(arguments);
  }
  EXPECT_TRUE(EventuallyEvents(7));
}

TEST_F(MinderNotifyTest, AMegabyteOfMembers) {
  ASSERT_TRUE(Open().ok());
  std::string members;  // one argument can have 128 KB (execve(2))
  while (members.size() < 110'000) members += std::string(kUuid) + "/node/192.0.2.11:3306,";
  std::vector<std::string> arguments = {"--status", "joined"};
  for (int i = 0; i < 10; ++i) arguments.insert(arguments.end(), {"--members", members});
  ExpectSilentInTime(arguments);
  ASSERT_TRUE(EventuallyEvents(1));
  EXPECT_EQ(events_[0].status(), v1::WSREP_NOTIFY_STATUS_JOINED);
  EXPECT_THAT(events_[0].members(), SizeIs(0));
}

TEST_F(MinderNotifyTest, ClosedStandardFilesAndBlockedSignalsDoNotMatter) {
  ASSERT_TRUE(Open().ok());
  const pid_t child = fork();
  if (child == 0) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    for (const int fd : {0, 1, 2}) close(fd);
    execl(MINDER_NOTIFY, MINDER_NOTIFY, "--socket", path_.c_str(), "--status", "donor", nullptr);
    _exit(9);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(EventuallyEvents(1));
  EXPECT_EQ(events_[0].status(), v1::WSREP_NOTIFY_STATUS_DONOR);
}

TEST_F(MinderNotifyTest, VersionIsPrinted) {
  const auto result = RunSubprocess({MINDER_NOTIFY, "--version"}, absl::Seconds(10));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->exit.code, 0);
  EXPECT_THAT(result->output, StartsWith("minder-notify "));
}

// As the server does it, through sh (galera.md section 4).
absl::Duration TimeOneCall(const std::string& command) {
  const char* const argv[] = {"sh", "-c", command.c_str(), nullptr};
  const absl::Time start = absl::Now();
  pid_t child = 0;
  EXPECT_EQ(posix_spawn(&child, "/bin/sh", nullptr, nullptr, const_cast<char* const*>(argv), environ), 0);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return absl::Now() - start;
}

TEST_F(MinderNotifyTest, KeepsTheServerWaitingForMillisecondsOnly) {
  ASSERT_TRUE(Open().ok());
  std::string command = std::string("exec ") + MINDER_NOTIFY + " --socket " + path_;
  for (const std::string& argument : synced_) command += " " + argument;
  constexpr std::size_t kCalls = 200;
  std::vector<absl::Duration> took;
  for (std::size_t i = 0; i < kCalls; ++i) took.push_back(TimeOneCall(command));
  std::sort(took.begin(), took.end());
  const absl::Duration p50 = took[kCalls / 2];
  const absl::Duration p99 = took[kCalls * 99 / 100];
  std::printf("sh -c minder-notify, %zu calls: p50 %s, p99 %s, most %s\n", kCalls, absl::FormatDuration(p50).c_str(),
              absl::FormatDuration(p99).c_str(), absl::FormatDuration(took.back()).c_str());
  EXPECT_TRUE(EventuallyEvents(kCalls));
  EXPECT_LE(p50, absl::Milliseconds(50));  // a bound that holds on a busy machine too; the benchmark judges 5 ms
  EXPECT_LE(took.back(), kMost);
}

}  // namespace
}  // namespace minder
