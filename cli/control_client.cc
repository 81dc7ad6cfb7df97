#include "cli/control_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "minder/v1/services.grpc.pb.h"

namespace minder {
namespace {

using WallDeadline = std::chrono::system_clock::time_point;  // what grpcpp takes; it converts to its own clock at once

WallDeadline DeadlineAfter(absl::Duration d) {
  const absl::Duration bounded = std::min(d, absl::Hours(24 * 366));
  return std::chrono::system_clock::now() + std::chrono::milliseconds(absl::ToInt64Milliseconds(bounded));
}

}  // namespace

class ControlClient::Impl {
 public:
  using Stub = v1::ControlService::Stub;

  Impl(const std::string& address, CallGuard& guard)
      : guard_(guard), channel_(MakeChannel(address)), stub_(v1::ControlService::NewStub(channel_)) {}

  Stub& stub() { return *stub_; }

  template <typename Invoke>
  CallResult Unary(absl::Duration timeout, const Invoke& invoke) {
    return Call({.first_answer = timeout, .total = timeout}, [&](grpc::ClientContext& context, CallResult& result) {
      grpc::Status status = invoke(&context);
      result.answered = status.ok();
      return status;
    });
  }

  template <typename Response, typename Open>
  CallResult Stream(const StreamLimits& limits, const OnResponse<Response>& on_response, const Open& open) {
    return Call(limits, [&](grpc::ClientContext& context, CallResult& result) {
      const auto reader = open(&context);
      Response response;
      while (reader->Read(&response)) {
        guard_.Answered();
        result.answered = true;
        if (!on_response(response)) context.TryCancel();
      }
      return reader->Finish();
    });
  }

 private:
  // Connects, then has `run` do the call, within the limits and under the guard.
  template <typename Run>
  CallResult Call(const StreamLimits& limits, const Run& run) {
    const auto start = std::chrono::system_clock::now();
    const absl::Duration patience = std::min(limits.first_answer, limits.total);
    const WallDeadline deadline = DeadlineAfter(limits.total);
    CallResult result;
    const bool may_call = Connect(limits.patient ? deadline : DeadlineAfter(patience), limits.patient);
    if (!may_call) {
      result.status =
          guard_.interrupted() ? absl::CancelledError("interrupted") : absl::DeadlineExceededError("no connection");
      return result;
    }
    const absl::Duration spent =
        limits.patient ? absl::ZeroDuration() : absl::FromChrono(std::chrono::system_clock::now() - start);
    grpc::ClientContext context;
    context.set_deadline(deadline);
    result.connected = Ready();
    guard_.Begin([&context] { context.TryCancel(); }, patience - spent);
    const grpc::Status status = run(context, result);
    const bool silent = guard_.End();
    result.connected = result.connected || result.answered || Ready();
    result.status = FromGrpc(status);
    if (silent && !status.ok()) result.status = absl::DeadlineExceededError("no answer");
    if (guard_.interrupted() && !status.ok()) result.status = absl::CancelledError("interrupted");
    result.detail.ParseFromString(status.error_details());
    return result;
  }

  bool Ready() { return channel_->GetState(false) == GRPC_CHANNEL_READY; }

  // Dials. True when a call is worth while: it is connected, or, unless `patient`, the connection was refused, which
  // the call then explains. False at the deadline and on a signal, for which it looks every 50 ms because grpcpp cannot
  // be woken here.
  bool Connect(WallDeadline deadline, bool patient) {
    while (!guard_.interrupted() && std::chrono::system_clock::now() < deadline) {
      const grpc_connectivity_state state = channel_->GetState(/*try_to_connect=*/true);
      if (state == GRPC_CHANNEL_READY || (state == GRPC_CHANNEL_TRANSIENT_FAILURE && !patient)) return true;
      channel_->WaitForStateChange(state, std::min(deadline, DeadlineAfter(absl::Milliseconds(50))));
    }
    return false;
  }

