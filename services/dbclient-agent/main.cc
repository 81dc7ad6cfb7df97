// minder-dbclient: keeps one load balancer in step with the cluster.
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/base/event_loop.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/config/service_options.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/rpc/dialler.h"
#include "common/rpc/server.h"
#include "common/rpc/switchboard.h"
#include "services/dbclient-agent/agent.h"
#include "services/dbclient-agent/haproxy.h"
#include "services/dbclient-agent/haproxy_watch.h"

namespace minder {
namespace {

absl::StatusOr<v1::HaproxyConfig> HaproxyOf(const Startup& startup) {
  for (const v1::DbclientConfig& dbclient : startup.configuration.dbclients()) {
    if (dbclient.name() == startup.self.name() && dbclient.has_haproxy()) return dbclient.haproxy();
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("dbclient %s has no 'haproxy' in the configuration, and this "
                      "version knows no other balancer",
                      startup.self.name()));
}

absl::StatusOr<std::unique_ptr<Balancer>> MakeBalancer(const v1::Configuration& config,
                                                       const v1::HaproxyConfig& haproxy) {
  HaproxyBalancer::Options options{.haproxy = haproxy, .dbservers = {}};
  for (const v1::DbserverConfig& dbserver : config.dbservers()) options.dbservers.push_back(dbserver.name());
  return HaproxyBalancer::Create(std::move(options));
}

std::vector<std::unique_ptr<Dialler>> DialEverybody(EventLoop& loop, Switchboard& switchboard,
                                                    const v1::Configuration& config) {
  std::vector<std::unique_ptr<Dialler>> diallers;
  diallers.push_back(Dialler::Dial(loop, switchboard, ArbitratorParty(config), config.arbitrator().address()));
  for (const v1::DbserverConfig& dbserver : config.dbservers()) {
    diallers.push_back(Dialler::Dial(loop, switchboard, DbserverParty(config, dbserver.name()), dbserver.address()));
  }
  return diallers;
}

absl::Status Run(const Startup& startup) {
  EventLoop loop;
  loop.StopOnSignals();
  const v1::Configuration& config = startup.configuration;
  const v1::Party arbitrator = ArbitratorParty(config);
  MINDER_ASSIGN_OR_RETURN(const std::string boot_id, BootId());
  MINDER_ASSIGN_OR_RETURN(const v1::HaproxyConfig haproxy, HaproxyOf(startup));
  MINDER_ASSIGN_OR_RETURN(std::unique_ptr<Balancer> balancer, MakeBalancer(config, haproxy));

  std::optional<DbclientAgent> agent;  // made below; messages come only while the loop runs
  Switchboard switchboard(loop,
                          {.self = startup.self,
                           .peers = PeersOf(startup.self, config),
                           .boot_id = boot_id,
                           .resend_after = FromProto(config.timings().resend_after())},
                          {.on_message = [&](const v1::Message& message) { agent->OnMessage(message); },
                           .on_connected =
                               [&](const v1::Party& peer) {
                                 if (SameParty(peer, arbitrator)) agent->ReportAgain();
                               },
                           .on_disconnected = [](const v1::Party&) {}});
  std::optional<HaproxyWatch> watch;
  agent.emplace(loop, config, std::move(balancer),
                DbclientAgent::Handlers{.send =
                                            [&](const v1::BalancerReport& report) {
                                              v1::Message verb;
                                              *verb.mutable_balancer_report() = report;
                                              switchboard.Post(arbitrator, std::move(verb));
                                            },
                                        .on_new_incarnation = [&] { watch->Renew(); }});
  watch.emplace(
      loop, haproxy.socket(),
      HaproxyWatch::Handlers{.on_up = [&] { agent->OnBalancerEvent(); }, .on_down = [&] { agent->OnBalancerEvent(); }});
  MINDER_ASSIGN_OR_RETURN(
      const std::unique_ptr<RpcServer> server,
      RpcServer::Start(loop, switchboard,
                       {.listen = startup.listen_address, .config_version = config.version(), .correspondence = false},
                       {}));
  const std::vector<std::unique_ptr<Dialler>> diallers = DialEverybody(loop, switchboard, config);
  spdlog::info("dbclient {} of cluster '{}', configuration version {}, keeps backend {} at {} in step",
               startup.self.name(), config.cluster(), config.version(), haproxy.backend(), haproxy.socket());
  loop.Run();
  spdlog::info("stopping");
  return absl::OkStatus();
}

}  // namespace
}  // namespace minder

int main(int argc, char** argv) {
  return minder::ServiceMain(minder::v1::PARTY_TYPE_DBCLIENT, argc, argv, minder::Run);
}
