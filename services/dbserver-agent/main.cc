// minder-dbserver: looks after one mariadbd, reports, and carries out orders.
#include <sys/stat.h>

#include <csignal>

#include "absl/strings/str_format.h"
#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/config/service_options.h"
#include "common/core/party.h"
#include "common/rpc/dialler.h"
#include "common/rpc/server.h"
#include "services/dbserver-agent/agent.h"
#include "services/dbserver-agent/notify_listener.h"

namespace minder {
namespace {

const v1::DbserverConfig& SelfIn(const Startup& startup) {
  const auto& dbservers = startup.configuration.dbservers();
  return *std::ranges::find(dbservers, startup.self.name(), &v1::DbserverConfig::name);
}

// mariadbd runs as the owner of its data directory, and minder-notify as mariadbd.
NotifyListener::Options ListenerOptions(const v1::DbserverConfig& self) {
  NotifyListener::Options options{.path = self.notify_socket(), .mysql_uid = {}, .mysql_gid = {}};
  struct stat data_dir {};
  if (stat(self.data_dir().c_str(), &data_dir) == 0) {
    options.mysql_uid = data_dir.st_uid;
    options.mysql_gid = data_dir.st_gid;
  }
  return options;
}

absl::Status Run(const Startup& startup) {
  std::signal(SIGPIPE, SIG_IGN);
  EventLoop loop;
  loop.StopOnSignals();
  const v1::Configuration& config = startup.configuration;
  const v1::DbserverConfig& self = SelfIn(startup);
  MINDER_ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  MINDER_ASSIGN_OR_RETURN(const std::unique_ptr<Agent> agent, Agent::Create(loop, config, self.name(), boot_id));
  MINDER_ASSIGN_OR_RETURN(const std::unique_ptr<NotifyListener> listener,
                          NotifyListener::Open(loop, ListenerOptions(self),
                                               [&](const v1::WsrepEvent& event) { agent->OnWsrepEvent(event); }));
  MINDER_ASSIGN_OR_RETURN(const std::unique_ptr<RpcServer> server,
                          RpcServer::Start(loop, agent->switchboard(),
                                           {.listen = startup.listen_address, .config_version = config.version()}, {}));
  const std::unique_ptr<Dialler> dialler =
      Dialler::Dial(loop, agent->switchboard(), ArbitratorParty(config), config.arbitrator().address());
  spdlog::info("dbserver {} of cluster '{}', configuration version {}, listens on {}", self.name(), config.cluster(),
               config.version(), startup.listen_address);
  agent->Start();
  loop.Run();
  spdlog::info("stopping; mariadbd goes on");
  return absl::OkStatus();
}

}  // namespace
}  // namespace minder

int main(int argc, char** argv) {
  return minder::ServiceMain(minder::v1::PARTY_TYPE_DBSERVER, argc, argv, minder::Run);
}
