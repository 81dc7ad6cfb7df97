#include "services/dbserver-agent/notify_listener.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/base/unix_address.h"
#include "common/core/wsrep_event.h"

namespace minder {
namespace {

constexpr int kBacklog = 128;
constexpr int kAcceptAtOnce = 64;  // the loop has other things to do
constexpr mode_t kMode = 0660;
constexpr absl::Duration kRetryAccept = absl::Milliseconds(100);

absl::Status Errno(std::string_view what, const std::string& path, std::string_view cure) {
  return absl::ErrnoToStatus(errno, absl::StrFormat("cannot %s notify_socket %s (%s)", what, path, cure));
}

UniqueFd MakeSocket() { return UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

// Only a refused connection proves that nobody listens; a full queue (EAGAIN) or another kind of socket (EPROTOTYPE)
// shows somebody.
bool IsStale(const UnixAddress& address) {
  const UniqueFd fd = MakeSocket();
  return fd.ok() && address.Connect(fd.get()) != 0 && errno == ECONNREFUSED;
}

// Makes `path` free to bind, if what is there is a socket of a process that has gone.
absl::Status RemoveStale(const std::string& path, const UnixAddress& address) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();  // bind says what is wrong, if anything
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s is there already and is no socket: move it away, or change notify_socket", path));
  }
  if (!IsStale(address)) {
    return absl::AlreadyExistsError(
        absl::StrFormat("%s is already in use by another agent: stop it, or change notify_socket", path));
  }
  if (unlink(path.c_str()) != 0) return Errno("replace the stale", path, "remove it, or change notify_socket");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<NotifyListener>> NotifyListener::Open(EventLoop& loop, Options options,
                                                                     Callback on_event) {
  std::unique_ptr<NotifyListener> listener(new NotifyListener(loop, std::move(options), std::move(on_event)));
  MINDER_RETURN_IF_ERROR(listener->Listen());
  listener->Watch();
  return listener;
}

NotifyListener::NotifyListener(EventLoop& loop, Options options, Callback on_event)
    : loop_(loop), options_(std::move(options)), on_event_(std::move(on_event)) {}

NotifyListener::~NotifyListener() {
  loop_.Cancel(retry_timer_);
  while (!connections_.empty()) Close(connections_.begin()->first);
  Pause();
  struct stat now;
  const bool is_ours = socket_file_.st_ino != 0 && lstat(options_.path.c_str(), &now) == 0 &&
                       now.st_ino == socket_file_.st_ino && now.st_dev == socket_file_.st_dev;
  if (is_ours) unlink(options_.path.c_str());
}

absl::Status NotifyListener::Listen() {
  MINDER_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::Of(options_.path));
  MINDER_RETURN_IF_ERROR(RemoveStale(options_.path, address));
  listening_ = MakeSocket();
  if (!listening_.ok()) return Errno("make", options_.path, "too many files are open");
  fchmod(listening_.get(), kMode);  // bind makes the file with this mode, so that it is never open to others
  if (address.Bind(listening_.get()) != 0) {
    return Errno("bind", options_.path, "is its directory there, and may the agent write in it?");
  }
  if (lstat(options_.path.c_str(), &socket_file_) != 0) return Errno("find", options_.path, "somebody removed it");
  MINDER_RETURN_IF_ERROR(Share());
  if (listen(listening_.get(), kBacklog) != 0) return Errno("listen on", options_.path, "change notify_socket");
  return absl::OkStatus();
}

// The umask may have taken away from the mode. mariadbd's account needs write permission to connect (unix(7)).
absl::Status NotifyListener::Share() {
  if (options_.mysql_gid && chown(options_.path.c_str(), -1, *options_.mysql_gid) != 0) {
    return Errno("give to the group of mariadbd", options_.path, "run the agent as root, or in that group");
  }
  if (chmod(options_.path.c_str(), kMode) != 0) return Errno("set the mode of", options_.path, "run the agent as root");
  return absl::OkStatus();
}

void NotifyListener::Watch() {
  if (std::exchange(watching_, true)) return;
  loop_.Watch(listening_.get(), EPOLLIN, [this] { Accept(); });
}

void NotifyListener::Pause() {
  if (std::exchange(watching_, false)) loop_.Unwatch(listening_.get());
}

void NotifyListener::Accept() {
  for (int i = 0; i < kAcceptAtOnce && connections_.size() < kMaxConnections; ++i) {
    if (!AcceptOne()) return;
  }
  if (connections_.size() == kMaxConnections) Pause();  // until one is closed
}

// False when there is nobody left to accept.
bool NotifyListener::AcceptOne() {
  UniqueFd accepted(accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted.ok()) {
    if (errno == EINTR || errno == ECONNABORTED) return true;
    if (errno == EAGAIN) return false;
    // No descriptors left: the queue stays readable, so asking again at once would spin.
    spdlog::warn("cannot accept on {}: {}", options_.path, std::strerror(errno));
    Pause();
    retry_timer_ = loop_.After(kRetryAccept, [this] { Watch(); });
    return false;
  }
  const int fd = accepted.get();
  if (!IsAllowed(fd)) return true;
  Connection& connection = connections_[fd];
  connection.fd = std::move(accepted);
  connection.silence_timer = loop_.After(options_.silence, [this, fd] { Close(fd); });
  loop_.Watch(fd, EPOLLIN, [this, fd] { Receive(fd); });
  return true;
}

bool NotifyListener::IsAllowed(int fd) {
  ucred peer{};
  socklen_t length = sizeof(peer);
  const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
  if (known && (peer.uid == 0 || peer.uid == geteuid() || peer.uid == options_.mysql_uid)) return true;
  if (counters_.refused++ == 0) {
    spdlog::warn("{}: refused process {} of uid {}; only root, the agent's and mariadbd's account may notify",
                 options_.path, peer.pid, peer.uid);
  }
  return false;
}

void NotifyListener::Receive(int fd) {
  std::string record(kMaxWsrepEventBytes, '\0');
  const ssize_t n = recv(fd, record.data(), record.size(), MSG_TRUNC);  // the record's true length
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  Close(fd);
  if (n <= 0) return;
  v1::WsrepEvent event;
  if (static_cast<std::size_t>(n) > record.size() || !event.ParseFromArray(record.data(), static_cast<int>(n))) {
    if (counters_.malformed++ == 0) spdlog::warn("{}: dropped {} bytes that are no event", options_.path, n);
    return;
  }
  ++counters_.events;
  on_event_(event);
}

void NotifyListener::Close(int fd) {
  const auto it = connections_.find(fd);
  loop_.Cancel(it->second.silence_timer);
  loop_.Unwatch(fd);
  connections_.erase(it);
  Watch();
}

}  // namespace minder
