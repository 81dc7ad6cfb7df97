#include "services/dbserver-agent/supervisor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "common/mysql/grastate.h"
#include "services/dbserver-agent/child_process.h"
#include "services/dbserver-agent/process_lookup.h"
#include "services/dbserver-agent/stopped_state.h"
#include "tests/services/dbserver-agent/mariadbd_fixture.h"
#include "tests/services/dbserver-agent/supervised.h"

namespace minder {
namespace {

class SupervisorTest : public MariadbdFixture {
 protected:
  std::unique_ptr<ServerProcess> Child() {
    return MakeChildProcess(
               {.command = Command(), .pid_file = pid_file(), .data_dir = data_dir(), .output = dir() + "/out"})
        .value();
  }
  void KillAndWait(pid_t pid) {
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    EXPECT_TRUE(Eventually([pid] { return Reap(pid).ok(); }));
  }
  // The last view gets a member that nobody will ever be again.
  void AddAnAbsentMember() const {
    const std::string path = data_dir() + "/gvwstate.dat";
    const std::string view = ReadFile(path).value();
    std::ofstream(path) << absl::StrReplaceAll(view,
                                               {{"#vwend", "member: 00000000-0000-11f0-0000-000000000001 0\n#vwend"}});
  }
  bool WaitsForAComponent() const {
    return absl::StrContains(ReadFile(data_dir() + "/error.log", 10 << 20).value_or(""), "Received NON-PRIMARY");
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
  EXPECT_EQ(supervised.observed().last_exit->position->seqno(), 7);

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
  const std::string program = dir() + "/mariadbd";
  std::ofstream(program) << "#!/bin/sh\n[ \"$*\" = --print-defaults ]\n";  // and nothing else
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const auto child =
      MakeChildProcess({.command = {program}, .pid_file = pid_file(), .data_dir = data_dir(), .output = dir() + "/out"})
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

// Its other member never comes back, so it waits for ever, and neither opens its data nor answers, nor takes SIGTERM.
TEST_F(SupervisorTest, AServerThatWaitsIsHeldDownReadAndStartedAsTheFirstNode) {
  KillAndWait(Bootstrap());
  AddAnAbsentMember();
  const auto child = Child();
  Supervised supervised(*child, true);
  ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning) && WaitsForAComponent(); }));
  const pid_t waiting = supervised.observed().pid;
  EXPECT_FALSE(HasOpenedData(waiting));

  const auto collect = [&](Supervisor& s, const Supervisor::Done& done) { s.Collect(done); };
  ASSERT_TRUE(Eventually([&] { return supervised.Ask(collect).ok(); }));
  EXPECT_TRUE(supervised.observed().held);
  EXPECT_FALSE(supervised.observed().last_exit->expected) << "no human has stopped it";
  EXPECT_EQ(supervised.observed().last_exit->pid, waiting);
  EXPECT_EQ(supervised.observed().restart_at, std::nullopt);
  ASSERT_TRUE(supervised.observed().stopped.has_recovered());
  EXPECT_TRUE(HasData(supervised.observed().stopped.recovered()));

  const auto clear = [&](Supervisor& s, const Supervisor::Done& done) { s.Clear(done); };
  ASSERT_TRUE(Eventually([&] { return supervised.Ask(clear).ok(); }));
  EXPECT_FALSE(supervised.observed().stopped.safe_to_bootstrap());

  const auto bootstrap = [&](Supervisor& s, const Supervisor::Done& done) { s.Bootstrap(done); };
  ASSERT_TRUE(Eventually([&] { return supervised.Ask(bootstrap).ok(); }));
  ASSERT_TRUE(Eventually([&] { return ClusterStatus() == "Primary"; }));
  EXPECT_FALSE(supervised.observed().held);
  EXPECT_TRUE(HasOpenedData(supervised.observed().pid));
  EXPECT_TRUE(absl::IsFailedPrecondition(child->EndWaiting())) << "it serves";
  EXPECT_EQ(Sql("SHOW DATABASES LIKE 'mysql'").size(), 1u);

  // A later start has no flag.
  const pid_t first = supervised.observed().pid;
  ASSERT_EQ(kill(first, SIGKILL), 0);
  ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning) && supervised.observed().pid != first; }));
  EXPECT_THAT(ReadFile(absl::StrCat("/proc/", supervised.observed().pid, "/cmdline")).value_or("wsrep-new"),
              testing::Not(testing::HasSubstr("wsrep-new")));
}

