#ifndef MINDER_SERVICES_DBSERVER_AGENT_ORDER_KEEPER_H_
#define MINDER_SERVICES_DBSERVER_AGENT_ORDER_KEEPER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/event_loop.h"
#include "common/base/worker.h"
#include "common/core/order_life.h"
#include "services/dbserver-agent/state_file.h"

namespace minder {

// The shell round OrderLife: writes promises to the disk, has orders carried out, and logs. Lives on the loop; writes
// and SQL run on a worker of its own, in their order.
class OrderKeeper {
 public:
  struct Handlers {
    // On the worker; errors as in GaleraOrders. `superseded`: a newer eviction waits for this one to end.
    std::function<absl::Status(const OrderEffects::Promote& promote)> make_primary;
    std::function<absl::Status(const v1::EvictMember&, const v1::DbStatusReport& seen,
                               const std::function<bool()>& superseded)>
        evict;
    // On the loop.
    std::function<bool()> held_down;  // after split brain
    // On the loop; `done` is called there when there is an end to tell of, and not when the order has to come again.
    using Done = std::function<void(const absl::Status&)>;
    std::function<void(const v1::Recover&, const Done& done)> recover;
    std::function<void(const Done& done)> bootstrap;  // FAILED_PRECONDITION: nothing was done; OK: it starts
    std::function<void()> on_change;                  // shown(), or something that a probe shows, is another one
  };
  struct Options {
    StateDir state_dir;
    std::uint64_t config_version = 0;
    std::string config_digest{};
    absl::Duration order_validity;
    bool ends_on_illegal = true;  // as in OrderLife
  };

  // FAILED_PRECONDITION when what is on disk cannot be understood or is another's: a promise must not be forgotten.
  static absl::StatusOr<std::unique_ptr<OrderKeeper>> Open(EventLoop& loop, const Options& options, Handlers handlers);

  template <typename Order>
  void On(const Order& order) {
    life_.SetHeldDown(handlers_.held_down());
    Do(life_.On(order, loop_.Now()));
  }

  // After each report: what later orders are compared with, and what ends a promise or an order in doubt.
  void OnReported(const v1::DbStatusReport& report, BootTime observed_at) { Do(life_.OnReported(report, observed_at)); }

  // As it is on disk.
  std::uint64_t highest_epoch() const { return life_.shown().highest_epoch(); }
  const v1::PrimaryView& last_seen_view() const { return life_.shown().last_seen_view(); }
  v1::FreezeStatus FreezeSeenAt(BootTime observed_at) const { return life_.FreezeSeenAt(observed_at); }
  std::vector<v1::OrderStatus> outcomes() const { return life_.outcomes(); }
  const Sightings& sightings() const { return life_.sightings(); }

 private:
  OrderKeeper(EventLoop& loop, const Options& options, v1::AgentPromise promise, Handlers handlers);

  void Do(const OrderEffects& effects);
  void DoWrite(const OrderEffects::Write& write);
  void DoPromote(const OrderEffects::Promote& promote);
  void DoEvict(const v1::EvictMember& order);
  void DoRecover(const v1::Recover& order);
  void DoBootstrap(const v1::OrderStatus& accepted);

  EventLoop& loop_;
  const StateFile file_;
  Handlers handlers_;
  OrderLife life_;
  std::atomic<int> evictions_ = 0;  // how many were begun
  Worker worker_{loop_};            // last: ends first
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_ORDER_KEEPER_H_
