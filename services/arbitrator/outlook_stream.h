#ifndef MINDER_SERVICES_ARBITRATOR_OUTLOOK_STREAM_H_
#define MINDER_SERVICES_ARBITRATOR_OUTLOOK_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "common/base/event_loop.h"
#include "services/arbitrator/arbitrator.h"

namespace minder {

// A server stream that says something new whenever the arbitrator's outlook has. `next` runs on the loop, first at once
// and then after each decision, but never while a write is under way, so a slow reader gets the newest and costs
// nothing.
template <typename Response>
class OutlookStream : public grpc::ServerWriteReactor<Response> {
 public:
  // What to do now: write `response` when there is one, then end with `finish` when there is one.
  struct Step {
    std::optional<Response> response = std::nullopt;
    std::optional<grpc::Status> finish = std::nullopt;
  };
  using Next = std::function<Step(const Arbitrator::Outlook&)>;

  OutlookStream(EventLoop& loop, Arbitrator& arbitrator, Next next)
      : loop_(loop), arbitrator_(arbitrator), next_(std::move(next)), handle_(std::make_shared<Handle>(this)) {
    OnLoop([](OutlookStream& self) {
      self.subscription_ =
          self.arbitrator_.Subscribe([handle = self.handle_] { handle->Do([](OutlookStream& s) { s.Advance(); }); });
      self.Advance();
    });
  }

  void OnWriteDone(bool ok) override {
    OnLoop([ok](OutlookStream& self) {
      self.writing_ = false;
      if (ok) self.Advance();
    });
  }

  void OnCancel() override { FinishOnce(grpc::Status(grpc::StatusCode::CANCELLED, "the caller went away")); }

  void OnDone() override {
    handle_->Detach();
    loop_.Post([&arbitrator = arbitrator_, id = subscription_] { arbitrator.Unsubscribe(id); });
    delete this;
  }

 private:
  // Lets the loop reach the stream for as long as gRPC has it.
  class Handle {
   public:
    explicit Handle(OutlookStream* stream) : stream_(stream) {}
    template <typename Work>
    void Do(Work work) {
      std::lock_guard lock(mutex_);
      if (stream_ != nullptr) work(*stream_);
    }
    void Detach() {
      std::lock_guard lock(mutex_);
      stream_ = nullptr;
    }

   private:
    std::mutex mutex_;
    OutlookStream* stream_;
  };

  template <typename Work>
  void OnLoop(Work work) {
    loop_.Post([handle = handle_, work] { handle->Do(work); });
  }

  void Advance() {
    if (writing_) return;
    Step step = next_(arbitrator_.Look());
    if (step.response) {
      response_ = *std::move(step.response);
      std::lock_guard lock(mutex_);
      if (finished_) return;
      writing_ = true;
      if (!step.finish) {
        this->StartWrite(&response_);
      } else {
        finished_ = true;
        this->StartWriteAndFinish(&response_, {}, *step.finish);
      }
    } else if (step.finish) {
      FinishOnce(*step.finish);
    }
  }

  void FinishOnce(const grpc::Status& status) {
    std::lock_guard lock(mutex_);
    if (std::exchange(finished_, true)) return;
    this->Finish(status);
  }

  EventLoop& loop_;
  Arbitrator& arbitrator_;
  Next next_;
  std::shared_ptr<Handle> handle_;
  std::uint64_t subscription_ = 0;
  bool writing_ = false;
  Response response_;
  std::mutex mutex_;  // no write may start once the call is finished
  bool finished_ = false;
};

}  // namespace minder

#endif  // MINDER_SERVICES_ARBITRATOR_OUTLOOK_STREAM_H_