// What only it has on disk would be merged without a trace, once the others have as many transactions of their own.
TEST_F(SupervisorTest, WhoIsLeftBehindIsNotStartedBeyondTheOthersHoweverOftenItIsTried) {
  Bootstrap();
  ASSERT_TRUE(Connect()->Execute("CREATE DATABASE alone", BootClock().Now() + absl::Seconds(5)).ok());
  KillAndWait(Server()->pid);
  const auto child = Child();
  ASSERT_EQ(child->Collect(), absl::OkStatus());
  v1::Position limit = PositionOf(child->ReadStopped());
  const std::int64_t own = limit.seqno();
  limit.set_seqno(own - 1);
  const BootTime began_at = BootClock().Now();
  Supervised supervised(*child, true);
  ASSERT_TRUE(Eventually([&] { return supervised.observed().restart_at.has_value(); }));
  EXPECT_GT(*supervised.observed().restart_at, began_at + Supervisor::kFirstWord) << "it waits for the word";
  supervised.Do([&](Supervisor& s) { s.StartWithoutView("", limit, false); });
  const auto refused = [&] { return absl::StrContains(supervised.observed().start_error, absl::StrCat(":", own)); };
  ASSERT_TRUE(Eventually(refused));
  // The next try, of its own, a second later.
  ASSERT_TRUE(Eventually([&] { return supervised.observed().restart_at > BootClock().Now() + absl::Seconds(1); }));
  EXPECT_TRUE(refused());
  EXPECT_FALSE(supervised.Sees(Presence::kRunning));
  supervised.Do([&](Supervisor& s) {
    limit.set_seqno(own);
    s.StartWithoutView("", limit, false);
  });
  EXPECT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); }));
}

TEST_F(SupervisorTest, WhoIsToLetOthersJoinFirstIsStartedByTheNextOrder) {
  KillAndWait(Bootstrap());
  const auto child = Child();
  const BootTime began_at = BootClock().Now();
  Supervised supervised(*child, true);
  ASSERT_TRUE(Eventually([&] { return supervised.observed().restart_at.has_value(); }));
  supervised.Do([](Supervisor& s) { s.StartWithoutView("", std::nullopt, true); });
  while (BootClock().Now() < began_at + Supervisor::kFirstWord + absl::Milliseconds(500)) {  // it would have started
    ASSERT_FALSE(supervised.observed().starting || supervised.Sees(Presence::kRunning));
    absl::SleepFor(absl::Milliseconds(20));
  }
  supervised.Do([](Supervisor& s) { s.StartWithoutView("", std::nullopt, false); });
  EXPECT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); }));
}

// With its old view it would be in the way of the promotion again.
TEST_F(SupervisorTest, WhoWasEndedByOrderIsStartedByTheNextOrder) {
  Bootstrap();
  const auto child = Child();
  Supervised supervised(*child, true);
  ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); }));
  supervised.Do([](Supervisor& s) { s.End(); });
  ASSERT_TRUE(Eventually([&] { return supervised.observed().restart_at.has_value(); }));
  const BootTime ended_at = supervised.observed().last_exit->seen_at;
  EXPECT_EQ(supervised.observed().restart_at, ended_at) << "it did not fail";
  while (BootClock().Now() < ended_at + absl::Seconds(1)) {  // after a crash it is started at once
    ASSERT_FALSE(supervised.observed().starting || supervised.Sees(Presence::kRunning));
    absl::SleepFor(absl::Milliseconds(20));
  }
  supervised.Do([](Supervisor& s) { s.StartWithoutView("uuid", std::nullopt, false); });
  EXPECT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); }));
}

// No lease answers a wish to start it; a bootstrap by hand is the human's own.
TEST_F(SupervisorTest, WhatAHumanStartsNeedsAGuardFromTheFirstUnlessHeBootstraps) {
  const auto child = Child();
  Supervised supervised(*child, false);
  ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kGone); }));
  const auto is_held = [&](pid_t pid) {
    supervised.Do([](Supervisor& s) { s.Look(); });
    return supervised.Sees(Presence::kRunning) && supervised.observed().pid == pid;
  };
  const pid_t bootstrapped = Bootstrap();
  ASSERT_TRUE(Eventually([&] { return is_held(bootstrapped); }));
  EXPECT_FALSE(supervised.observed().may_turn_primary);
  ASSERT_EQ(kill(bootstrapped, SIGTERM), 0);  // on purpose, so nobody starts it again
  ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kGone); }));
  const auto joiner = Spawn(Command(), dir() + "/out");
  ASSERT_TRUE(joiner.ok()) << joiner.status();
  ASSERT_TRUE(Eventually([&] { return is_held(joiner->pid); }));
  EXPECT_TRUE(supervised.observed().may_turn_primary);
}

