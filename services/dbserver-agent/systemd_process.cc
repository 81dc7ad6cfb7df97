#include "services/dbserver-agent/systemd_process.h"

#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "services/dbserver-agent/process_lookup.h"
#include "services/dbserver-agent/stopped_state.h"

namespace minder {
namespace {

constexpr absl::Duration kBetweenLooks = absl::Milliseconds(50);
constexpr absl::Duration kEndingKnownAfter = absl::Seconds(2);  // the pidfd may tell us before systemd was told

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
    return FindIn(unit);
  }

  absl::StatusOr<RunningServer> Start(const std::optional<v1::Position>& not_beyond) override {
    if (not_beyond)
      return absl::UnimplementedError("systemd does not tell where the data is before it starts the unit");
    const BootTime until = BootClock().Now() + options_.start_deadline;
    MINDER_ASSIGN_OR_RETURN(const UnitState before, Show());
    if (auto running = FindIn(before)) return *std::move(running);
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
      absl::SleepFor(kBetweenLooks);
    }
    return absl::DeadlineExceededError(absl::StrFormat("%s has no process yet", options_.unit));
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
    const BootTime until = BootClock().Now() + kEndingKnownAfter;
    while (BootClock().Now() < until) {
      const auto unit = Show();
      if (!unit.ok()) return {};
      if (unit->main_pid != pid) return EndingIn(*unit, pid);
      absl::SleepFor(kBetweenLooks);
    }
    return {};
  }

  v1::StoppedState ReadStopped() override { return StoppedStateOf(options_.data_dir); }

 private:
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
  pid_t held_ = 0;  // the last main process of the unit that was seen
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
