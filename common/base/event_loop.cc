#include "common/base/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "common/base/check.h"

namespace minder {

EventLoop::EventLoop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
  MINDER_CHECK(epoll_.ok() && wake_.ok() && timer_.ok());
  Watch(wake_.get(), EPOLLIN, [this] { RunPosted(); });
  Watch(timer_.get(), EPOLLIN, [this] { RunDueTimers(); });
}

EventLoop::~EventLoop() = default;

void EventLoop::Post(Callback work) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    posted_.push_back(std::move(work));
  }
  eventfd_write(wake_.get(), 1);
}

EventLoop::TimerId EventLoop::At(BootTime when, Callback work) {
  const TimerId id = next_timer_++;
  timers_.emplace(std::pair(when, id), std::move(work));
  timer_times_.emplace(id, when);
  ArmTimer();
  return id;
}

void EventLoop::Cancel(TimerId id) {
  const auto it = timer_times_.find(id);
  if (it == timer_times_.end()) return;
  timers_.erase({it->second, id});
  timer_times_.erase(it);
}

void EventLoop::Watch(int fd, std::uint32_t events, Callback ready) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  MINDER_CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
  watches_[fd] = std::move(ready);
}

void EventLoop::Unwatch(int fd) {
  if (watches_.erase(fd) > 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void EventLoop::StopOnSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  MINDER_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  signals_.reset(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  Watch(signals_.get(), EPOLLIN, [this] { Stop(); });
}

void EventLoop::Run() {
  std::array<epoll_event, 64> events;
  while (!stopped_) {
    const int n = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    MINDER_CHECK(n >= 0 || errno == EINTR);
    for (int i = 0; i < n && !stopped_; ++i) {
      // An earlier callback of this round may have unwatched the descriptor.
      const auto it = watches_.find(events[i].data.fd);
      if (it == watches_.end()) continue;
      const Callback ready = it->second;
      ready();
    }
  }
  std::vector<Callback> dropped;
  std::lock_guard lock(mutex_);
  dropped.swap(posted_);
}

void EventLoop::Stop() {
  stopped_ = true;
  eventfd_write(wake_.get(), 1);
}

void EventLoop::ArmTimer() {
  itimerspec spec{};
  if (!timers_.empty()) {
    spec.it_value = absl::ToTimespec(ToSinceBoot(timers_.begin()->first.first));
    if (spec.it_value.tv_sec < 0) spec.it_value = {};
    if (spec.it_value.tv_sec == 0 && spec.it_value.tv_nsec == 0) spec.it_value.tv_nsec = 1;  // 0 would disarm
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void EventLoop::RunDueTimers() {
  std::uint64_t expirations;
  [[maybe_unused]] const auto n = read(timer_.get(), &expirations, sizeof(expirations));
  const BootTime now = Now();
  while (!timers_.empty() && timers_.begin()->first.first <= now && !stopped_) {
    auto node = timers_.extract(timers_.begin());
    timer_times_.erase(node.key().second);
    node.mapped()();
  }
  ArmTimer();
}

void EventLoop::RunPosted() {
  eventfd_t count;
  eventfd_read(wake_.get(), &count);
  std::vector<Callback> batch;
  {
    std::lock_guard lock(mutex_);
    batch.swap(posted_);
  }
  for (Callback& work : batch) {
    if (stopped_) return;
    work();
  }
}

}  // namespace minder
