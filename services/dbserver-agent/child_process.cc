#include "services/dbserver-agent/child_process.h"

#include <poll.h>
#include <sys/syscall.h>

#include <csignal>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/config/bootstrap_flag.h"
#include "common/mysql/grastate.h"
#include "services/dbserver-agent/bootstrap_leftovers.h"
#include "services/dbserver-agent/process_lookup.h"
#include "services/dbserver-agent/recover_position.h"
#include "services/dbserver-agent/stopped_state.h"

namespace minder {
namespace {

class ChildProcess : public ServerProcess {
 public:
  explicit ChildProcess(ChildProcessOptions options) : options_(std::move(options)) {}

  absl::StatusOr<std::optional<RunningServer>> Find() override { return Lookup(); }

  absl::StatusOr<RunningServer> Start(const std::optional<v1::Position>& not_beyond) override {
    if (auto running = Lookup()) return *std::move(running);
    MINDER_RETURN_IF_ERROR(CheckDefaults(options_.command));
    MINDER_RETURN_IF_ERROR(Collect());
    MINDER_RETURN_IF_ERROR(CheckNotBeyond(PositionOf(ReadStopped()), not_beyond));
    return Launch({});
  }

  absl::StatusOr<RunningServer> Bootstrap() override {
    if (Lookup()) return absl::FailedPreconditionError("mariadbd runs");
    if (const absl::Status collected = Collect(); !collected.ok())
      return absl::FailedPreconditionError(collected.message());
    const v1::Position position = PositionOf(ReadStopped());
    if (!HasData(position)) return absl::FailedPreconditionError("it holds no data");
    absl::Status prepared = AllowBootstrap(options_.data_dir, position);
    if (prepared.ok()) prepared = MoveOldViewAside(options_.data_dir);
    if (!prepared.ok()) return absl::FailedPreconditionError(prepared.message());
    return Launch({"--wsrep-new-cluster"});
  }

  absl::Status EndWaiting() override {
    const auto running = Lookup();
    if (!running.has_value()) return absl::OkStatus();
    if (HasOpenedData(running->pid)) return absl::FailedPreconditionError("mariadbd has opened its data");
    return KillAndWait(*running);
  }

  absl::Status Collect() override {
    recovered_.reset();
    if (StoppedCleanly(options_.data_dir)) return absl::OkStatus();
    if (!HoldsData(options_.data_dir)) {
      recovered_.emplace().position.set_seqno(-1);
      return absl::OkStatus();
    }
    MINDER_ASSIGN_OR_RETURN(recovered_, RecoverPosition(options_.command, options_.recover_deadline));
    return absl::OkStatus();
  }

  absl::Status ClearBootstrap() override {
    MINDER_RETURN_IF_ERROR(CheckDefaults(options_.command));
    return ForbidBootstrap(options_.data_dir);
  }

  absl::Status Stop(absl::Duration deadline) override {
    const auto running = Lookup();
    if (!running.has_value()) return absl::OkStatus();
    stopping_ = true;
    syscall(SYS_pidfd_send_signal, running->pidfd.get(), SIGTERM, nullptr, 0);
    pollfd poll_fd{.fd = running->pidfd.get(), .events = POLLIN, .revents = 0};
    if (poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(deadline))) > 0) return absl::OkStatus();
    return absl::DeadlineExceededError(
        absl::StrFormat("mariadbd (pid %d) has not stopped after %s", running->pid, absl::FormatDuration(deadline)));
  }

  // mariadbd exits with 0 after a shutdown that somebody asked for and after nothing else. Of an adopted one only its
  // traces are known: a clean shutdown removes the pid file and writes the position to grastate.dat.
  Ending HowEnded(pid_t pid) override {
    recovered_.reset();  // it may have written since
    const bool stopping = std::exchange(stopping_, false);
    const auto exit = Reap(pid);
    if (exit.ok()) return {.status = *exit, .asked_for = stopping || (exit->code == 0 && exit->signal == 0)};
    const bool clean = absl::IsNotFound(ReadFile(options_.pid_file, 64).status()) && StoppedCleanly(options_.data_dir);
    return {.status = std::nullopt, .asked_for = stopping || clean};
  }

  v1::StoppedState ReadStopped() override {
    v1::StoppedState stopped = StoppedStateOf(options_.data_dir);
    if (recovered_.has_value()) *stopped.mutable_recovered() = recovered_->position;
    return stopped;
  }

 private:
  std::optional<RunningServer> Lookup() const {
    return FindMariadbd({.pid_file = options_.pid_file, .data_dir = options_.data_dir, .command = options_.command});
  }

  // After Collect.
  absl::StatusOr<RunningServer> Launch(const std::vector<std::string>& more) {
    std::vector<std::string> command = options_.command;
    command.insert(command.end(), more.begin(), more.end());
    if (recovered_ && HasData(recovered_->position))
      command.push_back("--wsrep_start_position=" + recovered_->start_position);
    MINDER_ASSIGN_OR_RETURN(Spawned spawned, Spawn(command, options_.output));
    stopping_ = false;
    return RunningServer{.pid = spawned.pid, .pidfd = std::move(spawned.pidfd), .started_at = BootClock().Now()};
  }

  ChildProcessOptions options_;
  std::optional<RecoveredPosition> recovered_;  // since the last end
  bool stopping_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ServerProcess>> MakeChildProcess(ChildProcessOptions options) {
  if (options.command.empty())
    return absl::InvalidArgumentError("manage.command is empty: name mariadbd and its arguments");
  const std::string flag = FindBootstrapFlag(options.command);
  if (!flag.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("manage.command has %s, which would start a cluster of its own: remove it", flag));
  }
  return std::make_unique<ChildProcess>(std::move(options));
}

}  // namespace minder
