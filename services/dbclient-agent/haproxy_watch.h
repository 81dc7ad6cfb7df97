#ifndef MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_WATCH_H_
#define MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_WATCH_H_

#include <functional>
#include <string>

#include "common/base/event_loop.h"
#include "common/base/unique_fd.h"

namespace minder {

// Notices by an event that HAProxy went away and came back: keeps one idle, interactive connection to its runtime API,
// whose end is the end of the process. On the loop; never blocks.
class HaproxyWatch {
 public:
  struct Handlers {
    std::function<void()> on_up;    // a process answers that did not before, also the first one
    std::function<void()> on_down;  // it is gone
  };

  HaproxyWatch(EventLoop& loop, std::string socket, Handlers handlers);
  ~HaproxyWatch();
  HaproxyWatch(const HaproxyWatch&) = delete;
  HaproxyWatch& operator=(const HaproxyWatch&) = delete;

  // Moves the connection to the process that now listens. After a reload, ours would keep the old one alive.
  void Renew();

 private:
  void Connect();
  void ReadSome();
  void Lost();
  void RetryLater();

  EventLoop& loop_;
  const std::string socket_;
  const Handlers handlers_;
  UniqueFd fd_;
  bool answered_ = false;  // on this connection
  EventLoop::TimerId retry_ = 0;
  absl::Duration backoff_;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_WATCH_H_
