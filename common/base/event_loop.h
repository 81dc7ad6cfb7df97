#ifndef MINDER_COMMON_BASE_EVENT_LOOP_H_
#define MINDER_COMMON_BASE_EVENT_LOOP_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/unique_fd.h"

namespace minder {

// The one thread that owns a service's state (ARCHITECTURE.md "One loop"). Everything but Post and Stop is called on
// that thread only. Built on epoll, an eventfd for posted work and a timerfd on CLOCK_BOOTTIME, so that nothing polls
// and suspend does not stretch timers.
class EventLoop {
 public:
  using Callback = std::function<void()>;
  using TimerId = std::uint64_t;  // never 0

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs `work` on the loop, in the order of the calls. Any thread. From Stop on, work is destroyed without being run.
  void Post(Callback work);

  // Runs `work` once at `when`, or as soon as possible when that is past.
  TimerId At(BootTime when, Callback work);
  TimerId After(absl::Duration delay, Callback work) { return At(Now() + delay, std::move(work)); }
  void Cancel(TimerId id);

  // Calls `ready` each time `fd` has one of the epoll `events`, until Unwatch. The caller keeps `fd` open until then.
  void Watch(int fd, std::uint32_t events, Callback ready);
  void Unwatch(int fd);

  // Stops on SIGTERM and SIGINT from now on; call before other threads start, because it blocks both in the calling
  // thread.
  void StopOnSignals();

  // Runs until Stop.
  void Run();
  // Any thread; also before Run, which then returns at once.
  void Stop();

  BootTime Now() const { return clock_.Now(); }

 private:
  void ArmTimer();
  void RunDueTimers();
  void RunPosted();

  BootClock clock_;
  UniqueFd epoll_;
  UniqueFd wake_;
  UniqueFd timer_;
  UniqueFd signals_;
  std::mutex mutex_;  // guards posted_
  std::vector<Callback> posted_;
  std::map<int, Callback> watches_;
  std::map<std::pair<BootTime, TimerId>, Callback> timers_;
  std::map<TimerId, BootTime> timer_times_;
  TimerId next_timer_ = 1;
  std::atomic<bool> stopped_ = false;
};

}  // namespace minder

#endif  // MINDER_COMMON_BASE_EVENT_LOOP_H_
