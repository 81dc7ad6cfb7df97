#ifndef MINDER_CLI_CONTROL_CLIENT_H_
#define MINDER_CLI_CONTROL_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/call_guard.h"
#include "minder/v1/services.pb.h"

namespace minder {

// How a call to the arbitrator ended.
struct CallResult {
  absl::Status status;
  v1::ErrorDetail detail;  // of a refusal; empty when the arbitrator gave none
  bool connected = false;  // a connection stood when the call was made
  bool answered = false;   // at least one response came
};

// How long a stream may take.
struct StreamLimits {
  absl::Duration first_answer;  // until the first response, connecting included
  absl::Duration total;         // until its end; may be infinite
  bool patient = false;         // wait for an arbitrator that cannot be reached, instead of giving up at once
};

// The arbitrator's ControlService, as blocking calls. Every call has a deadline, and `guard` can end it: with CANCELLED
// on a signal, with DEADLINE_EXCEEDED when its first response does not come in time. Nothing is retried here.
class ControlClient {
 public:
  // `address` is host:port; nothing is dialled before the first call.
  ControlClient(const std::string& address, CallGuard& guard);
  ~ControlClient();

  // Sees each response of a stream; false ends the call with CANCELLED.
  template <typename Response>
  using OnResponse = std::function<bool(const Response&)>;

  CallResult StatusSummary(absl::Duration timeout, v1::StatusSummaryResponse& response);
  CallResult RequestStatus(const v1::RequestStatusRequest& request, absl::Duration timeout,
                           v1::RequestStatusResponse& response);
  CallResult Drain(const v1::DrainRequest& request, const StreamLimits& limits,
                   const OnResponse<v1::DrainResponse>& on_response);
  CallResult Undrain(const v1::UndrainRequest& request, const StreamLimits& limits,
                     const OnResponse<v1::UndrainResponse>& on_response);
  CallResult MakePrimary(const v1::MakePrimaryRequest& request, absl::Duration timeout,
                         v1::MakePrimaryResponse& response);
  CallResult DeclareDead(const v1::DeclareDeadRequest& request, absl::Duration timeout,
                         v1::DeclareDeadResponse& response);
  CallResult Recover(const v1::RecoverRequest& request, absl::Duration timeout, v1::RecoverResponse& response);
  CallResult Acknowledge(const v1::AcknowledgeRequest& request, absl::Duration timeout,
                         v1::AcknowledgeResponse& response);
  CallResult Release(const v1::ReleaseRequest& request, absl::Duration timeout, v1::ReleaseResponse& response);
  CallResult Explain(absl::Duration timeout, v1::ExplainResponse& response);
  CallResult History(const v1::HistoryRequest& request, absl::Duration timeout, v1::HistoryResponse& response);
  CallResult Pause(const v1::PauseRequest& request, absl::Duration timeout, v1::PauseResponse& response);
  CallResult Resume(const v1::ResumeRequest& request, absl::Duration timeout, v1::ResumeResponse& response);
  CallResult Watch(const StreamLimits& limits, const OnResponse<v1::WatchResponse>& on_response);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minder

#endif  // MINDER_CLI_CONTROL_CLIENT_H_