TEST_F(SupervisorTest, WithoutAPositionThereIsNoBootstrap) {
  const auto child = Child();  // its data directory is fresh
  const auto server = child->Bootstrap();
  EXPECT_TRUE(absl::IsFailedPrecondition(server.status()));
  EXPECT_THAT(std::string(server.status().message()), testing::HasSubstr("no data"));
  EXPECT_FALSE(Server().has_value());
}

// F21: what cannot be understood is moved aside, and the position comes from the data.
TEST_F(SupervisorTest, F21GrastateOfAnyKindIsNoHindrance) {
  KillAndWait(Bootstrap());
  const auto child = Child();
  const std::string path = data_dir() + "/grastate.dat";
  const std::string real = ReadFile(path).value();
  for (const std::string& content : {std::string(), std::string("\x01garbage\n"), std::string(100'000, 'x'),
                                     absl::StrReplaceAll(real, {{"\n", "\r\n"}})}) {
    ASSERT_TRUE(WriteFileDurably(path, content).ok());
    EXPECT_EQ(child->Collect(), absl::OkStatus());
    EXPECT_TRUE(HasData(child->ReadStopped().recovered())) << content.substr(0, 20);
    EXPECT_EQ(child->ClearBootstrap(), absl::OkStatus());
  }
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/dev/zero", path);
  EXPECT_EQ(child->Collect(), absl::OkStatus());
  EXPECT_TRUE(HasData(child->ReadStopped().recovered()));
  EXPECT_FALSE(child->ReadStopped().has_grastate());
}

// F24: log_error names a place where nothing can be written.
TEST_F(SupervisorTest, F24AnUnwritableErrorLogIsNoHindrance) {
  KillAndWait(Bootstrap());
  std::vector<std::string> command = Command();
  command.push_back("--log-error=/proc/nowhere/error.log");
  const auto child =
      MakeChildProcess({.command = command, .pid_file = pid_file(), .data_dir = data_dir(), .output = dir() + "/out"})
          .value();
  EXPECT_EQ(child->Collect(), absl::OkStatus());
  EXPECT_TRUE(HasData(child->ReadStopped().recovered()));
}

// Which the human who set the cluster up by hand has forgotten there.
TEST_F(SupervisorTest, F25ABootstrapFlagInADefaultsFileIsNamedAndNeverStartedWith) {
  std::vector<std::string> command = Command();
  command[1] = "--defaults-file=" + dir() + "/my.cnf";
  std::erase_if(command, [](const std::string& argument) { return absl::StrContains(argument, "cluster-address"); });
  for (const char* flag : {"wsrep_cluster_address=gcomm://", "wsrep_new_cluster"}) {
    SCOPED_TRACE(flag);
    ASSERT_TRUE(WriteFileDurably(dir() + "/my.cnf", absl::StrCat("[mariadbd]\n", flag, "\n")).ok());
    const auto child =
        MakeChildProcess({.command = command, .pid_file = pid_file(), .data_dir = data_dir(), .output = dir() + "/out"})
            .value();
    const absl::Status cleared = child->ClearBootstrap();
    EXPECT_TRUE(absl::IsFailedPrecondition(cleared));
    EXPECT_THAT(std::string(cleared.message()), testing::HasSubstr(flag));
    const auto started = child->Start({});
    EXPECT_TRUE(absl::IsFailedPrecondition(started.status()));
    EXPECT_THAT(
        std::string(started.status().message()),
        testing::AllOf(testing::HasSubstr(flag), testing::HasSubstr(command[1]), testing::HasSubstr("remove it")));
    EXPECT_FALSE(Server().has_value());
  }
}

TEST_F(SupervisorTest, F25ARestartWaitsUntilTheBootstrapFlagIsRemoved) {
  const std::string file = dir() + "/my.cnf";
  ASSERT_TRUE(WriteFileDurably(file, "[mariadbd]\nwsrep_cluster_address=gcomm://\n").ok());
  const pid_t by_hand = Bootstrap();
  std::vector<std::string> command = Command();
  command[1] = "--defaults-file=" + file;
  const auto child =
      MakeChildProcess({.command = command, .pid_file = pid_file(), .data_dir = data_dir(), .output = dir() + "/out"})
          .value();
  Supervised supervised(*child, true);
  ASSERT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); })) << "what a human has started is adopted";
  ASSERT_EQ(kill(by_hand, SIGKILL), 0);
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(supervised.observed().start_error, "gcomm://"); }));
  EXPECT_FALSE(Server().has_value());
  ASSERT_TRUE(WriteFileDurably(file, "[mariadbd]\n").ok());
  EXPECT_TRUE(Eventually([&] { return supervised.Sees(Presence::kRunning); }));
}

