#include "services/dbserver-agent/supervisor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "absl/strings/match.h"
#include "common/base/file.h"
#include "services/dbserver-agent/child_process.h"
#include "services/dbserver-agent/process_lookup.h"
#include "tests/services/dbserver-agent/mariadbd_fixture.h"

namespace minder {
namespace {

// A loop with a supervisor on it, and what it told.
class Supervised {
 public:
  Supervised(ServerProcess& process, bool start_absent)
      : supervisor_(loop_, process,
                    {.on_change = [this] { OnChange(); },
                     .gcomm_uuid = [] { return std::string("uuid"); },
                     .restart_hold = [] { return absl::ZeroDuration(); },
                     .forget_view = [] { return absl::OkStatus(); },
                     .why_not_start = [] { return std::string(); }}) {
    loop_.Post([this, start_absent] { supervisor_.Begin(start_absent); });
    thread_ = std::thread([this] { loop_.Run(); });
  }
  ~Supervised() {
    loop_.Stop();
    thread_.join();
  }

  // The last change, and the first moment at which a process was seen to be gone.
  ObservedProcess observed() const {
    std::lock_guard lock(mutex_);
    return observed_;
  }
  bool Sees(Presence presence) const { return observed().presence == presence; }

 private:
  void OnChange() {
    std::lock_guard lock(mutex_);
    observed_ = supervisor_.observed();
  }

  EventLoop loop_;
  mutable std::mutex mutex_;
  ObservedProcess observed_;
  Supervisor supervisor_;
  std::thread thread_;
};

class SupervisorTest : public MariadbdFixture {
 protected:
  std::unique_ptr<ServerProcess> Child() {
    return MakeChildProcess(
               {.command = Command(), .pid_file = pid_file(), .data_dir = data_dir(), .output = dir() + "/out"})
        .value();
  }
  std::string ClusterStatus() {
    const auto rows = Sql("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'");
    return rows.empty() ? "" : *rows[0][1];
  }
};

TEST_F(SupervisorTest, AdoptsSeesAKillAtOnceAndRestartsFromTheRecoveredPosition) {
  const pid_t pid = Bootstrap();
  ASSERT_TRUE(Connect()->Execute("CREATE DATABASE kept", BootClock().Now() + absl::Seconds(5)).ok());
  const auto child = Child();
  Supervised supervised(*child, true);
  ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); }));
  EXPECT_EQ(supervised.observed().pid, pid);

  const BootTime killed_at = BootClock().Now();
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(Eventually([&] { return supervised.observed().last_exit.has_value(); }));
  const absl::Duration seen_after = supervised.observed().last_exit->seen_at - killed_at;
  std::cout << "exit seen after " << seen_after << "\n";
  // Most of it is the kernel's, which takes a large process apart first; 50 ms on a machine that does nothing else.
  EXPECT_LT(seen_after, absl::Milliseconds(500));
  EXPECT_EQ(supervised.observed().last_exit->pid, pid);
  EXPECT_EQ(supervised.observed().last_exit->gcomm_uuid, "uuid");

  ASSERT_TRUE(Eventually([&] { return supervised.observed().restarts == 1; }));
  EXPECT_EQ(supervised.observed().last_exit->status->signal, SIGKILL);  // this process was its parent
  EXPECT_FALSE(supervised.observed().last_exit->expected);
  ASSERT_TRUE(Eventually([&] { return ClusterStatus() == "Primary"; }));  // by pc.recovery
  EXPECT_EQ(Sql("SHOW DATABASES LIKE 'kept'").size(), 1u);
  const auto position = Sql("SELECT @@wsrep_start_position");
  ASSERT_EQ(position.size(), 1u);
  EXPECT_THAT(*position[0][0], testing::MatchesRegex("[0-9a-f-]{36}:[0-9]+"));
}

