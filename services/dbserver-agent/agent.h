#ifndef MINDER_SERVICES_DBSERVER_AGENT_AGENT_H_
#define MINDER_SERVICES_DBSERVER_AGENT_AGENT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/event_loop.h"
#include "common/base/unique_fd.h"
#include "common/base/worker.h"
#include "common/core/lease.h"
#include "common/core/view_watch.h"
#include "common/rpc/switchboard.h"
#include "minder/v1/config.pb.h"
#include "services/dbserver-agent/drain_keeper.h"
#include "services/dbserver-agent/fence_guard.h"
#include "services/dbserver-agent/galera_orders.h"
#include "services/dbserver-agent/hold_keeper.h"
#include "services/dbserver-agent/order_keeper.h"
#include "services/dbserver-agent/probe.h"
#include "services/dbserver-agent/process.h"
#include "services/dbserver-agent/report.h"
#include "services/dbserver-agent/supervisor.h"

namespace minder {

// The dbserver agent: probes and manages one mariadbd, reports to the arbitrator and to every dbclient, carries out
// orders. All on the loop.
class Agent {
 public:
  // Locks the state directory and loads what is durable; touches nothing else before Start. ALREADY_EXISTS when another
  // agent has it.
  static absl::StatusOr<std::unique_ptr<Agent>> Create(EventLoop& loop, const v1::Configuration& config,
                                                       const std::string& name, const std::string& boot_id);
  ~Agent();

  // Adopts or starts mariadbd, and begins to probe and to report.
  void Start();

  // From wsrep_notify_cmd: a hint, and the members of the view.
  void OnWsrepEvent(const v1::WsrepEvent& event);

  Switchboard& switchboard() { return switchboard_; }

 private:
  struct Parts {
    UniqueFd lock;
    std::unique_ptr<ServerProcess> process;
  };

  Agent(EventLoop& loop, const v1::Configuration& config, const v1::DbserverConfig& self, const std::string& boot_id,
        Parts parts);

  void OnMessage(const v1::Message& message);
  void Recover(const v1::Recover& order, const Supervisor::Done& done);
  absl::Duration RestartHold() const;
  void OnConnection(const v1::Party& party, bool connected);
  void Tick();
  void ProbeNow();
  void OnProbed(BootTime asked_at, const absl::StatusOr<ProbeAnswer>& answer,
                const std::optional<v1::PrimaryView>& view_before);
  void OnProcessChange();
  void ReadLastView();
  void LookAtDisk();
  void OnHoldChange();
  void OnLease(const v1::Lease& lease);
  std::string WhyNotStart() const;
  void Report();

  EventLoop& loop_;
  const v1::Configuration config_;
  const v1::DbserverConfig self_;
  Parts parts_;
  Switchboard switchboard_;
  std::vector<v1::Party> peers_;
  Probe probe_;  // used on probe_worker_ only
  Observations observations_;
  std::uint64_t process_changes_ = 0;
  EventLoop::TimerId tick_timer_ = 0;
  EventLoop::TimerId grace_timer_ = 0;
  EventLoop::TimerId notify_timer_ = 0;  // an event came, and its probe is still to come
  bool probing_ = false;
  bool probe_again_ = false;
  bool arbitrator_hears_ = false;  // it is connected, and can tell what became of the cluster
  GaleraOrders galera_orders_;     // used on the worker of orders_ only
  LeaseHolder lease_;
  ViewWatch view_watch_;
  std::unique_ptr<FenceGuard> guard_;  // nullptr when nodes do not fence themselves
  std::unique_ptr<DrainKeeper> drain_;
  std::optional<BootTime> disk_asked_at_;  // while the disk has not answered
  Worker disk_worker_{loop_};              // these last: their threads end first
  Worker view_worker_{loop_};
  Worker probe_worker_{loop_};
  Supervisor supervisor_;
  std::unique_ptr<OrderKeeper> orders_;
  std::unique_ptr<HoldKeeper> hold_;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_AGENT_H_
