#ifndef MINDER_SERVICES_DBSERVER_AGENT_NOTIFY_LISTENER_H_
#define MINDER_SERVICES_DBSERVER_AGENT_NOTIFY_LISTENER_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/event_loop.h"
#include "common/base/unique_fd.h"
#include "minder/v1/status.pb.h"

namespace minder {

// The dbserver agent's end of wsrep_notify_cmd: takes events from minder-notify on a unix socket
// (common/core/wsrep_event.h) and hands each to a callback on the loop. An event is a hint and is not answered. Used on
// the loop's thread only.
class NotifyListener {
 public:
  struct Options {
    std::string path;
    // Account of mariadbd, besides root and the agent's own one, which are always allowed; and its group, to which the
    // socket is given.
    std::optional<uid_t> mysql_uid = std::nullopt;
    std::optional<gid_t> mysql_gid = std::nullopt;
    // A connection that has said nothing for so long is closed.
    absl::Duration silence = absl::Seconds(1);
  };
  using Callback = std::function<void(const v1::WsrepEvent&)>;

  // At most so many connections are open; further ones wait in the kernel's queue.
  static constexpr std::size_t kMaxConnections = 32;

  struct Counters {
    std::uint64_t events = 0;
    std::uint64_t refused = 0;    // from a process of another account
    std::uint64_t malformed = 0;  // no event, or too large
  };

  // Listens at `path`, mode 0660. A socket that nobody listens on any more is replaced. ALREADY_EXISTS when somebody
  // does, FAILED_PRECONDITION when there is something else than a socket (nothing is removed then), otherwise the
  // errno's status; each names the path and the cure. The callback must not destroy the listener.
  static absl::StatusOr<std::unique_ptr<NotifyListener>> Open(EventLoop& loop, Options options, Callback on_event);

  // Stops listening and removes the socket, if it is still this one.
  ~NotifyListener();
  NotifyListener(const NotifyListener&) = delete;
  NotifyListener& operator=(const NotifyListener&) = delete;

  const Counters& counters() const { return counters_; }
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Connection {
    UniqueFd fd;
    EventLoop::TimerId silence_timer = 0;
  };

  NotifyListener(EventLoop& loop, Options options, Callback on_event);
  absl::Status Listen();
  absl::Status Share();
  void Watch();
  void Pause();
  void Accept();
  bool AcceptOne();
  bool IsAllowed(int fd);
  void Receive(int fd);
  void Close(int fd);

  EventLoop& loop_;
  const Options options_;
  const Callback on_event_;
  UniqueFd listening_;
  struct stat socket_file_ {};  // of the socket we made
  bool watching_ = false;
  EventLoop::TimerId retry_timer_ = 0;
  std::map<int, Connection> connections_;
  Counters counters_;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_NOTIFY_LISTENER_H_
