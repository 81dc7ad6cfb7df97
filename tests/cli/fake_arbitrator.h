#ifndef MINDER_TESTS_CLI_FAKE_ARBITRATOR_H_
#define MINDER_TESTS_CLI_FAKE_ARBITRATOR_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "minder/v1/services.grpc.pb.h"

namespace minder {

// A ControlService whose answers a test writes down; what has no script is UNIMPLEMENTED. Set scripts before Start.
class ScriptedControl : public v1::ControlService::Service {
 public:
  template <typename Response>
  using Writer = grpc::ServerWriter<Response>;

  std::function<grpc::Status(v1::StatusSummaryResponse*)> status_summary;
  std::function<grpc::Status(const v1::RequestStatusRequest&, v1::RequestStatusResponse*)> request_status;
  std::function<grpc::Status(grpc::ServerContext*, const v1::DrainRequest&, Writer<v1::DrainResponse>*)> drain;
  std::function<grpc::Status(grpc::ServerContext*, const v1::UndrainRequest&, Writer<v1::UndrainResponse>*)> undrain;
  std::function<grpc::Status(grpc::ServerContext*, Writer<v1::WatchResponse>*)> watch;
  std::function<grpc::Status(const v1::MakePrimaryRequest&, v1::MakePrimaryResponse*)> make_primary;
  std::function<grpc::Status(const v1::DeclareDeadRequest&, v1::DeclareDeadResponse*)> declare_dead;
  std::function<grpc::Status(const v1::RecoverRequest&, v1::RecoverResponse*)> recover;
  std::function<grpc::Status(const v1::AcknowledgeRequest&, v1::AcknowledgeResponse*)> acknowledge;
  std::function<grpc::Status(const v1::ReleaseRequest&, v1::ReleaseResponse*)> release;
  std::function<grpc::Status(const v1::ExplainRequest&, v1::ExplainResponse*)> explain;
  std::function<grpc::Status(const v1::HistoryRequest&, v1::HistoryResponse*)> history;
  std::function<grpc::Status(const v1::PauseRequest&, v1::PauseResponse*)> pause;
  std::function<grpc::Status(const v1::ResumeRequest&, v1::ResumeResponse*)> resume;

  grpc::Status StatusSummary(grpc::ServerContext* context, const v1::StatusSummaryRequest* request,
                             v1::StatusSummaryResponse* response) override;
  grpc::Status RequestStatus(grpc::ServerContext* context, const v1::RequestStatusRequest* request,
                             v1::RequestStatusResponse* response) override;
  grpc::Status Drain(grpc::ServerContext* context, const v1::DrainRequest* request,
                     Writer<v1::DrainResponse>* writer) override;
  grpc::Status Undrain(grpc::ServerContext* context, const v1::UndrainRequest* request,
                       Writer<v1::UndrainResponse>* writer) override;
  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchRequest* request,
                     Writer<v1::WatchResponse>* writer) override;
  grpc::Status MakePrimary(grpc::ServerContext* context, const v1::MakePrimaryRequest* request,
                           v1::MakePrimaryResponse* response) override;
  grpc::Status DeclareDead(grpc::ServerContext* context, const v1::DeclareDeadRequest* request,
                           v1::DeclareDeadResponse* response) override;
  grpc::Status Recover(grpc::ServerContext* context, const v1::RecoverRequest* request,
                       v1::RecoverResponse* response) override;
  grpc::Status Acknowledge(grpc::ServerContext* context, const v1::AcknowledgeRequest* request,
                           v1::AcknowledgeResponse* response) override;
  grpc::Status Release(grpc::ServerContext* context, const v1::ReleaseRequest* request,
                       v1::ReleaseResponse* response) override;
  grpc::Status Explain(grpc::ServerContext* context, const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override;
  grpc::Status History(grpc::ServerContext* context, const v1::HistoryRequest* request,
                       v1::HistoryResponse* response) override;
  grpc::Status Pause(grpc::ServerContext* context, const v1::PauseRequest* request,
                     v1::PauseResponse* response) override;
  grpc::Status Resume(grpc::ServerContext* context, const v1::ResumeRequest* request,
                      v1::ResumeResponse* response) override;
};

// A real gRPC server on loopback that serves a ScriptedControl. Can be stopped and started again on the same port, as
// an arbitrator can.
class FakeArbitrator {
 public:
  explicit FakeArbitrator(ScriptedControl& control) : control_(control) {}
  ~FakeArbitrator() { Stop(); }

  void Start();
  // Ends all calls at once.
  void Stop();
  std::string address() const;

 private:
  ScriptedControl& control_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Holds a scripted stream open until its client, or the server, goes away.
void HoldUntilCancelled(grpc::ServerContext* context);

// A refusal as the arbitrator makes it: the ErrorDetail, serialized, is the status detail.
grpc::Status Refusal(grpc::StatusCode code, const std::string& message, const std::string& reason,
                     const std::string& rule, const std::string& cure);

// A healthy cluster "shop" of node1, node2 in dc1 and node3 in dc2 behind lb1.
v1::StatusSummaryResponse HealthySummary();

}  // namespace minder

#endif  // MINDER_TESTS_CLI_FAKE_ARBITRATOR_H_
