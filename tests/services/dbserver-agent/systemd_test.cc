// The process of a unit, under a real systemd with a real mariadbd in Debian's own mariadb.service.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/file.h"
#include "services/dbserver-agent/systemd_process.h"
#include "tests/services/dbserver-agent/mariadbd_fixture.h"
#include "tests/services/dbserver-agent/supervised.h"
#include "tests/services/dbserver-agent/systemd_manager.h"

namespace minder {
namespace {

constexpr char kUnit[] = "mariadb.service";
constexpr char kDebiansUnit[] = "/lib/systemd/system/mariadb.service";

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class SystemdTest : public MariadbdFixture {
 protected:
  void SetUp() override {
    MariadbdFixture::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    auto systemd = SystemdManager::Start(dir() + "/systemd");
    if (absl::IsUnavailable(systemd.status())) GTEST_SKIP() << std::string(systemd.status().message());
    ASSERT_TRUE(systemd.ok()) << systemd.status();
    systemd_ = *std::move(systemd);
    systemd_->WriteUnit(kUnit, ReadFile(kDebiansUnit).value());
    DropIn("10-test", "[Service]\nExecStartPost=\nExecStart=\nExecStart=" + absl::StrJoin(WithoutGalera(), " "));
  }
  void TearDown() override {
    systemd_.reset();
    MariadbdFixture::TearDown();
  }

  void DropIn(const std::string& name, const std::string& text) {
    systemd_->WriteUnit(absl::StrCat(kUnit, ".d/", name, ".conf"), text + "\n");
  }
  // It takes SIGTERM without Galera too, and its start is complete without peers.
  std::vector<std::string> WithoutGalera() const {
    std::vector<std::string> command = Command();
    std::erase_if(command, [](const std::string& argument) { return absl::StrContains(argument, "wsrep"); });
    return command;
  }
  void Enable() { systemd_->WriteUnit("default.target.d/wants.conf", absl::StrCat("[Unit]\nWants=", kUnit, "\n")); }
  // A stop does nothing to this one: the signal of its own is one that mariadbd does not mind.
  void MakeDeaf(const std::string& more) { DropIn("20-deaf", "[Service]\nKillSignal=SIGCONT\n" + more); }

  // As Debian's unit does.
  void TakesTheFlag() {
    DropIn("30-flag", absl::StrCat("[Service]\nExecStart=\nExecStart=", absl::StrJoin(WithoutGalera(), " "),
                                   " $_WSREP_NEW_CLUSTER"));
  }
  static bool HasFlag(pid_t pid) {
    return absl::StrContains(ReadFile(absl::StrCat("/proc/", pid, "/cmdline")).value_or(""), "wsrep-new-cluster");
  }

  std::unique_ptr<ServerProcess> Process() const {
    return MakeSystemdProcess({.unit = kUnit, .systemctl_options = {"--user"}, .data_dir = data_dir()});
  }
  // Starts it and waits until it has told systemd that it is ready.
  RunningServer StartReady(ServerProcess& process) const {
    auto started = process.Start({});
    EXPECT_TRUE(started.ok()) << started.status();
    EXPECT_TRUE(Eventually([this] { return Property("ActiveState") == "active"; })) << Property("Result");
    return started.ok() ? *std::move(started) : RunningServer();
  }
  std::string Property(const std::string& name) const { return systemd_->Property(kUnit, name); }
  pid_t FoundPid(ServerProcess& process) const {
    const auto found = process.Find();
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() && found->has_value() ? (*found)->pid : 0;
  }

  static bool HasEnded(const RunningServer& server, absl::Duration within = absl::Seconds(30)) {
    pollfd poll_fd{.fd = server.pidfd.get(), .events = POLLIN, .revents = 0};
    return poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(within))) == 1;
  }
  static void Kill(const RunningServer& server) {
    EXPECT_EQ(kill(server.pid, SIGKILL), 0);
    EXPECT_TRUE(HasEnded(server));
  }
  static void ExpectKilled(const Ending& ending, bool asked_for) {
    ASSERT_TRUE(ending.status.has_value());
    EXPECT_EQ(ending.status->signal, SIGKILL);
    EXPECT_EQ(ending.asked_for, asked_for);
  }
  static void ExpectClean(const Ending& ending) {
    ASSERT_TRUE(ending.status.has_value());
    EXPECT_EQ(ending.status->code, 0);
    EXPECT_EQ(ending.status->signal, 0);
    EXPECT_TRUE(ending.asked_for);
  }

