#include "tests/cli/fake_arbitrator.h"

#include <chrono>
#include <thread>

#include "absl/strings/str_format.h"
#include "common/base/check.h"

namespace minder {
namespace {

grpc::Status NoScript() { return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "not in this test"); }

}  // namespace

grpc::Status ScriptedControl::StatusSummary(grpc::ServerContext*, const v1::StatusSummaryRequest*,
                                            v1::StatusSummaryResponse* response) {
  return status_summary ? status_summary(response) : NoScript();
}

grpc::Status ScriptedControl::RequestStatus(grpc::ServerContext*, const v1::RequestStatusRequest* request,
                                            v1::RequestStatusResponse* response) {
  return request_status ? request_status(*request, response) : NoScript();
}

grpc::Status ScriptedControl::Drain(grpc::ServerContext* context, const v1::DrainRequest* request,
                                    Writer<v1::DrainResponse>* writer) {
  return drain ? drain(context, *request, writer) : NoScript();
}

grpc::Status ScriptedControl::Undrain(grpc::ServerContext* context, const v1::UndrainRequest* request,
                                      Writer<v1::UndrainResponse>* writer) {
  return undrain ? undrain(context, *request, writer) : NoScript();
}

grpc::Status ScriptedControl::Watch(grpc::ServerContext* context, const v1::WatchRequest*,
                                    Writer<v1::WatchResponse>* writer) {
  return watch ? watch(context, writer) : NoScript();
}

grpc::Status ScriptedControl::MakePrimary(grpc::ServerContext*, const v1::MakePrimaryRequest* request,
                                          v1::MakePrimaryResponse* response) {
  return make_primary ? make_primary(*request, response) : NoScript();
}

grpc::Status ScriptedControl::DeclareDead(grpc::ServerContext*, const v1::DeclareDeadRequest* request,
                                          v1::DeclareDeadResponse* response) {
  return declare_dead ? declare_dead(*request, response) : NoScript();
}

grpc::Status ScriptedControl::Acknowledge(grpc::ServerContext*, const v1::AcknowledgeRequest* request,
                                          v1::AcknowledgeResponse* response) {
  return acknowledge ? acknowledge(*request, response) : NoScript();
}

grpc::Status ScriptedControl::Release(grpc::ServerContext*, const v1::ReleaseRequest* request,
                                      v1::ReleaseResponse* response) {
  return release ? release(*request, response) : NoScript();
}

grpc::Status ScriptedControl::Recover(grpc::ServerContext*, const v1::RecoverRequest* request,
                                      v1::RecoverResponse* response) {
  return recover ? recover(*request, response) : NoScript();
}

grpc::Status ScriptedControl::Explain(grpc::ServerContext*, const v1::ExplainRequest* request,
                                      v1::ExplainResponse* response) {
  return explain ? explain(*request, response) : NoScript();
}

grpc::Status ScriptedControl::History(grpc::ServerContext*, const v1::HistoryRequest* request,
                                      v1::HistoryResponse* response) {
  return history ? history(*request, response) : NoScript();
}

grpc::Status ScriptedControl::Pause(grpc::ServerContext*, const v1::PauseRequest* request,
                                    v1::PauseResponse* response) {
  return pause ? pause(*request, response) : NoScript();
}

grpc::Status ScriptedControl::Resume(grpc::ServerContext*, const v1::ResumeRequest* request,
                                     v1::ResumeResponse* response) {
  return resume ? resume(*request, response) : NoScript();
}

void FakeArbitrator::Start() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrFormat("127.0.0.1:%d", port_), grpc::InsecureServerCredentials(), &port_);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&control_);
  server_ = builder.BuildAndStart();
  MINDER_CHECK(server_ != nullptr && port_ != 0);
}

void FakeArbitrator::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

std::string FakeArbitrator::address() const { return absl::StrFormat("127.0.0.1:%d", port_); }

void HoldUntilCancelled(grpc::ServerContext* context) {
  // The sync API has no other way to learn of it.
  while (!context->IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

grpc::Status Refusal(grpc::StatusCode code, const std::string& message, const std::string& reason,
                     const std::string& rule, const std::string& cure) {
  v1::ErrorDetail detail;
  detail.set_reason(reason);
  detail.set_rule(rule);
  detail.set_cure(cure);
  return grpc::Status(code, message, detail.SerializeAsString());
}

v1::StatusSummaryResponse HealthySummary() {
  v1::StatusSummaryResponse summary;
  summary.set_cluster("shop");
  summary.set_diagnosis(v1::DIAGNOSIS_HEALTHY);
  summary.set_rule("R900");
  summary.set_reason("every dbserver is Synced in one primary component");
  summary.set_epoch(7);
  summary.set_config_version(1);
  for (const char* name : {"node1", "node2", "node3"}) {
    v1::NodeSummary* node = summary.add_nodes();
    node->set_name(name);
    node->set_data_centre(name == std::string("node3") ? "dc2" : "dc1");
    node->set_running(v1::TERNARY_YES);
    node->set_primary(v1::TERNARY_YES);
    node->set_group("node1+node2+node3");
    node->set_local_state(v1::LOCAL_STATE_SYNCED);
    node->set_seqno(1234);
    node->set_drain_state(v1::DRAIN_STATE_SERVING);
    node->set_weight(1);
    node->mutable_report_age()->set_nanos(300'000'000);
    node->set_connections(12);
    v1::BackendSummary* backend = node->add_backends();
    backend->set_dbclient("lb1");
    backend->set_state(v1::BACKEND_STATE_UP);
    backend->set_weight(100);
    backend->set_sessions(4);
  }
  return summary;
}

}  // namespace minder
