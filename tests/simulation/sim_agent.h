#ifndef MINDER_TESTS_SIMULATION_SIM_AGENT_H_
#define MINDER_TESTS_SIMULATION_SIM_AGENT_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/core/lease.h"
#include "common/core/order_life.h"
#include "common/core/restart_policy.h"
#include "common/core/view_watch.h"
#include "common/rpc/correspondent.h"
#include "services/dbserver-agent/report.h"
#include "tests/simulation/seat.h"

namespace minder {

class World;

// The shell of a dbserver agent, as services/dbserver-agent has it, round the same core: OrderLife, RestartPolicy,
// Correspondent and BuildReport. One life of it: a crash ends it, and the next one has only what is on the disk.
class SimAgent {
 public:
  SimAgent(World& world, int host);

  void Begin();

  // From the host.
  void OnNotify();
  void OnExit(int pid, bool expected);
  // From the network.
  void OnAccepted(int stream);
  void OnClosed(int stream);
  void OnMessage(const v1::Message& message);

 private:
  // Supervisor.
  void Look();
  void Hold(int pid);
  void Exited(int pid, bool expected);
  void Ended(bool expected);
  void ScheduleRestart();
  void RestartAt(BootTime at, absl::Duration turn = absl::ZeroDuration());
  void DoStart(bool is_restart);
  void Failed(const std::string& why);
  void Recover(const v1::Recover& order);
  void StartWithoutView(const v1::Recover& order);
  bool StartNow(const v1::Recover& order);
  void StartFirst(const v1::OrderStatus& accepted);
  void WorkWhileDown(const v1::Recover& order);
  void EndByOrder();
  void HoldDown();
  void EndHold();
  // Leases and the guard.
  void OnLease(const v1::Lease& lease);
  void Extend();
  bool MayStart() const;
  void OnProcessChange();
  // Probe and report.
  void Tick();
  void ProbeNow();
  void Probed(BootTime asked_at, const std::optional<ProbeAnswer>& answer,
              const std::optional<v1::PrimaryView>& view_before);
  std::optional<ProbeAnswer> Ask(BootTime asked_at) const;
  void Report();
  // Orders.
  template <typename Order>
  void Obey(Order order);
  void Do(const OrderEffects& effects);
  void Write(const OrderEffects::Write& write);
  void Promote(const OrderEffects::Promote& promote);
  void AwaitPrimary(const OrderEffects::Promote& promote, const std::shared_ptr<bool>& executed, BootTime deadline);
  void Evict(const v1::EvictMember& order, int mine);
  void AwaitView(const v1::EvictMember& order, int mine, std::size_t size, BootTime deadline);
  void OnWorker(std::function<void()> job);
  void RunJob();
  void JobDone();
  // Correspondence.
  void Dial();
  void Flush();

  BootTime Now() const { return seat_.Now(); }
  absl::Duration Soon(absl::Duration longest) const;

  World& world_;
  const int host_;
  Seat& seat_;
  Correspondent correspondent_;
  int evictions_ = 0;  // how many were begun
  OrderLife orders_;
  Observations observations_;
  RestartPolicy policy_;
  int restart_ = 0;  // number of the pending restart, 0 for none
  int restarts_ = 0;
  LeaseHolder lease_;
  ViewWatch view_watch_;
  int ended_ = 0;                  // the process that is ended by order, and is not to stay so
  int armed_ = 0;                  // the process that the guard is known to watch
  int hold_ = 0;                   // number of the hold by order
  bool may_turn_primary_ = false;  // by itself: it was started with its old view
  std::optional<v1::Position> not_beyond_;
  bool forget_view_ = false;
  bool busy_ = false;
  bool probing_ = false;
  bool probe_again_ = false;
  int nonces_ = 0;
  std::string newest_nonce_;
  std::deque<std::function<void()>> jobs_;
  int stream_ = 0;
  bool connected_ = false;
  BootTime wake_at_ = absl::InfiniteFuture();
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_SIM_AGENT_H_