  std::unique_ptr<SystemdManager> systemd_;
};

TEST_F(SystemdTest, FindsNoneStartsFindsAndStops) {
  const auto process = Process();
  EXPECT_EQ(FoundPid(*process), 0);
  const BootTime before = BootClock().Now();
  const RunningServer server = StartReady(*process);
  EXPECT_EQ(std::filesystem::read_symlink(absl::StrCat("/proc/", server.pid, "/exe")).filename(), "mariadbd");
  EXPECT_GE(server.started_at, before - absl::Milliseconds(20));  // it is told in ticks
  EXPECT_EQ(Sql("SELECT 1").size(), 1u);
  EXPECT_EQ(FoundPid(*process), server.pid);
  EXPECT_EQ(FoundPid(*Process()), server.pid);     // an agent that was started again
  EXPECT_EQ(process->Start({})->pid, server.pid);  // runs already
  EXPECT_FALSE(process->HowEnded(1).asked_for);    // another process
  EXPECT_TRUE(process->Stop(absl::Seconds(30)).ok());
  EXPECT_TRUE(HasEnded(server, absl::ZeroDuration()));
  EXPECT_TRUE(process->HowEnded(server.pid).asked_for);
  EXPECT_EQ(FoundPid(*process), 0);
  EXPECT_TRUE(process->Stop(absl::Seconds(30)).ok());  // there is none
}

TEST_F(SystemdTest, TheAgentTellsOfAnEndAtOnce) {
  const auto process = Process();
  StartReady(*process);
  Supervised supervised(*process, false);
  absl::Duration told_after = absl::InfiniteDuration();
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); }));
    const pid_t pid = supervised.observed().pid;
    auto pidfd = OpenPidfd(pid);
    ASSERT_TRUE(pidfd.ok()) << pidfd.status();
    // From the end on, as the kernel shows it to us too: that it needs a while to take a server apart is not minder's.
    Kill({.pid = pid, .pidfd = *std::move(pidfd), .started_at = {}});
    const BootTime ended_at = BootClock().Now();
    ASSERT_TRUE(Eventually([&] { return supervised.observed().restarts == static_cast<unsigned>(round) + 1; }));
    told_after = std::min(told_after, *supervised.told_of_end_at() - ended_at);
  }
  std::cout << "told of the end after " << told_after << "\n";
  EXPECT_LT(told_after, absl::Milliseconds(50));  // the best of some: the machine may have more to do
}

TEST_F(SystemdTest, OurStartAfterAKillDoesNotWaitForTheUnits) {
  EXPECT_EQ(Property("Restart"), "on-abnormal");
  EXPECT_EQ(Property("RestartUSec"), "5s");
  const auto process = Process();
  RunningServer server = StartReady(*process);
  for (int round = 0; round < 3; ++round) {
    Kill(server);
    const BootTime ended_at = BootClock().Now();
    ExpectKilled(process->HowEnded(server.pid), false);
    std::cout << "known how it ended after " << BootClock().Now() - ended_at << "\n";
    const pid_t ended = server.pid;
    server = StartReady(*process);
    EXPECT_NE(server.pid, ended);
    EXPECT_LT(server.started_at - ended_at, absl::Seconds(4));
  }
}

