#ifndef MINDER_CLI_CALL_GUARD_H_
#define MINDER_CLI_CALL_GUARD_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/time/time.h"
#include "common/base/event_loop.h"

namespace minder {

// Ends blocking calls early: on SIGINT and SIGTERM, and when a call does not say its first word in time. Make one
// before any other thread starts. A second signal ends the program at once.
class CallGuard {
 public:
  CallGuard();
  ~CallGuard();
  CallGuard(const CallGuard&) = delete;
  CallGuard& operator=(const CallGuard&) = delete;

  bool interrupted() const;

  // A call begins: `cancel` is called, from another thread, on a signal or when Answered is not called within
  // `patience`. At once when a signal came before.
  void Begin(std::function<void()> cancel, absl::Duration patience);
  // The call has said something: from now on it may be silent.
  void Answered();
  // The call has ended; `cancel` is not called any more. True when it was cancelled for its silence.
  bool End();

  // Waits; false, early, on a signal.
  bool Sleep(absl::Duration duration);

 private:
  void OnSignal();
  void OnSilence(unsigned call);

  EventLoop loop_;
  mutable std::mutex mutex_;  // guards all below but thread_
  std::condition_variable changed_;
  std::function<void()> cancel_;  // empty between calls
  unsigned call_ = 0;             // which call it is, so that an old timer does not end a newer one
  bool answered_ = false;
  bool silent_ = false;
  bool interrupted_ = false;
  bool closing_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace minder

#endif  // MINDER_CLI_CALL_GUARD_H_
