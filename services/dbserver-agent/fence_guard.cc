#include "services/dbserver-agent/fence_guard.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/base/unix_address.h"
#include "services/dbserver-agent/fence_answer.h"

namespace minder {
namespace {

constexpr absl::Duration kRetry = absl::Milliseconds(100);
constexpr absl::Duration kRetryAfterNoAnswer = absl::Seconds(1);

UniqueFd MakeFenceSocket() { return UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

std::int64_t Nanoseconds(BootTime time) { return absl::ToInt64Nanoseconds(ToSinceBoot(time)); }

}  // namespace

FenceGuard::FenceGuard(EventLoop& loop, Options options, std::function<void()> on_change)
    : loop_(loop), options_(std::move(options)), on_change_(std::move(on_change)) {}

FenceGuard::~FenceGuard() {
  loop_.Cancel(retry_);
  Disarm();
}

std::string FenceGuard::SocketPath() const { return absl::StrFormat("%s/fence-%d.sock", options_.state_dir, pid_); }

void FenceGuard::Hold(pid_t pid, bool may_turn_primary) {
  if (pid == pid_) return;
  Disarm();
  loop_.Cancel(std::exchange(retry_, 0));
  if (guard_.pid != 0 && Reap(guard_.pid).ok()) guard_ = {};
  pid_ = pid;
  guarded_ = may_turn_primary;
  if (pid_ != 0) Engage();
}

// Nothing that was said before counts for a guard that is new.
void FenceGuard::Engage() {
  retry_ = 0;
  const absl::Status engaged = Connect();
  if (engaged.ok() && connection_.ok()) Send();
  if (engaged.ok()) return;
  spdlog::error("fence guard: {}", std::string(engaged.message()));
  retry_ = loop_.After(kRetry, [this] { Engage(); });
}

absl::Status FenceGuard::Connect() {
  MINDER_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::Of(SocketPath()));
  connection_ = MakeFenceSocket();
  if (address.Connect(connection_.get()) != 0) {
    connection_.reset();
    if (errno != ENOENT && errno != ECONNREFUSED) return absl::ErrnoToStatus(errno, "cannot reach " + SocketPath());
    if (!guarded_ && deadline_ <= loop_.Now()) return absl::OkStatus();
    MINDER_RETURN_IF_ERROR(Spawn(SocketPath()));
    connection_ = MakeFenceSocket();
    if (address.Connect(connection_.get()) != 0) return absl::ErrnoToStatus(errno, "cannot reach " + SocketPath());
  }
  loop_.Watch(connection_.get(), EPOLLIN, [this] { OnReadable(); });
  return absl::OkStatus();
}

// The guard gets a socket that listens already, so that there is nothing to wait for.
absl::Status FenceGuard::Spawn(const std::string& path) {
  MINDER_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::Of(path));
  unlink(path.c_str());
  const UniqueFd listening = MakeFenceSocket();
  fchmod(listening.get(), 0600);
  if (address.Bind(listening.get()) != 0 || listen(listening.get(), 8) != 0)
    return absl::ErrnoToStatus(errno, "cannot make " + path);
  if (guard_.pid != 0 && Reap(guard_.pid).ok()) guard_ = {};
  std::vector<std::string> argv = {
      options_.program, std::to_string(pid_),
      std::to_string(std::max<std::int64_t>(Nanoseconds(deadline_), 1)),  // 0 would be none
      path};
  if (!options_.watchdog.empty()) argv.push_back(options_.watchdog);
  MINDER_ASSIGN_OR_RETURN(guard_, minder::Spawn(argv, options_.state_dir + "/fence.log", listening.get()));
  return absl::OkStatus();
}

void FenceGuard::Extend(BootTime deadline) {
  if (deadline == deadline_) return;
  deadline_ = deadline;
  if (connection_.ok()) return Send();
  if (pid_ != 0 && retry_ == 0) Engage();
}

void FenceGuard::Send() {
  const std::int64_t ns = deadline_ == absl::InfinitePast() ? 0 : Nanoseconds(deadline_);  // 0 only asks
  if (send(connection_.get(), &ns, sizeof(ns), MSG_NOSIGNAL) == sizeof(ns) || errno == EAGAIN) return;
  OnReadable();  // it has gone, as a read shows
}

// Each answer is the deadline that the guard has; its end is that of the guard, or of what it guarded.
void FenceGuard::OnReadable() {
  FenceAnswer answer;
  const ssize_t n = recv(connection_.get(), &answer, sizeof(answer), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n == sizeof(answer)) {
    guarded_ = true;
    watchdog_timeout_ = absl::Nanoseconds(answer.watchdog_ns);
    if (!std::exchange(armed_, true)) on_change_();
    return;
  }
  const bool was_armed = armed_;
  Disarm();
  if (!was_armed) spdlog::error("fence guard: it ended at once; {}/fence.log says why", options_.state_dir);
  if (pid_ != 0) retry_ = loop_.After(was_armed ? kRetry : kRetryAfterNoAnswer, [this] { Engage(); });
  if (was_armed) on_change_();
}

void FenceGuard::Disarm() {
  armed_ = false;
  if (!connection_.ok()) return;
  loop_.Unwatch(connection_.get());
  connection_.reset();
}

}  // namespace minder