// A shell, for instance, is asked something else by the same words.
TEST_F(SupervisorTest, WhatCannotBeAskedForItsDefaultsIsNotStarted) {
  const auto child = MakeChildProcess({.command = {"/bin/false", "--user=mysql"},
                                       .pid_file = pid_file(),
                                       .data_dir = data_dir(),
                                       .output = dir() + "/out"})
                         .value();
  EXPECT_THAT(std::string(child->Start({}).status().message()),
              testing::HasSubstr("`/bin/false --print-defaults` fails"));
  std::vector<std::string> nice = Command();
  nice.insert(nice.begin(), {"/usr/bin/nice", "-n", "1"});
  const auto behind =
      MakeChildProcess({.command = nice, .pid_file = pid_file(), .data_dir = data_dir(), .output = dir() + "/out"})
          .value();
  EXPECT_EQ(behind->ClearBootstrap(), absl::OkStatus());
}

TEST(StoppedState, SafeToBootstrapIsTakenAwayAndGivenInOneStepWithTheOwnerOfTheDirectory) {
  char name[] = "/tmp/minder-grastate-XXXXXX";
  const std::string dir = mkdtemp(name);
  const std::string uuid = "5a1e0000-0000-0000-0000-000000000001";
  ASSERT_TRUE(WriteFileDurably(dir + "/grastate.dat", "uuid: " + uuid + "\nseqno: 7\nsafe_to_bootstrap: 1\n").ok());
  EXPECT_EQ(ForbidBootstrap(dir), absl::OkStatus());
  EXPECT_FALSE(StoppedStateOf(dir).safe_to_bootstrap());
  EXPECT_EQ(StoppedStateOf(dir).grastate().seqno(), 7);
  EXPECT_EQ(AllowBootstrap(dir, {}), absl::OkStatus());
  EXPECT_TRUE(StoppedStateOf(dir).safe_to_bootstrap());
  EXPECT_EQ(StoppedStateOf(dir).grastate().uuid(), uuid);
  std::filesystem::remove(dir + "/grastate.dat");
  EXPECT_EQ(ForbidBootstrap(dir), absl::OkStatus()) << "nothing is there to be taken away";
  v1::Position position;
  position.set_uuid(uuid);
  position.set_seqno(9);
  EXPECT_EQ(AllowBootstrap(dir, position), absl::OkStatus());
  EXPECT_EQ(StoppedStateOf(dir).grastate().seqno(), -1) << "it crashed; the start is told the position";
  std::filesystem::remove_all(dir);
}

// F22
TEST(StoppedState, F22AViewThatIsNoneIsMovedAsideAndARealOneIsNot) {
  char name[] = "/tmp/minder-gvwstate-XXXXXX";
  const std::string dir = mkdtemp(name);
  const std::string path = dir + "/gvwstate.dat";
  EXPECT_FALSE(MoveBrokenViewAside(dir).value()) << "there is none";
  ASSERT_TRUE(WriteFileDurably(path, "").ok());
  EXPECT_TRUE(MoveBrokenViewAside(dir).value());
  EXPECT_TRUE(std::filesystem::exists(path + ".bad"));
  EXPECT_FALSE(std::filesystem::exists(path));
  const std::string uuid = "b7e0a0a1-c6d6-11f0-9a4f-8a1c3d5e7f90";
  ASSERT_TRUE(WriteFileDurably(
                  path, absl::StrFormat("my_uuid: %s\n#vwbeg\nview_id: 3 %s 5\nbootstrap: 0\nmember: %s 0\n#vwend\n",
                                        uuid, uuid, uuid))
                  .ok());
  EXPECT_FALSE(MoveBrokenViewAside(dir).value());
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove_all(dir);
}

TEST(ChildProcess, RefusesABootstrapFlag) {
  const auto child =
      MakeChildProcess({.command = {"mariadbd", "--wsrep-new-cluster"}, .pid_file = "", .data_dir = "", .output = ""});
  EXPECT_EQ(child.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(child.status().message()), testing::HasSubstr("--wsrep-new-cluster"));
}

}  // namespace
}  // namespace minder