// What galera_new_cluster leaves when it is interrupted: of older packages a variable, of newer ones a file.
TEST_F(SystemdTest, F25ABootstrapFlagThatIsLeftIsNeverStartedWith) {
  TakesTheFlag();
  const std::string file = dir() + "/new-cluster";
  DropIn("40-file", absl::StrCat("[Service]\nEnvironmentFile=-", file));
  const auto process = Process();
  for (const bool in_file : {false, true}) {
    if (in_file) {
      std::ofstream(file) << "_WSREP_NEW_CLUSTER=--wsrep-new-cluster\n";
    } else {
      ASSERT_EQ(systemd_->Systemctl({"set-environment", "_WSREP_NEW_CLUSTER=--wsrep-new-cluster"}).exit.code, 0);
    }
    const RunningServer server = StartReady(*process);
    EXPECT_FALSE(HasFlag(server.pid)) << in_file;
    EXPECT_TRUE(process->Stop(absl::Seconds(30)).ok());
  }
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(SystemdTest, ABootstrapIsOfOneStartOnly) {
  TakesTheFlag();
  std::ofstream(data_dir() + "/grastate.dat") << "uuid: 5a1e0000-0000-0000-0000-000000000001\nseqno: 7\n";
  const auto process = Process();
  const auto first = process->Bootstrap();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(Eventually([&] { return HasFlag(first->pid); })) << "once systemd's child has become mariadbd";
  EXPECT_TRUE(absl::IsFailedPrecondition(process->Bootstrap().status())) << "it runs";
  EXPECT_THAT(systemd_->Systemctl({"show-environment"}).output, Not(HasSubstr("WSREP")));
  ASSERT_TRUE(Eventually([this] { return Property("ActiveState") == "active"; }));
  Kill(*first);
  EXPECT_FALSE(HasFlag(StartReady(*process).pid));
}

TEST_F(SystemdTest, ABootstrapFlagInTheUnitIsNamedAndNeverStartedWith) {
  const auto process = Process();
  TakesTheFlag();
  EXPECT_EQ(process->ClearBootstrap(), absl::OkStatus()) << "the place for it is no flag";
  DropIn("50-flag", "[Service]\nEnvironment=_WSREP_NEW_CLUSTER=--wsrep-new-cluster");
  const absl::Status cleared = process->ClearBootstrap();
  EXPECT_TRUE(absl::IsFailedPrecondition(cleared));
  EXPECT_THAT(std::string(cleared.message()), HasSubstr("--wsrep-new-cluster"));
  const auto started = process->Start({});
  EXPECT_TRUE(absl::IsFailedPrecondition(started.status()));
  EXPECT_THAT(std::string(started.status().message()), AllOf(HasSubstr(kUnit), HasSubstr("--wsrep-new-cluster")));
  EXPECT_EQ(FoundPid(*process), 0);
}

TEST_F(SystemdTest, ABootstrapFlagInAFileThatTheUnitNamesIsNeverStartedWith) {
  const std::string file = dir() + "/my.cnf";
  std::ofstream(file) << "[mariadbd]\nwsrep_cluster_address=gcomm://\n";
  std::vector<std::string> command = WithoutGalera();
  command[1] = "--defaults-file=" + file;
  DropIn("50-file", absl::StrCat("[Service]\nExecStart=\nExecStart=", absl::StrJoin(command, " ")));
  const auto process = Process();
  const auto started = process->Start({});
  EXPECT_TRUE(absl::IsFailedPrecondition(started.status()));
  EXPECT_THAT(std::string(started.status().message()), AllOf(HasSubstr(file), HasSubstr("gcomm://")));
  EXPECT_EQ(FoundPid(*process), 0);
  std::ofstream(file) << "[mariadbd]\n";
  StartReady(*process);
}

TEST_F(SystemdTest, StartsAUnitThatFailedTooOften) {
  DropIn("20-limit", "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n[Service]\nRestart=no");
  const auto process = Process();
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(systemd_->Systemctl({"start", kUnit}).exit.code, 0);
    auto server = process->Find();
    ASSERT_TRUE(server.ok() && server->has_value());
    Kill(**server);
    ExpectKilled(process->HowEnded((*server)->pid), false);
  }
  EXPECT_NE(systemd_->Systemctl({"start", kUnit}).exit.code, 0);  // systemd's own opinion
  EXPECT_EQ(Property("ActiveState"), "failed");
  const RunningServer server = StartReady(*process);
  EXPECT_EQ(FoundPid(*process), server.pid);
}

TEST_F(SystemdTest, TheUnitsOwnRestartIsFoundAndNotDoubled) {
  DropIn("20-restart", "[Service]\nRestartSec=0");
  const auto process = Process();
  const RunningServer server = StartReady(*process);
  Kill(server);
  ASSERT_TRUE(Eventually([&] { return Property("NRestarts") == "1"; }));
  EXPECT_FALSE(process->HowEnded(server.pid).asked_for);  // systemd speaks of the next one already
  const auto next = process->Start({});
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_NE(next->pid, server.pid);
  EXPECT_EQ(absl::StrCat(next->pid), Property("MainPID"));
  EXPECT_EQ(FoundPid(*process), next->pid);
}

