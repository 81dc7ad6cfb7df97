#include "services/dbserver-agent/systemd_process.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/config/bootstrap_flag.h"
#include "common/mysql/grastate.h"
#include "services/dbserver-agent/bootstrap_leftovers.h"
#include "services/dbserver-agent/process_lookup.h"
#include "services/dbserver-agent/recover_position.h"
#include "services/dbserver-agent/stopped_state.h"

namespace minder {
namespace {

constexpr absl::Duration kBetweenLooksAtTheUnit = absl::Milliseconds(50);
constexpr absl::Duration kEndingKnownAfter = absl::Seconds(2);  // the pidfd may tell us before systemd was told

constexpr char kNewClusterVariable[] = "_WSREP_NEW_CLUSTER";  // of galera_new_cluster

constexpr char kProperties[] =
    "LoadState,ActiveState,SubState,Result,MainPID,ExecMainPID,ExecMainCode,ExecMainStatus,"
    "ExecMainStartTimestampMonotonic,"
    "ExecMainExitTimestampMonotonic,ActiveExitTimestampMonotonic";

// si_code values as ExecMainCode shows them.
constexpr int kExited = 1;
constexpr int kKilled = 2;
constexpr int kDumped = 3;

class SystemdProcess : public ServerProcess {
 public:
  explicit SystemdProcess(SystemdProcessOptions options) : options_(std::move(options)) {}

  absl::StatusOr<std::optional<RunningServer>> Find() override {
    MINDER_ASSIGN_OR_RETURN(const UnitState unit, Show());
    auto server = FindIn(unit);
    if (!server && unit.active == "activating" && unit.sub != "auto-restart")
      return absl::UnavailableError(absl::StrFormat("%s is being started, and has no process yet", options_.unit));
    return server;
  }

  absl::StatusOr<RunningServer> Start(const std::optional<v1::Position>& not_beyond) override {
    MINDER_ASSIGN_OR_RETURN(const UnitState before, Show());
    if (auto running = FindIn(before)) return *std::move(running);
    if (not_beyond) {
      MINDER_RETURN_IF_ERROR(Collect());
      MINDER_RETURN_IF_ERROR(CheckNotBeyond(PositionOf(ReadStopped()), not_beyond));
    }
    MINDER_RETURN_IF_ERROR(ClearFlags());
    return Launch(before);
  }

  absl::StatusOr<RunningServer> Bootstrap() override {
    const auto before = Show();
    if (!before.ok()) return absl::FailedPreconditionError(before.status().message());
    if (FindIn(*before)) return absl::FailedPreconditionError("mariadbd runs");
    if (const absl::Status prepared = PrepareBootstrap(); !prepared.ok())
      return absl::FailedPreconditionError(prepared.message());
    const auto flagged = Manager({"set-environment", absl::StrFormat("%s=--wsrep-new-cluster", kNewClusterVariable)});
    auto server = flagged.ok() ? Launch(*before) : absl::StatusOr<RunningServer>(flagged.status());
    // The process has it by now, and no other start may have it.
    const absl::Status cleared = ClearEnvironment();
    return cleared.ok() ? std::move(server) : absl::StatusOr<RunningServer>(cleared);
  }

  // The stop keeps systemd from starting it again after the kill.
  absl::Status EndWaiting() override {
    MINDER_ASSIGN_OR_RETURN(const UnitState unit, Show());
    const auto running = FindIn(unit);
    if (!running.has_value()) return absl::OkStatus();
    if (HasOpenedData(running->pid)) return absl::FailedPreconditionError("mariadbd has opened its data");
    MINDER_RETURN_IF_ERROR(Systemctl({"--no-block", "stop", options_.unit}).status());
    return KillAndWait(*running);
  }

  absl::Status Collect() override {
    recovered_.reset();
    if (StoppedCleanly(options_.data_dir)) return absl::OkStatus();
    struct stat owner {};
    if (stat(options_.data_dir.c_str(), &owner) != 0)
      return absl::ErrnoToStatus(errno, "cannot look at " + options_.data_dir);
    const passwd* user = getpwuid(owner.st_uid);
    std::vector<std::string> command = options_.mariadbd;
    command.push_back("--datadir=" + options_.data_dir);
    if (user != nullptr) command.push_back(absl::StrFormat("--user=%s", user->pw_name));
    MINDER_ASSIGN_OR_RETURN(recovered_, RecoverPosition(command, options_.recover_deadline));
    return absl::OkStatus();
  }

  absl::Status ClearBootstrap() override {
    MINDER_RETURN_IF_ERROR(ClearFlags());
    return ForbidBootstrap(options_.data_dir);
  }

  // A stop that has taken TimeoutStopSec is over for systemctl, and mariadbd may run on.
  absl::Status Stop(absl::Duration deadline) override {
    MINDER_RETURN_IF_ERROR(Systemctl({"stop", options_.unit}, deadline).status());
    const auto running = FindOutsideTheUnit();
    if (!running.has_value()) return absl::OkStatus();
    return absl::DeadlineExceededError(
        absl::StrFormat("mariadbd (pid %d) runs, though %s is stopped", running->pid, options_.unit));
  }

