#ifndef MINDER_SERVICES_ARBITRATOR_PRIMARY_SERVICE_H_
#define MINDER_SERVICES_ARBITRATOR_PRIMARY_SERVICE_H_

#include <grpcpp/support/status.h>

#include <deque>
#include <string>
#include <utility>

#include "common/base/event_loop.h"
#include "minder/v1/services.pb.h"
#include "services/arbitrator/arbitrator.h"

namespace minder {

// The verbs of ControlService about primary components, all on the loop. What is refused is FAILED_PRECONDITION, or
// ABORTED when the state is not the confirmed one any more, INVALID_ARGUMENT for a request that says too little,
// NOT_FOUND for a dbserver that is not configured; each with an ErrorDetail.
// A request_id that was granted before gets the same answer again, and nothing is done twice. They are remembered in
// memory, the last ones: after a restart the digest, or the open grant, keeps a forced promotion from being repeated.
class PrimaryService {
 public:
  // Both arguments outlive it.
  PrimaryService(EventLoop& loop, Arbitrator& arbitrator) : loop_(loop), arbitrator_(arbitrator) {}

  grpc::Status MakePrimary(const v1::MakePrimaryRequest& request, v1::MakePrimaryResponse& response);
  grpc::Status DeclareDead(const v1::DeclareDeadRequest& request, v1::DeclareDeadResponse& response);
  grpc::Status Recover(const v1::RecoverRequest& request, v1::RecoverResponse& response);
  grpc::Status Acknowledge(const v1::AcknowledgeRequest& request, v1::AcknowledgeResponse& response);
  grpc::Status Release(const v1::ReleaseRequest& request, v1::ReleaseResponse& response);
  grpc::Status Explain(v1::ExplainResponse& response) const;
  grpc::Status History(const v1::HistoryRequest& request, v1::HistoryResponse& response);
  grpc::Status Pause(const v1::PauseRequest& request, v1::PauseResponse& response);
  grpc::Status Resume(const v1::ResumeRequest& request, v1::ResumeResponse& response);

 private:
  template <typename Response, typename Work>
  grpc::Status Once(const std::string& request_id, Response& response, Work work);

  EventLoop& loop_;
  Arbitrator& arbitrator_;
  std::deque<std::pair<std::string, std::string>> answers_;  // request_id and serialized answer, oldest first
};

}  // namespace minder

#endif  // MINDER_SERVICES_ARBITRATOR_PRIMARY_SERVICE_H_