// Which it does at once with one that is not enabled.
TEST_F(SystemdTest, AStopIsAskedForAlsoWhenSystemdForgetsTheUnit) {
  const auto process = Process();
  const RunningServer server = StartReady(*process);
  ASSERT_EQ(systemd_->Systemctl({"stop", kUnit}).exit.code, 0);
  EXPECT_EQ(Property("ExecMainPID"), "0");
  EXPECT_TRUE(process->HowEnded(server.pid).asked_for);
  EXPECT_FALSE(process->HowEnded(server.pid + 1).asked_for);  // not one that systemd had
}

TEST_F(SystemdTest, AStopOfAnEnabledUnitIsAskedFor) {
  Enable();
  const auto process = Process();
  const RunningServer server = StartReady(*process);
  ASSERT_EQ(systemd_->Systemctl({"stop", kUnit}).exit.code, 0);
  EXPECT_EQ(Property("ExecMainPID"), absl::StrCat(server.pid));
  ExpectClean(process->HowEnded(server.pid));
}

TEST_F(SystemdTest, AShutdownByAClientIsAskedForAndTheUnitStaysDown) {
  Enable();
  const auto process = Process();
  const RunningServer server = StartReady(*process);
  const auto shutdown = RunSubprocess(
      {"mariadb-admin", "--no-defaults", "--socket=" + socket_path(), "--user=root", "shutdown"}, absl::Seconds(30));
  ASSERT_TRUE(shutdown.ok()) << shutdown.status();
  ASSERT_EQ(shutdown->exit.code, 0) << shutdown->output;
  ASSERT_TRUE(HasEnded(server));
  ExpectClean(process->HowEnded(server.pid));
  EXPECT_EQ(Property("ActiveState"), "inactive");
  EXPECT_EQ(FoundPid(*process), 0);
}

TEST_F(SystemdTest, AStopEndsAtItsDeadline) {
  MakeDeaf("");
  const auto process = Process();
  const RunningServer server = StartReady(*process);
  const BootTime asked_at = BootClock().Now();
  EXPECT_TRUE(absl::IsDeadlineExceeded(process->Stop(absl::Milliseconds(300))));
  EXPECT_LT(BootClock().Now() - asked_at, absl::Seconds(5));
  EXPECT_EQ(Property("ActiveState"), "deactivating");
  EXPECT_EQ(FoundPid(*process), server.pid);
  Kill(server);  // by somebody who lost patience, after the stop
  EXPECT_TRUE(process->HowEnded(server.pid).asked_for);
}

// Debian's unit has SendSIGKILL=no: after TimeoutStopSec the unit has failed, and mariadbd runs.
TEST_F(SystemdTest, AServerThatTheUnitLeftBehindIsNotGone) {
  MakeDeaf("TimeoutStopSec=300ms");
  const auto process = Process();
  const RunningServer server = StartReady(*process);
  EXPECT_TRUE(absl::IsDeadlineExceeded(process->Stop(absl::Seconds(30))));
  EXPECT_EQ(Property("ActiveState"), "failed");
  EXPECT_EQ(Property("MainPID"), "0");
  EXPECT_FALSE(HasEnded(server, absl::ZeroDuration()));
  EXPECT_EQ(FoundPid(*process), server.pid);
  EXPECT_EQ(FoundPid(*Process()), server.pid);
  EXPECT_EQ(process->Start({})->pid, server.pid);  // no second one on the same data
  Kill(server);
  EXPECT_TRUE(process->HowEnded(server.pid).asked_for);
  EXPECT_EQ(FoundPid(*process), 0);
}

TEST_F(SystemdTest, AStopThatSystemdHadToEnforceIsAskedFor) {
  MakeDeaf("TimeoutStopSec=300ms\nSendSIGKILL=yes");
  const auto process = Process();
  const RunningServer server = StartReady(*process);
  (void)systemd_->Systemctl({"stop", kUnit});
  ASSERT_TRUE(HasEnded(server));
  ExpectKilled(process->HowEnded(server.pid), true);
}

// A child that stays, of a state transfer for instance, keeps the unit "deactivating" after its main process died.
TEST_F(SystemdTest, ACrashWithAChildLeftIsNotAskedFor) {
  DropIn("20-child",
         absl::StrCat("[Service]\nExecStart=\nExecStart=/bin/sh -c \"(trap '' TERM; exec sleep 1000) & exec ",
                      absl::StrJoin(WithoutGalera(), " "), "\""));
  const auto process = Process();
  const RunningServer server = StartReady(*process);
  Kill(server);
  ExpectKilled(process->HowEnded(server.pid), false);
  EXPECT_EQ(Property("ActiveState"), "deactivating");
}