  Ending HowEnded(pid_t pid) override {
    recovered_.reset();  // it may have written since
    const BootTime until = BootClock().Now() + kEndingKnownAfter;
    while (BootClock().Now() < until) {
      const auto unit = Show();
      if (!unit.ok()) return {};
      if (unit->main_pid != pid) return EndingIn(*unit, pid);
      absl::SleepFor(kBetweenLooksAtTheUnit);
    }
    return {};
  }

  v1::StoppedState ReadStopped() override {
    v1::StoppedState stopped = StoppedStateOf(options_.data_dir);
    if (recovered_.has_value()) *stopped.mutable_recovered() = recovered_->position;
    return stopped;
  }

 private:
  // `before`: the unit as it was, without a process.
  absl::StatusOr<RunningServer> Launch(const UnitState& before) {
    const BootTime until = BootClock().Now() + options_.start_deadline;
    // Without it a unit that failed too often is refused; the back-off is ours. It fails for a unit that did not, which
    // is fine.
    (void)Systemctl({"reset-failed", options_.unit});
    // A unit that waits for RestartSec, which is 5 s in Debian's, lets a start wait as well, but not a restart.
    const std::string verb = before.sub == "auto-restart" ? "restart" : "start";
    // A joiner may take hours until it is "started": --no-block, and its process is all that we wait for.
    MINDER_RETURN_IF_ERROR(Systemctl({"--no-block", verb, options_.unit}).status());
    while (BootClock().Now() < until) {
      MINDER_ASSIGN_OR_RETURN(const UnitState unit, Show());
      if (auto server = Hold(unit)) return *std::move(server);
      if (unit.active == "failed") return absl::InternalError(absl::StrFormat("%s failed to start", options_.unit));
      absl::SleepFor(kBetweenLooksAtTheUnit);
    }
    return absl::DeadlineExceededError(absl::StrFormat("%s has no process yet", options_.unit));
  }

  absl::Status PrepareBootstrap() {
    MINDER_RETURN_IF_ERROR(Collect());
    const v1::Position position = PositionOf(ReadStopped());
    if (!HasData(position)) return absl::FailedPreconditionError("it holds no data");
    MINDER_RETURN_IF_ERROR(AllowBootstrap(options_.data_dir, position));
    return MoveOldViewAside(options_.data_dir);
  }

  // Takes away what galera_new_cluster leaves, and looks for what only a human can take away.
  absl::Status ClearFlags() {
    MINDER_RETURN_IF_ERROR(ClearEnvironment());
    MINDER_ASSIGN_OR_RETURN(const std::string shown, Systemctl({"show", "-p", "ExecStart,Environment", options_.unit}));
    const std::string its_own = absl::StrReplaceAll(shown, {{absl::StrCat("$", kNewClusterVariable), ""}});
    const std::vector<std::string> words = absl::StrSplit(its_own, absl::ByAnyChar(" \n\""), absl::SkipEmpty());
    MINDER_RETURN_IF_ERROR(CheckOptions(words, absl::StrCat("in ", options_.unit)));
    // The unit may have files of its own.
    std::vector<std::string> command = options_.mariadbd;
    std::ranges::copy_if(words, std::back_inserter(command), IsAboutDefaults);
    return CheckDefaults(command);
  }

  // What galera_new_cluster leaves when it is interrupted: a variable of systemd, or the file that Debian's unit reads.
  absl::Status ClearEnvironment() {
    MINDER_RETURN_IF_ERROR(Manager({"unset-environment", kNewClusterVariable}).status());
    MINDER_ASSIGN_OR_RETURN(const std::string shown, Systemctl({"show", "-p", "EnvironmentFiles", options_.unit}));
    for (const absl::string_view line : absl::StrSplit(shown, '\n')) {
      const std::string path(absl::StripPrefix(line.substr(0, line.find(' ')), "EnvironmentFiles="));
      if (!absl::StrContains(ReadFile(path).value_or(""), kNewClusterVariable)) continue;
      if (unlink(path.c_str()) != 0) return absl::ErrnoToStatus(errno, "cannot remove " + path);
      spdlog::warn("removed {}, which would have started a cluster of its own", path);
    }
    return absl::OkStatus();
  }

  // Of systemd itself, not of the unit.
  absl::StatusOr<std::string> Manager(std::vector<std::string> arguments) {
    return Systemctl(std::move(arguments), options_.call_deadline);
  }

  std::optional<RunningServer> Hold(const UnitState& unit) {
    if (unit.main_pid <= 0) return std::nullopt;
    auto server = HoldProcess(unit.main_pid);
    if (!server.ok()) return std::nullopt;
    held_ = server->pid;
    return *std::move(server);
  }