TEST_F(SupervisorTest, StartsAnAbsentServerWithoutABootstrapAndLeavesItAliveWhenItGoes) {
  const auto child = Child();
  pid_t pid = 0;
  {
    Supervised supervised(*child, true);
    ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); }));
    pid = supervised.observed().pid;
    EXPECT_EQ(Server()->pid, pid);  // at once, before it went to its data directory
    // Without a peer and without data it waits for a state transfer, and takes nobody's connection.
    ASSERT_TRUE(Eventually([&] {
      return absl::StrContains(ReadFile(data_dir() + "/error.log", 10 << 20).value_or(""), "Received NON-PRIMARY");
    }));
    EXPECT_EQ(supervised.observed().restarts, 0u);
  }
  EXPECT_EQ(getsid(pid), pid);
  ASSERT_EQ(kill(pid, 0), 0);

  // The next agent finds this very process, also without its pid file, and before that is written.
  std::filesystem::remove(pid_file());
  const auto next_child = Child();
  Supervised next(*next_child, true);
  ASSERT_TRUE(Eventually([&] { return next.Sees(Presence::kRunning); }));
  EXPECT_EQ(next.observed().pid, pid);
}

TEST_F(SupervisorTest, AStopThatWasAskedForIsNotFollowedByAStart) {
  const pid_t pid = Bootstrap();
  const auto child = Child();
  Supervised supervised(*child, true);
  ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); }));
  ASSERT_EQ(kill(pid, SIGTERM), 0);
  ASSERT_TRUE(Eventually([&] {
    const auto observed = supervised.observed();
    return observed.last_exit.has_value() && observed.last_exit->expected;
  }));
  EXPECT_EQ(supervised.observed().restart_at, std::nullopt);
  EXPECT_TRUE(supervised.observed().stopped.has_grastate());
  EXPECT_GE(supervised.observed().stopped.grastate().seqno(), 0);
  EXPECT_FALSE(Server().has_value());
}

TEST_F(SupervisorTest, AServerThatCannotStartIsTriedAgainLaterEachTime) {
  const auto child =
      MakeChildProcess({.command = {"false"}, .pid_file = pid_file(), .data_dir = data_dir(), .output = dir() + "/out"})
          .value();
  Supervised supervised(*child, true);
  ASSERT_TRUE(Eventually([&] { return !supervised.observed().start_error.empty(); }));
  EXPECT_THAT(supervised.observed().start_error, testing::HasSubstr("--wsrep-recover failed"));
  const auto delay = [&] { return supervised.observed().restart_at.value_or(BootTime()) - BootClock().Now(); };
  EXPECT_TRUE(Eventually([&] { return delay() > absl::Milliseconds(1500); }));
}

TEST_F(SupervisorTest, APidFileThatNamesAStrangerIsNotBelieved) {
  auto stranger = Spawn({"sleep", "1000"}, "");
  ASSERT_TRUE(stranger.ok());
  const UniqueFd file(creat(pid_file().c_str(), 0644));
  const std::string text = absl::StrCat(stranger->pid, "\n");
  ASSERT_EQ(write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  EXPECT_FALSE(Server().has_value());
  kill(stranger->pid, SIGKILL);
  EXPECT_TRUE(Eventually([&] { return Reap(stranger->pid).ok(); }));
}

TEST_F(SupervisorTest, StopAsksAndWaits) {
  const pid_t pid = Bootstrap();
  const auto child = Child();
  EXPECT_TRUE(child->Stop(absl::Seconds(30)).ok());
  EXPECT_TRUE(child->HowEnded(pid).asked_for);
  EXPECT_TRUE(child->Stop(absl::Seconds(1)).ok());  // there is none
}

TEST(ChildProcess, RefusesABootstrapFlag) {
  const auto child =
      MakeChildProcess({.command = {"mariadbd", "--wsrep-new-cluster"}, .pid_file = "", .data_dir = "", .output = ""});
  EXPECT_EQ(child.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(child.status().message()), testing::HasSubstr("--wsrep-new-cluster"));
}

}  // namespace
}  // namespace minder