// No start is waited for until it is complete, which of a joiner may take hours. systemd, which gives it up after
// TimeoutStartSec, is nobody who asked for its end, however cleanly it ended.
TEST_F(SystemdTest, AStartThatTimesOutIsNotAskedFor) {
  DropIn("20-never-ready",
         "[Service]\nRestart=no\nTimeoutStartSec=2s\nExecStart=\nExecStart=/usr/bin/env -u NOTIFY_SOCKET " +
             absl::StrJoin(WithoutGalera(), " "));
  const auto process = Process();
  const auto server = process->Start({});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(Property("ActiveState"), "activating");
  ASSERT_TRUE(HasEnded(*server));
  const Ending ending = process->HowEnded(server->pid);
  ASSERT_TRUE(ending.status.has_value());
  EXPECT_EQ(ending.status->code, 0);
  EXPECT_EQ(ending.status->signal, 0);
  EXPECT_FALSE(ending.asked_for);
  EXPECT_EQ(Property("Result"), "timeout");
}

// The real minder-dbserver, which is told of `systemctl --user` by its configuration.
class SystemdAgentTest : public SystemdTest {
 protected:
  void SetUp() override {
    SystemdTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    std::ofstream(dir() + "/minder.yaml")
        << "cluster: fixture\nversion: 1\ndata_centres:\n  - {name: dc1, role: primary}\n"
        << "arbitrator: {name: arbitrator, address: '127.0.0.1:" << FreePort() << "', state_dir: " << dir()
        << "/arbitrator}\ndbservers:\n  - name: node1\n    data_centre: dc1\n    address: 127.0.0.1:" << FreePort()
        << "\n    mysql_address: 127.0.0.1:" << FreePort() << "\n    state_dir: " << dir()
        << "/state\n    notify_socket: " << dir() << "/notify.sock\n    data_dir: " << data_dir()
        << "\n    mysql: {socket: " << socket_path() << ", user: root}\n"
        << "    manage: {mode: systemd, unit: mariadb.service, systemctl_options: ['--user']}\n";
    auto spawned = Spawn({MINDER_DBSERVER, "--config", dir() + "/minder.yaml", "--name", "node1"}, log());
    ASSERT_TRUE(spawned.ok()) << spawned.status();
    agent_ = spawned->pid;
  }
  void TearDown() override {
    if (agent_ != 0) {
      kill(agent_, SIGKILL);
      EXPECT_TRUE(Eventually([this] { return Reap(agent_).ok(); }));
    }
    if (HasFailure()) std::cout << ReadFile(log(), 1 << 20).value_or("the agent has no log") << "\n";
    SystemdTest::TearDown();
  }

  std::string log() const { return dir() + "/agent.log"; }
  bool Says(const std::string& text) const {
    return Eventually([&] { return absl::StrContains(ReadFile(log(), 1 << 20).value_or(""), text); });
  }

  pid_t agent_ = 0;
};

TEST_F(SystemdAgentTest, FindsItRestartsItAndLetsItBeStopped) {
  const auto process = Process();
  ASSERT_EQ(systemd_->Systemctl({"start", kUnit}).exit.code, 0);
  const pid_t first = FoundPid(*process);
  ASSERT_TRUE(Says(absl::StrCat("found mariadbd running, pid ", first)));
  ASSERT_EQ(kill(first, SIGKILL), 0);
  ASSERT_TRUE(Says(absl::StrCat("mariadbd (pid ", first, ") ended: code 0, signal 9")));
  ASSERT_TRUE(Eventually([&] { return FoundPid(*process) != first && Property("ActiveState") == "active"; }));
  const pid_t second = FoundPid(*process);
  ASSERT_TRUE(Says(absl::StrCat("started mariadbd, pid ", second)));
  EXPECT_EQ(Property("NRestarts"), "0");  // it was the agent

  ASSERT_EQ(systemd_->Systemctl({"stop", kUnit}).exit.code, 0);
  ASSERT_TRUE(Says(absl::StrCat("mariadbd (pid ", second, ") was stopped; it stays so until somebody starts it")));
  EXPECT_EQ(FoundPid(*process), 0);
  ASSERT_EQ(systemd_->Systemctl({"start", kUnit}).exit.code, 0);
  EXPECT_TRUE(Says(absl::StrCat("found mariadbd running, pid ", FoundPid(*process))));
}

}  // namespace
}  // namespace minder