  std::optional<RunningServer> FindIn(const UnitState& unit) {
    auto server = Hold(unit);
    return server.has_value() ? std::move(server) : FindOutsideTheUnit();
  }

  // A unit without a process is no proof that no mariadbd runs: with SendSIGKILL=no, which Debian's has, one that did
  // not stop in time is left running and forgotten; or somebody started it by hand.
  std::optional<RunningServer> FindOutsideTheUnit() const {
    return FindMariadbd({.pid_file = "", .data_dir = options_.data_dir, .command = {}});
  }

  // systemd forgets a unit that was stopped cleanly and that no other unit wants, one that is not enabled for instance,
  // and what it knew of the main process with it. One that failed it keeps.
  Ending EndingIn(const UnitState& unit, pid_t pid) const {
    if (unit.exec_main_pid == pid) return {.status = unit.ending, .asked_for = EndWasAskedFor(unit)};
    const bool forgotten = pid == held_ && unit.exec_main_pid == 0 && unit.active == "inactive";
    return {.status = std::nullopt, .asked_for = forgotten};
  }

  absl::StatusOr<UnitState> Show() {
    MINDER_ASSIGN_OR_RETURN(const std::string shown, Systemctl({"show", "-p", kProperties, options_.unit}));
    UnitState unit = ParseUnitState(shown);
    if (!unit.loaded)
      return absl::NotFoundError(absl::StrFormat("systemd has no unit %s: set manage.unit", options_.unit));
    return unit;
  }

  absl::StatusOr<std::string> Systemctl(std::vector<std::string> arguments) {
    return Systemctl(std::move(arguments), options_.call_deadline);
  }

  absl::StatusOr<std::string> Systemctl(std::vector<std::string> arguments, absl::Duration deadline) {
    std::vector<std::string> command = {"systemctl"};
    command.insert(command.end(), options_.systemctl_options.begin(), options_.systemctl_options.end());
    command.insert(command.end(), arguments.begin(), arguments.end());
    MINDER_ASSIGN_OR_RETURN(SubprocessResult result, RunSubprocess(command, deadline));
    if (result.exit.code == 0 && result.exit.signal == 0) return std::move(result.output);
    return absl::InternalError(
        absl::StrFormat("systemctl %s %s: %s", arguments[0], options_.unit, absl::StripAsciiWhitespace(result.output)));
  }

  SystemdProcessOptions options_;
  std::optional<RecoveredPosition> recovered_;  // since the last end
  pid_t held_ = 0;                              // the last main process of the unit that was seen
};

template <typename Number = int>
Number NumberOf(const std::string& text) {
  Number number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

}  // namespace

UnitState ParseUnitState(const std::string& shown) {
  std::map<std::string, std::string> properties;
  for (const absl::string_view line : absl::StrSplit(shown, '\n')) {
    properties.insert(std::pair<std::string, std::string>(absl::StrSplit(line, absl::MaxSplits('=', 1))));
  }
  UnitState unit{.loaded = properties["LoadState"] == "loaded",
                 .active = properties["ActiveState"],
                 .sub = properties["SubState"],
                 .result = properties["Result"],
                 .main_pid = NumberOf(properties["MainPID"]),
                 .exec_main_pid = NumberOf(properties["ExecMainPID"]),
                 .ending = std::nullopt,
                 .main_start_us = NumberOf<std::int64_t>(properties["ExecMainStartTimestampMonotonic"]),
                 .main_exit_us = NumberOf<std::int64_t>(properties["ExecMainExitTimestampMonotonic"]),
                 .active_exit_us = NumberOf<std::int64_t>(properties["ActiveExitTimestampMonotonic"])};
  const int code = NumberOf(properties["ExecMainCode"]);
  const int status = NumberOf(properties["ExecMainStatus"]);
  if (code == kExited) unit.ending = ExitStatus{.code = status, .signal = 0};
  if (code == kKilled || code == kDumped) unit.ending = ExitStatus{.code = 0, .signal = status};
  return unit;
}

// A stop takes the unit out of "active" and then ends the process; when the process ends first nobody asked systemd,
// whatever state the unit then goes through to end what else runs in it.
bool EndWasAskedFor(const UnitState& unit) {
  if (unit.result == "watchdog" || unit.result == "oom-kill") return false;
  const bool stopped_first =
      unit.active_exit_us > unit.main_start_us && (unit.main_exit_us == 0 || unit.active_exit_us < unit.main_exit_us);
  if (stopped_first) return true;
  // A unit that was still starting was not active: its start timed out, or somebody stopped it.
  const bool clean = unit.ending.has_value() && unit.ending->code == 0 && unit.ending->signal == 0;
  return clean && unit.result != "timeout";
}

std::unique_ptr<ServerProcess> MakeSystemdProcess(SystemdProcessOptions options) {
  return std::make_unique<SystemdProcess>(std::move(options));
}

}  // namespace minder
