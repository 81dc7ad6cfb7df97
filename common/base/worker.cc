#include "common/base/worker.h"

#include <utility>

namespace minder {

Worker::Worker(EventLoop& loop) : loop_(loop), alive_(std::make_shared<Worker*>(this)), thread_([this] { Run(); }) {}

Worker::~Worker() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Worker::Push(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    queue_.push(std::move(work));
  }
  changed_.notify_one();
}

void Worker::Run() {
  while (true) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
    if (stopped_) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop();
    lock.unlock();
    work();
  }
}

}  // namespace minder
