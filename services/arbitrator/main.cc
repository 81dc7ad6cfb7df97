// minder-arbitrator: gathers reports, diagnoses, orders, and answers humans.
#include <grpcpp/impl/service_type.h>

#include "absl/strings/str_format.h"
#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/config/service_options.h"
#include "common/rpc/server.h"
#include "services/arbitrator/arbitrator.h"
#include "services/arbitrator/control_service.h"
#include "services/arbitrator/store.h"

namespace minder {
namespace {

absl::Status Run(const Startup& startup) {
  EventLoop loop;
  loop.StopOnSignals();
  const v1::Configuration& config = startup.configuration;
  MINDER_ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  std::unique_ptr<Store> store;  // outlives who uses it
  Arbitrator arbitrator(loop, config, boot_id);
  const std::unique_ptr<grpc::Service> control = MakeControlService(loop, arbitrator);
  MINDER_ASSIGN_OR_RETURN(
      const std::unique_ptr<RpcServer> server,
      RpcServer::Start(loop, arbitrator.switchboard(),
                       {.listen = startup.listen_address, .config_version = config.version()}, {control.get()}));
  // After the port is ours, so that a start in vain leaves no new state behind. Nobody is answered before the loop
  // runs.
  MINDER_ASSIGN_OR_RETURN(store, OpenStoreOrNone(config.arbitrator().state_dir(), config.cluster()));
  arbitrator.Begin(*store);
  spdlog::info("arbitrator of cluster '{}', configuration version {}, listens on {}", config.cluster(),
               config.version(), startup.listen_address);
  loop.Run();
  spdlog::info("stopping");
  return absl::OkStatus();
}

}  // namespace
}  // namespace minder

int main(int argc, char** argv) {
  return minder::ServiceMain(minder::v1::PARTY_TYPE_ARBITRATOR, argc, argv, minder::Run);
}
