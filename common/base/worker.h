#ifndef MINDER_COMMON_BASE_WORKER_H_
#define MINDER_COMMON_BASE_WORKER_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <queue>
#include <thread>

namespace minder {

// One thread for work that blocks (SQL, balancer sockets, processes), in the order of the calls, so that the loop never
// does. Every piece of work must itself have a deadline; the result comes back as an event, by EventLoop::Post. The
// destructor drops what has not begun and waits for what has.
class Worker {
 public:
  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread.
  void Do(std::function<void()> work);

 private:
  void Run();

  std::mutex mutex_;  // guards queue_ and stopped_
  std::condition_variable changed_;
  std::queue<std::function<void()>> queue_;
  bool stopped_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace minder

#endif  // MINDER_COMMON_BASE_WORKER_H_
