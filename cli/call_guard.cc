#include "cli/call_guard.h"

#include <chrono>
#include <csignal>
#include <ctime>
#include <utility>

namespace minder {

CallGuard::CallGuard() {
  loop_.StopOnSignals();
  thread_ = std::thread([this] {
    loop_.Run();
    OnSignal();
  });
}

CallGuard::~CallGuard() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  loop_.Stop();
  thread_.join();
}

bool CallGuard::interrupted() const {
  const std::lock_guard lock(mutex_);
  return interrupted_;
}

void CallGuard::Begin(std::function<void()> cancel, absl::Duration patience) {
  const std::lock_guard lock(mutex_);
  cancel_ = std::move(cancel);
  answered_ = silent_ = false;
  if (interrupted_) return cancel_();
  loop_.Post([this, patience, call = ++call_] { loop_.After(patience, [this, call] { OnSilence(call); }); });
}

void CallGuard::Answered() {
  const std::lock_guard lock(mutex_);
  answered_ = true;
}

bool CallGuard::End() {
  const std::lock_guard lock(mutex_);
  cancel_ = nullptr;
  return silent_;
}

bool CallGuard::Sleep(absl::Duration duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, absl::ToChronoNanoseconds(duration), [this] { return interrupted_; });
}

void CallGuard::OnSignal() {
  std::unique_lock lock(mutex_);
  if (closing_) return;
  // The loop leaves the signal pending. Taking it, then letting signals through to this thread while it lives, makes
  // the next one deadly.
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  const timespec at_once{};
  while (sigtimedwait(&set, nullptr, &at_once) > 0) {
  }
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  interrupted_ = true;
  if (cancel_) cancel_();
  changed_.notify_all();
  changed_.wait(lock, [this] { return closing_; });
}

void CallGuard::OnSilence(unsigned call) {
  const std::lock_guard lock(mutex_);
  if (call != call_ || !cancel_ || answered_) return;
  silent_ = true;
  cancel_();
}

}  // namespace minder
