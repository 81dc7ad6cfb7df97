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

// si_code values as ExecMainCode shows them.
constexpr int kExited = 1;
constexpr int kKilled = 2;
constexpr int kDumped = 3;

class SystemdProcess : public ServerProcess {
 public:
  explicit SystemdProcess(SystemdProcessOptions options) : options_(std::move(options)) {}

  absl::StatusOr<std::optional<RunningServer>> Find() override {
    MINDER_ASSIGN_OR_RETURN(const UnitState unit, Show());
    return Hold(unit);
  }

  absl::StatusOr<RunningServer> Start() override {
    const BootTime until = BootClock().Now() + options_.start_deadline;
    MINDER_ASSIGN_OR_RETURN(auto running, Find());
    if (running.has_value()) return *std::move(running);
    // Without it a unit that failed too often is refused; the back-off is ours. It fails for a unit that did not, which
    // is fine.
    (void)Systemctl({"reset-failed", options_.unit});
    // A joiner may take hours until it is "started": --no-block, and its process is all that we wait for.
    MINDER_RETURN_IF_ERROR(Systemctl({"--no-block", "start", options_.unit}).status());
    while (BootClock().Now() < until) {
      MINDER_ASSIGN_OR_RETURN(const UnitState unit, Show());
      if (auto server = Hold(unit)) return *std::move(server);
      if (unit.active == "failed") return absl::InternalError(absl::StrFormat("%s failed to start", options_.unit));
      absl::SleepFor(kBetweenLooks);
    }
    return absl::DeadlineExceededError(absl::StrFormat("%s has no process yet", options_.unit));
  }

  absl::Status Stop(absl::Duration deadline) override { return Systemctl({"stop", options_.unit}, deadline).status(); }

  // A clean exit is one that somebody asked systemd or mariadbd for.
  Ending HowEnded(pid_t pid) override {
    const BootTime until = BootClock().Now() + kEndingKnownAfter;
    while (BootClock().Now() < until) {
      const auto unit = Show();
      if (!unit.ok() || unit->exec_main_pid != pid) return {};
      if (unit->ending.has_value()) {
        const bool clean = unit->ending->code == 0 && unit->ending->signal == 0;
        return {.status = unit->ending, .asked_for = clean || unit->active == "deactivating"};
      }
      absl::SleepFor(kBetweenLooks);
    }
    return {};
  }

  v1::StoppedState ReadStopped() override { return StoppedStateOf(options_.data_dir); }

 private:
  static std::optional<RunningServer> Hold(const UnitState& unit) {
    if (unit.main_pid <= 0) return std::nullopt;
    auto server = HoldProcess(unit.main_pid);
    if (!server.ok()) return std::nullopt;
    return *std::move(server);
  }

  absl::StatusOr<UnitState> Show() {
    MINDER_ASSIGN_OR_RETURN(
        const std::string shown,
        Systemctl(
            {"show", "-p", "LoadState,ActiveState,MainPID,ExecMainPID,ExecMainCode,ExecMainStatus", options_.unit}));
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
};

int IntOf(const std::string& text) {
  int number = 0;
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
                 .main_pid = IntOf(properties["MainPID"]),
                 .exec_main_pid = IntOf(properties["ExecMainPID"]),
                 .ending = std::nullopt};
  const int code = IntOf(properties["ExecMainCode"]);
  const int status = IntOf(properties["ExecMainStatus"]);
  if (code == kExited) unit.ending = ExitStatus{.code = status, .signal = 0};
  if (code == kKilled || code == kDumped) unit.ending = ExitStatus{.code = 0, .signal = status};
  return unit;
}

std::unique_ptr<ServerProcess> MakeSystemdProcess(SystemdProcessOptions options) {
  return std::make_unique<SystemdProcess>(std::move(options));
}

}  // namespace minder
