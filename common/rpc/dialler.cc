#include "common/rpc/dialler.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "common/base/log.h"
#include "common/core/party.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/send_queue.h"
#include "minder/v1/services.grpc.pb.h"

namespace minder {
namespace {

constexpr absl::Duration kFirstBackOff = absl::Milliseconds(100);
constexpr absl::Duration kLongestBackOff = absl::Seconds(1);
constexpr absl::Duration kRefusedBackOff = absl::Seconds(10);

// One call. Owned by shared pointers from the loop's side and by itself while gRPC is not done with it.
class ClientStream : public Stream,
                     public grpc::ClientBidiReactor<v1::CorrespondRequest, v1::CorrespondResponse>,
                     public std::enable_shared_from_this<ClientStream> {
 public:
  struct Events {
    std::function<void(std::shared_ptr<ClientStream>)> opened;
    std::function<void(std::shared_ptr<ClientStream>, v1::Message)> received;
    std::function<void(std::shared_ptr<ClientStream>, absl::Status)> closed;
  };

  explicit ClientStream(Events events) : events_(std::move(events)) {}

  void Start(v1::CorrespondenceService::Stub& stub) {
    self_ = shared_from_this();
    context_.set_wait_for_ready(true);  // the channel dials with its own back-off
    stub.async()->Correspond(&context_, this);
    StartRead(&response_);
    AddHold();  // writes start from the loop's thread, outside of any reaction
    StartCall();
  }

  void Send(const v1::Message& message) override {
    if (queue_.Push(message)) WriteNext();
  }

  void Close(const absl::Status&) override {
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(closing_, true)) return;
    }
    context_.TryCancel();
    RemoveHold();
  }

  void OnReadInitialMetadataDone(bool ok) override {
    if (ok) events_.opened(shared_from_this());
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Close(absl::OkStatus());
      return;
    }
    events_.received(shared_from_this(), std::move(*response_.mutable_message()));
    response_.Clear();
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    if (ok) WriteNext();
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<ClientStream> self = std::move(self_);
    events_.closed(self, FromGrpc(status));
  }

 private:
  void WriteNext() {
    const std::optional<v1::Message> message = queue_.Next();
    std::lock_guard lock(mutex_);
    if (!message || closing_) return;
    *request_.mutable_message() = *message;
    StartWrite(&request_);
  }

  Events events_;
  std::shared_ptr<ClientStream> self_;  // until OnDone
  grpc::ClientContext context_;
  v1::CorrespondRequest request_;
  v1::CorrespondResponse response_;
  SendQueue queue_;
  std::mutex mutex_;  // no write may start once the call is closing
  bool closing_ = false;
};

class GrpcDialler : public Dialler {
 public:
  GrpcDialler(EventLoop& loop, Switchboard& switchboard, v1::Party peer, const std::string& address)
      : loop_(loop),
        switchboard_(switchboard),
        peer_(std::move(peer)),
        address_(address),
        stub_(v1::CorrespondenceService::NewStub(MakeChannel(address))) {
    Dial();
  }

  ~GrpcDialler() override {
    loop_.Cancel(timer_);
    alive_.reset();
    if (stream_ != nullptr) stream_->Close(absl::CancelledError("shutting down"));
    std::unique_lock lock(ended_->mutex);
    ended_->changed.wait(lock, [this] { return ended_->calls == 0; });
  }

 private:
  // Outlives the dialler where a call does: what gRPC's threads touch.
  struct Ended {
    std::mutex mutex;
    std::condition_variable changed;
    int calls = 0;
  };

  void Dial() {
    {
      std::lock_guard lock(ended_->mutex);
      ++ended_->calls;
    }
    // gRPC's threads only post; on the loop, `alive` tells whether the dialler is still there.
    const std::weak_ptr<GrpcDialler*> alive = alive_;
    EventLoop& loop = loop_;
    const auto on_loop = [&loop, alive](std::function<void(GrpcDialler&)> work) {
      loop.Post([alive, work = std::move(work)] {
        if (const auto self = alive.lock()) work(**self);
      });
    };
    stream_ = std::make_shared<ClientStream>(
        ClientStream::Events{.opened =
                                 [on_loop](std::shared_ptr<ClientStream> stream) {
                                   on_loop([stream](GrpcDialler& self) { self.Opened(stream); });
                                 },
                             .received =
                                 [on_loop](std::shared_ptr<ClientStream> stream, v1::Message message) {
                                   on_loop([stream, message = std::move(message)](GrpcDialler& self) {
                                     self.switchboard_.Received(stream, message);
                                   });
                                 },
                             .closed =
                                 [on_loop, ended = ended_](std::shared_ptr<ClientStream> stream, absl::Status why) {
                                   on_loop([stream, why](GrpcDialler& self) { self.Closed(stream, why); });
                                   std::lock_guard lock(ended->mutex);
                                   --ended->calls;
                                   ended->changed.notify_all();
                                 }});
    stream_->Start(*stub_);
  }

  void Opened(const std::shared_ptr<ClientStream>& stream) {
    if (stream != stream_) return;
    back_off_ = kFirstBackOff;
    reported_ = false;
    switchboard_.Dialled(peer_, stream);
  }

  void Closed(const std::shared_ptr<ClientStream>& stream, const absl::Status& why) {
    switchboard_.Closed(stream);
    if (stream != stream_) return;
    stream_.reset();
    const bool refused = absl::IsPermissionDenied(why) || absl::IsInvalidArgument(why) || absl::IsUnimplemented(why);
    if (!why.ok() && !std::exchange(reported_, true)) {
      spdlog::warn("{} at {}: {}; dialling again", Describe(peer_), address_, std::string(why.message()));
    }
    const absl::Duration wait = refused ? kRefusedBackOff : back_off_;
    back_off_ = std::min(back_off_ * 2, kLongestBackOff);
    timer_ = loop_.After(wait, [this] { Dial(); });
  }

  EventLoop& loop_;
  Switchboard& switchboard_;
  v1::Party peer_;
  std::string address_;
  std::unique_ptr<v1::CorrespondenceService::Stub> stub_;
  std::shared_ptr<ClientStream> stream_;
  absl::Duration back_off_ = kFirstBackOff;
  bool reported_ = false;
  EventLoop::TimerId timer_ = 0;
  std::shared_ptr<GrpcDialler*> alive_ = std::make_shared<GrpcDialler*>(this);
  std::shared_ptr<Ended> ended_ = std::make_shared<Ended>();
};

}  // namespace

std::unique_ptr<Dialler> Dialler::Dial(EventLoop& loop, Switchboard& switchboard, const v1::Party& peer,
                                       const std::string& address) {
  return std::make_unique<GrpcDialler>(loop, switchboard, peer, address);
}

}  // namespace minder
