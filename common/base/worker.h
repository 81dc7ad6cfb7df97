#ifndef MINDER_COMMON_BASE_WORKER_H_
#define MINDER_COMMON_BASE_WORKER_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <thread>
#include <type_traits>
#include <utility>

#include "common/base/event_loop.h"

namespace minder {

// One thread for work that blocks (SQL, balancer sockets, processes), in the order of the calls, so that the loop never
// does. Every piece of work must itself have a deadline. The destructor drops what has not begun, waits for what has,
// and drops its result; it is called on the loop, or when that has ended.
class Worker {
 public:
  explicit Worker(EventLoop& loop);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Runs `work` on the worker's thread, and then `then` with what it returns on the loop. Any thread.
  template <typename Work, typename Then>
  void Do(Work work, Then then) {
    Push([this, work = std::move(work), then = std::move(then)]() mutable {
      // std::function wants what it holds to be copyable, and not every result is.
      const auto result = std::make_shared<std::invoke_result_t<Work&>>(work());
      loop_.Post([alive = std::weak_ptr(alive_), then = std::move(then), result]() mutable {
        if (!alive.expired()) then(std::move(*result));
      });
    });
  }

 private:
  void Push(std::function<void()> work);
  void Run();

  EventLoop& loop_;
  const std::shared_ptr<Worker*> alive_;  // what is posted may come after our end
  std::mutex mutex_;                      // guards queue_ and stopped_
  std::condition_variable changed_;
  std::queue<std::function<void()>> queue_;
  bool stopped_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace minder

#endif  // MINDER_COMMON_BASE_WORKER_H_
