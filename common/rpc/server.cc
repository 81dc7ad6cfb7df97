#include "common/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <mutex>

#include "absl/strings/str_format.h"
#include "common/base/version.h"
#include "common/core/proto_time.h"
#include "common/rpc/correspondence_service.h"
#include "common/rpc/grpc_setup.h"
#include "common/rpc/unary_call.h"
#include "minder/v1/services.grpc.pb.h"

namespace minder {
namespace {

class AgentService : public v1::AgentService::CallbackService {
 public:
  AgentService(EventLoop& loop, Switchboard& switchboard, std::uint64_t config_version)
      : loop_(loop), switchboard_(switchboard), config_version_(config_version), started_(loop.Now()) {}

  grpc::ServerUnaryReactor* Describe(grpc::CallbackServerContext* context, const v1::DescribeRequest*,
                                     v1::DescribeResponse* response) override {
    return AnswerOnLoop(loop_, context, [this, response] {
      Fill(*response);
      return grpc::Status::OK;
    });
  }

 private:
  void Fill(v1::DescribeResponse& response) const {
    *response.mutable_party() = switchboard_.self();
    response.set_version(kVersion);
    response.set_config_version(config_version_);
    *response.mutable_uptime() = ToProto(loop_.Now() - started_);
    response.set_refused(switchboard_.refused());
    for (const Correspondent* correspondent : switchboard_.correspondents()) {
      v1::PeerSummary& peer = *response.add_peers();
      *peer.mutable_peer() = correspondent->peer();
      peer.set_connected(correspondent->connected());
      peer.set_sent(correspondent->counters().sent);
      peer.set_resent(correspondent->counters().resent);
      peer.set_received(correspondent->counters().received);
      peer.set_discarded(correspondent->counters().discarded);
      peer.set_too_large(correspondent->counters().too_large);
      peer.set_unacknowledged(static_cast<std::uint32_t>(correspondent->unacknowledged()));
    }
  }

  EventLoop& loop_;
  Switchboard& switchboard_;
  const std::uint64_t config_version_;
  const BootTime started_;
};

class GrpcServer : public RpcServer {
 public:
  GrpcServer(EventLoop& loop, Switchboard& switchboard, std::uint64_t config_version)
      : agent_(loop, switchboard, config_version), correspondence_(MakeCorrespondenceService(loop, switchboard)) {}

  ~GrpcServer() override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now());  // the loop has stopped: waiting would answer nobody
    server_->Wait();
  }

  absl::Status Listen(const Options& options, const std::vector<grpc::Service*>& services) {
    SetUpGrpc();
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port_);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second server on the port is an error, not a lottery
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.SetMaxSendMessageSize(kMaxMessageBytes);
    builder.RegisterService(&agent_);
    if (options.correspondence) builder.RegisterService(correspondence_.get());
    for (grpc::Service* service : services) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(absl::StrFormat(
          "cannot listen on %s: stop what uses the port, or change address or listen in the configuration",
          options.listen));
    }
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  AgentService agent_;
  std::unique_ptr<grpc::Service> correspondence_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(EventLoop& loop, Switchboard& switchboard,
                                                            const Options& options,
                                                            const std::vector<grpc::Service*>& services) {
  auto server = std::make_unique<GrpcServer>(loop, switchboard, options.config_version);
  if (absl::Status status = server->Listen(options, services); !status.ok()) return status;
  return server;
}

}  // namespace minder
