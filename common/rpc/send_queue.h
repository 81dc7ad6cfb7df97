#ifndef MINDER_COMMON_RPC_SEND_QUEUE_H_
#define MINDER_COMMON_RPC_SEND_QUEUE_H_

#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "minder/v1/message.pb.h"

namespace minder {

// What waits for a stream that can write one message at a time. A newer message of the same verb (for acks: of the same
// acknowledged verb) replaces one that still waits, so a slow peer costs a bounded amount of memory. Any thread.
class SendQueue {
 public:
  // True when the caller must start writing with Next(), because no write is under way.
  bool Push(const v1::Message& message) {
    std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [&](const v1::Message& other) {
      return other.verb_case() == message.verb_case() && other.ack().verb() == message.ack().verb();
    });
    waiting_.push_back(message);
    return !std::exchange(writing_, true);
  }

  // The next message to write; nothing when there is none, and then no write is under way any more.
  std::optional<v1::Message> Next() {
    std::lock_guard lock(mutex_);
    writing_ = !waiting_.empty();
    if (!writing_) return std::nullopt;
    v1::Message message = std::move(waiting_.front());
    waiting_.pop_front();
    return message;
  }

 private:
  std::mutex mutex_;
  std::deque<v1::Message> waiting_;
  bool writing_ = false;
};

}  // namespace minder

#endif  // MINDER_COMMON_RPC_SEND_QUEUE_H_
