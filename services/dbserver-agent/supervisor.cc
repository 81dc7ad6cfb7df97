#include "services/dbserver-agent/supervisor.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <utility>

#include "common/base/log.h"
#include "services/dbserver-agent/process_lookup.h"

namespace minder {

Supervisor::Supervisor(EventLoop& loop, ServerProcess& process, Handlers handlers)
    : loop_(loop), process_(process), handlers_(std::move(handlers)) {}

Supervisor::~Supervisor() {
  loop_.Cancel(restart_timer_);
  loop_.Cancel(hold_timer_);
  if (server_.has_value()) loop_.Unwatch(server_->pidfd.get());
}

void Supervisor::Begin(bool start_absent) { DoFind(start_absent); }

void Supervisor::Look() {
  if (!IsFree()) return;
  const bool is_due = policy_.restart_at().has_value() && !observed_.held && !barred_ && !observed_.start_wanted;
  if (is_due && restart_timer_ == 0) ScheduleRestart();  // the hold ended while there was work to do
  DoFind(std::exchange(start_absent_, false));
}

void Supervisor::SetBarred(bool barred, bool start_absent) {
  if (std::exchange(barred_, barred) == barred) return;
  const bool wanted = start_absent || restart_timer_ != 0 || observed_.start_wanted || policy_.restart_at().has_value();
  loop_.Cancel(std::exchange(restart_timer_, 0));
  observed_.restart_at.reset();
  observed_.start_wanted = false;
  if (!barred && wanted && !server_.has_value()) DoFind(true);
}

void Supervisor::DoFind(bool start_absent) {
  ++busy_;
  worker_.Do(
      [this] {
        auto found = process_.Find();
        return std::pair(std::move(found), ReadDisk());
      },
      [this, start_absent](auto seen) { OnFound(std::move(seen.first), seen.second, start_absent); });
}

void Supervisor::DoStart(bool is_restart) {
  const std::string why_not = forget_view_ ? "" : handlers_.why_not_start();
  observed_.start_wanted = !why_not.empty();
  if (observed_.start_wanted) {
    spdlog::warn("does not start mariadbd: {}", why_not);
    observed_.start_error = why_not;
    observed_.restart_at.reset();
    return handlers_.on_change();
  }
  ++busy_;
  observed_.starting = true;
  observed_.may_turn_primary = !forget_view_;
  // From now on a promise comes too late to hold it down.
  if (observed_.may_turn_primary) observed_.presence = Presence::kUnknown;
  handlers_.on_change();
  worker_.Do(
      [this, forget = std::exchange(forget_view_, false), not_beyond = not_beyond_] {
        const absl::Status prepared = handlers_.prepare_view(forget);
        auto started = prepared.ok() ? process_.Start(not_beyond) : absl::StatusOr<RunningServer>(prepared);
        return std::pair(std::move(started), ReadDisk());
      },
      [this, is_restart](auto seen) { OnStarted(std::move(seen.first), seen.second, is_restart); });
}

void Supervisor::OnFound(absl::StatusOr<std::optional<RunningServer>> found, OnDisk disk, bool start_absent) {
  --busy_;
  if (server_.has_value()) return;
  if (!found.ok()) {
    if (observed_.start_error != found.status().message())
      spdlog::error("mariadbd: {}", std::string(found.status().message()));
    observed_.start_error = std::string(found.status().message());
    observed_.presence = Presence::kUnknown;
    start_absent_ = start_absent;
    return handlers_.on_change();
  }
  if (found->has_value()) {
    spdlog::info("found mariadbd running, pid {}", (*found)->pid);
    // What somebody has started since it was seen to be absent needs a guard from the first, for no lease answers a
    // wish for that; but a human's own bootstrap is his.
    observed_.may_turn_primary = observed_.presence == Presence::kGone && !StartedAsFirstNode((*found)->pid);
    return Hold(**std::move(found), disk.view);
  }
  observed_.presence = Presence::kGone;
  observed_.stopped = std::move(disk.stopped);
  if (start_absent) {
    const bool has_data = !observed_.stopped.grastate().uuid().empty();
    policy_.OnAbsent(loop_.Now());
    RestartAt(loop_.Now() + (has_data ? kFirstWord : absl::ZeroDuration()));
  }
  handlers_.on_change();
}

void Supervisor::OnStarted(absl::StatusOr<RunningServer> started, OnDisk disk, bool is_restart) {
  --busy_;
  observed_.starting = false;
  if (server_.has_value()) return handlers_.on_change();  // it was found meanwhile
  if (started.ok()) {
    if (is_restart) ++observed_.restarts;
    spdlog::info("started mariadbd, pid {}", started->pid);
    return Hold(*std::move(started), disk.view);
  }
  spdlog::error("cannot start mariadbd: {}", std::string(started.status().message()));
  // It may start for all that, unless the error says that it was not even tried.
  const bool is_open = !absl::IsFailedPrecondition(started.status());
  observed_.presence = is_open ? Presence::kUnknown : Presence::kGone;
  observed_.start_error = std::string(started.status().message());
  observed_.stopped = std::move(disk.stopped);
  policy_.OnUnexpectedExit(loop_.Now());
  ScheduleRestart();
  handlers_.on_change();
  if (is_open) DoFind(false);
}

void Supervisor::Hold(RunningServer server, const std::string& view) {
  policy_.OnStarted(loop_.Now());
  observed_.presence = Presence::kRunning;
  observed_.pid = server.pid;
  observed_.started_at = server.started_at;
  observed_.view_at_start = view;
  observed_.start_error.clear();
  observed_.start_wanted = forget_view_ = false;
  loop_.Cancel(std::exchange(restart_timer_, 0));
  observed_.restart_at.reset();
  not_beyond_.reset();
  server_ = std::move(server);
  loop_.Watch(server_->pidfd.get(), EPOLLIN, [this] { OnExit(); });
  handlers_.on_change();
}

// Says what is certain at once, that it is gone; how it ended takes a moment to ask.
void Supervisor::OnExit() {
  const pid_t pid = server_->pid;
  loop_.Unwatch(server_->pidfd.get());
  server_.reset();
  observed_.last_exit = SeenExitOf(pid, loop_.Now(), handlers_.last_answer());
  observed_.presence = Presence::kGone;
  observed_.pid = 0;
  observed_.stopped.Clear();
  handlers_.on_change();
  ++busy_;
  worker_.Do(
      [this, pid] {
        const Ending ending = process_.HowEnded(pid);
        return std::pair(ending, process_.ReadStopped());
      },
      [this](const auto& seen) { OnEnding(seen.first, seen.second); });
}

void Supervisor::OnEnding(const Ending& ending, const v1::StoppedState& stopped) {
  --busy_;
  SeenExit& exit = *observed_.last_exit;
  exit.status = ending.status;
  exit.expected = ending.asked_for && exit.pid != ended_;
  observed_.stopped = stopped;
  if (exit.expected) {
    spdlog::info("mariadbd (pid {}) was stopped; it stays so until somebody starts it", exit.pid);
    policy_.OnExpectedExit();
  } else {
    spdlog::error("mariadbd (pid {}) ended: code {}, signal {}", exit.pid, exit.status ? exit.status->code : -1,
                  exit.status ? exit.status->signal : -1);
    if (exit.pid == ended_) {
      policy_.OnAbsent(exit.seen_at);
      if (!observed_.held) RestartAt(exit.seen_at, RestartPolicy::kWordAfterEnd);
    } else {
      policy_.OnUnexpectedExit(exit.seen_at);
      ScheduleRestart();
    }
  }
  handlers_.on_change();
}

void Supervisor::StartWithoutView(const std::string& gone_uuid, const std::optional<v1::Position>& not_beyond,
                                  bool not_yet) {
  if (restart_timer_ == 0 && !observed_.start_wanted) return;
  if (observed_.last_exit && observed_.last_exit->gcomm_uuid != gone_uuid) return;
  not_beyond_ = not_beyond;
  if (!std::exchange(forget_view_, true))
    spdlog::info("the cluster goes on without {}: starts with a new uuid", gone_uuid.empty() ? "it" : gone_uuid);
  RestartAt(policy_.restart_at().value_or(loop_.Now()), not_yet ? kHoldFor : absl::ZeroDuration());
}

void Supervisor::MayStart() {
  if (observed_.start_wanted && !observed_.held && restart_timer_ == 0 && handlers_.why_not_start().empty())
    RestartAt(loop_.Now());
}

// A server that starts with the uuid of its old view may find that uuid evicted: until the arbitrator has spoken, the
// start waits, and for a little only.
void Supervisor::ScheduleRestart() {
  if (observed_.held) return;
  const bool was_member = observed_.last_exit && !observed_.last_exit->gcomm_uuid.empty();
  const BootTime word = loop_.Now() + (was_member ? handlers_.restart_hold() : absl::ZeroDuration());
  RestartAt(std::max(*policy_.restart_at(), word));
}

void Supervisor::StartSoon() {
  if (restart_timer_ != 0) RestartAt(policy_.restart_at().value_or(loop_.Now()));
}

bool Supervisor::IsFree() { return busy_ == 0 && !server_.has_value(); }

void Supervisor::HoldDown() {
  loop_.Cancel(hold_timer_);
  hold_timer_ = loop_.After(kHoldFor, [this] {
    spdlog::warn("no order holds mariadbd down any more");
    EndHold();
    if (policy_.restart_at().has_value() && IsFree()) ScheduleRestart();
    handlers_.on_change();
  });
  loop_.Cancel(std::exchange(restart_timer_, 0));
  observed_.restart_at.reset();
  if (!std::exchange(observed_.held, true)) spdlog::info("mariadbd is held down by order");
  if (server_.has_value()) EndWaiting();
}

void Supervisor::EndHold() {
  loop_.Cancel(std::exchange(hold_timer_, 0));
  observed_.held = false;
}

void Supervisor::EndWaiting() {
  if (std::exchange(ended_, server_->pid) == server_->pid) return;
  worker_.Do(
      [this, view = observed_.view_at_start] {
        return handlers_.view_id() == view ? process_.EndWaiting()
                                           : absl::FailedPreconditionError("it has been in a primary component");
      },
      [this, pid = server_->pid](const absl::Status& status) {
        if (status.ok() || ended_ != pid) return;
        ended_ = 0;  // the next order tries again
        spdlog::warn("cannot end the mariadbd that waits: {}", std::string(status.message()));
      });
}

// What it leaves on disk is what a crash leaves, its old view included.
void Supervisor::End() {
  if (!server_.has_value() || std::exchange(ended_, server_->pid) == server_->pid) return;
  spdlog::warn("mariadbd (pid {}), which is in no primary component, is ended by order", server_->pid);
  syscall(SYS_pidfd_send_signal, server_->pidfd.get(), SIGKILL, nullptr, 0);
}

void Supervisor::Collect(const Done& done) {
  HoldDown();
  if (IsFree() && observed_.stopped.has_recovered()) return done(absl::OkStatus());
  WorkWhileStopped([this] { return process_.Collect(); }, done);
}

void Supervisor::Clear(const Done& done) {
  HoldDown();
  WorkWhileStopped([this] { return process_.ClearBootstrap(); }, done);
}

void Supervisor::WorkWhileStopped(std::function<absl::Status()> work, const Done& done) {
  if (!IsFree()) return;
  ++busy_;
  worker_.Do(
      [this, work = std::move(work)] {
        const absl::Status status = work();
        return std::pair(status, process_.ReadStopped());
      },
      [this, done](const auto& seen) {
        const auto& [status, stopped] = seen;
        --busy_;
        const bool changed =
            std::exchange(observed_.stopped, stopped).SerializeAsString() != stopped.SerializeAsString();
        if (changed) handlers_.on_change();  // first: the outcome tells that it is there to be seen
        done(status);
      });
}

void Supervisor::Bootstrap(const Done& done) {
  if (server_.has_value()) return done(absl::FailedPreconditionError("mariadbd runs"));
  EndHold();
  loop_.Cancel(std::exchange(restart_timer_, 0));
  ++busy_;
  observed_.starting = observed_.may_turn_primary = true;
  worker_.Do(
      [this] {
        auto started = process_.Bootstrap();
        return std::pair(std::move(started), ReadDisk());
      },
      [this, done](auto seen) {
        const absl::Status status = seen.first.status();
        OnStarted(std::move(seen.first), seen.second, false);
        done(status);
      });
}

bool Supervisor::StartNow(const std::optional<v1::Position>& not_beyond) {
  if (busy_ > 0) return false;
  EndHold();
  if (server_.has_value()) return true;
  loop_.Cancel(std::exchange(restart_timer_, 0));
  forget_view_ = true;
  not_beyond_ = not_beyond;
  DoStart(false);
  return true;
}

// Shown is when it wants to; it does so once nobody has told it for `turn` to let others go first.
void Supervisor::RestartAt(BootTime at, absl::Duration turn) {
  if (barred_) return;
  observed_.restart_at = at;
  loop_.Cancel(restart_timer_);
  restart_timer_ = loop_.At(std::max(at, loop_.Now() + turn), [this] {
    restart_timer_ = 0;
    DoStart(observed_.last_exit.has_value());
  });
}

}  // namespace minder