  CallGuard& guard_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Stub> stub_;
};

ControlClient::ControlClient(const std::string& address, CallGuard& guard)
    : impl_(std::make_unique<Impl>(address, guard)) {}
ControlClient::~ControlClient() = default;

CallResult ControlClient::StatusSummary(absl::Duration timeout, v1::StatusSummaryResponse& response) {
  return impl_->Unary(timeout, [&](grpc::ClientContext* context) {
    return impl_->stub().StatusSummary(context, v1::StatusSummaryRequest(), &response);
  });
}

CallResult ControlClient::RequestStatus(const v1::RequestStatusRequest& request, absl::Duration timeout,
                                        v1::RequestStatusResponse& response) {
  return impl_->Unary(
      timeout, [&](grpc::ClientContext* context) { return impl_->stub().RequestStatus(context, request, &response); });
}

CallResult ControlClient::Drain(const v1::DrainRequest& request, const StreamLimits& limits,
                                const OnResponse<v1::DrainResponse>& on_response) {
  return impl_->Stream(limits, on_response,
                       [&](grpc::ClientContext* context) { return impl_->stub().Drain(context, request); });
}

CallResult ControlClient::Undrain(const v1::UndrainRequest& request, const StreamLimits& limits,
                                  const OnResponse<v1::UndrainResponse>& on_response) {
  return impl_->Stream(limits, on_response,
                       [&](grpc::ClientContext* context) { return impl_->stub().Undrain(context, request); });
}

CallResult ControlClient::MakePrimary(const v1::MakePrimaryRequest& request, absl::Duration timeout,
                                      v1::MakePrimaryResponse& response) {
  return impl_->Unary(
      timeout, [&](grpc::ClientContext* context) { return impl_->stub().MakePrimary(context, request, &response); });
}

CallResult ControlClient::DeclareDead(const v1::DeclareDeadRequest& request, absl::Duration timeout,
                                      v1::DeclareDeadResponse& response) {
  return impl_->Unary(
      timeout, [&](grpc::ClientContext* context) { return impl_->stub().DeclareDead(context, request, &response); });
}

CallResult ControlClient::Acknowledge(const v1::AcknowledgeRequest& request, absl::Duration timeout,
                                      v1::AcknowledgeResponse& response) {
  return impl_->Unary(
      timeout, [&](grpc::ClientContext* context) { return impl_->stub().Acknowledge(context, request, &response); });
}

CallResult ControlClient::Release(const v1::ReleaseRequest& request, absl::Duration timeout,
                                  v1::ReleaseResponse& response) {
  return impl_->Unary(timeout,
                      [&](grpc::ClientContext* context) { return impl_->stub().Release(context, request, &response); });
}

CallResult ControlClient::Recover(const v1::RecoverRequest& request, absl::Duration timeout,
                                  v1::RecoverResponse& response) {
  return impl_->Unary(timeout,
                      [&](grpc::ClientContext* context) { return impl_->stub().Recover(context, request, &response); });
}

CallResult ControlClient::History(const v1::HistoryRequest& request, absl::Duration timeout,
                                  v1::HistoryResponse& response) {
  return impl_->Unary(timeout,
                      [&](grpc::ClientContext* context) { return impl_->stub().History(context, request, &response); });
}

CallResult ControlClient::Pause(const v1::PauseRequest& request, absl::Duration timeout, v1::PauseResponse& response) {
  return impl_->Unary(timeout,
                      [&](grpc::ClientContext* context) { return impl_->stub().Pause(context, request, &response); });
}

CallResult ControlClient::Resume(const v1::ResumeRequest& request, absl::Duration timeout,
                                 v1::ResumeResponse& response) {
  return impl_->Unary(timeout,
                      [&](grpc::ClientContext* context) { return impl_->stub().Resume(context, request, &response); });
}

CallResult ControlClient::Explain(absl::Duration timeout, v1::ExplainResponse& response) {
  return impl_->Unary(timeout, [&](grpc::ClientContext* context) {
    return impl_->stub().Explain(context, v1::ExplainRequest(), &response);
  });
}

CallResult ControlClient::Watch(const StreamLimits& limits, const OnResponse<v1::WatchResponse>& on_response) {
  return impl_->Stream(limits, on_response,
                       [&](grpc::ClientContext* context) { return impl_->stub().Watch(context, v1::WatchRequest()); });
}

}  // namespace minder
