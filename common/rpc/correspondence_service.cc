#include "common/rpc/correspondence_service.h"

#include <grpcpp/grpcpp.h>

#include <mutex>

#include "common/rpc/grpc_status.h"
#include "common/rpc/send_queue.h"
#include "minder/v1/services.grpc.pb.h"

namespace minder {
namespace {

class Reactor;

// The loop's handle on a call. The reactor goes away when gRPC is done with the call, whoever still holds the handle.
class ServerStream : public Stream {
 public:
  explicit ServerStream(Reactor* reactor) : reactor_(reactor) {}
  void Send(const v1::Message& message) override;
  void Close(const absl::Status& why) override;
  void Detach() {
    std::lock_guard lock(mutex_);
    reactor_ = nullptr;
  }

 private:
  std::mutex mutex_;  // guards reactor_
  Reactor* reactor_;
};

class Reactor : public grpc::ServerBidiReactor<v1::CorrespondRequest, v1::CorrespondResponse> {
 public:
  Reactor(EventLoop& loop, Switchboard& switchboard)
      : loop_(loop), switchboard_(switchboard), stream_(std::make_shared<ServerStream>(this)) {
    StartSendInitialMetadata();  // tells the dialling side that we are there
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      FinishOnce(absl::OkStatus());
      return;
    }
    loop_.Post([&switchboard = switchboard_, stream = stream_, message = std::move(*request_.mutable_message())] {
      switchboard.Received(stream, message);
    });
    request_.Clear();
    std::lock_guard lock(mutex_);
    if (!finished_) StartRead(&request_);
  }

  void OnWriteDone(bool ok) override {
    if (ok) WriteNext();
  }

  void OnCancel() override { FinishOnce(absl::CancelledError("the stream was cancelled")); }

  void OnDone() override {
    stream_->Detach();
    loop_.Post([&switchboard = switchboard_, stream = stream_] { switchboard.Closed(stream); });
    delete this;
  }

  void Send(const v1::Message& message) {
    if (queue_.Push(message)) WriteNext();
  }

  void FinishOnce(const absl::Status& why) {
    std::lock_guard lock(mutex_);
    if (std::exchange(finished_, true)) return;
    Finish(ToGrpc(why));
  }

 private:
  void WriteNext() {
    const std::optional<v1::Message> message = queue_.Next();
    std::lock_guard lock(mutex_);
    if (!message || finished_) return;
    *response_.mutable_message() = *message;
    StartWrite(&response_);
  }

  EventLoop& loop_;
  Switchboard& switchboard_;
  std::shared_ptr<ServerStream> stream_;
  v1::CorrespondRequest request_;
  v1::CorrespondResponse response_;
  SendQueue queue_;
  std::mutex mutex_;  // no write may start once the call is finished
  bool finished_ = false;
};

void ServerStream::Send(const v1::Message& message) {
  std::lock_guard lock(mutex_);
  if (reactor_ != nullptr) reactor_->Send(message);
}

void ServerStream::Close(const absl::Status& why) {
  std::lock_guard lock(mutex_);
  if (reactor_ != nullptr) reactor_->FinishOnce(why);
}

class Service : public v1::CorrespondenceService::CallbackService {
 public:
  Service(EventLoop& loop, Switchboard& switchboard) : loop_(loop), switchboard_(switchboard) {}

  grpc::ServerBidiReactor<v1::CorrespondRequest, v1::CorrespondResponse>* Correspond(
      grpc::CallbackServerContext*) override {
    return new Reactor(loop_, switchboard_);
  }

 private:
  EventLoop& loop_;
  Switchboard& switchboard_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeCorrespondenceService(EventLoop& loop, Switchboard& switchboard) {
  return std::make_unique<Service>(loop, switchboard);
}

}  // namespace minder
