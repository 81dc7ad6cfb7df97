#ifndef MINDER_SERVICES_DBSERVER_AGENT_FENCE_GUARD_H_
#define MINDER_SERVICES_DBSERVER_AGENT_FENCE_GUARD_H_

#include <sys/types.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/base/event_loop.h"
#include "common/base/subprocess.h"
#include "common/base/unique_fd.h"

namespace minder {

// The agent's end of the fence guard: minder-fence, a process of its own that kills one mariadbd at a deadline unless
// the agent has moved it on. It outlives the agent, and an agent that starts anew finds it again by its socket. Lives
// on the loop.
class FenceGuard {
 public:
  struct Options {
    std::string program;    // minder-fence
    std::string state_dir;  // its socket and its log
    std::string watchdog;   // the kernel's, which the guard needs as well; mostly empty
  };

  // `on_change`: armed() is another one.
  FenceGuard(EventLoop& loop, Options options, std::function<void()> on_change);
  ~FenceGuard();
  FenceGuard(const FenceGuard&) = delete;
  FenceGuard& operator=(const FenceGuard&) = delete;

  // Guards this process, and no other any more; 0 for none. A process that `may_turn_primary` by itself gets a guard at
  // once, and is ended when the deadline is over by now, as it may be after a long recovery. Another one gets its guard
  // with the first deadline that is ahead: whoever was ordered to join the others lives without a lease until then.
  void Hold(pid_t pid, bool may_turn_primary);
  // What is held may live until then.
  void Extend(BootTime deadline);

  // A guard has answered that it watches the process that is held.
  bool armed() const { return armed_; }
  // How long after the deadline the watchdog ends the machine at the latest; while armed with one.
  absl::Duration watchdog_timeout() const { return watchdog_timeout_; }

 private:
  void Engage();
  absl::Status Connect();
  absl::Status Spawn(const std::string& path);
  void Send();
  void OnReadable();
  void Disarm();
  std::string SocketPath() const;

  EventLoop& loop_;
  const Options options_;
  std::function<void()> on_change_;
  pid_t pid_ = 0;
  BootTime deadline_ = absl::InfinitePast();  // until Extend: what the guard has stays
  UniqueFd connection_;
  Spawned guard_;  // our own child, if we started it; to be reaped
  bool armed_ = false;
  absl::Duration watchdog_timeout_;
  bool guarded_ = false;  // this process must have a guard
  EventLoop::TimerId retry_ = 0;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_FENCE_GUARD_H_
