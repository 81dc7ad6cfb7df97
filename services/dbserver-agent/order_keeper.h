#ifndef MINDER_SERVICES_DBSERVER_AGENT_ORDER_KEEPER_H_
#define MINDER_SERVICES_DBSERVER_AGENT_ORDER_KEEPER_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/event_loop.h"
#include "common/base/worker.h"
#include "common/core/authorise.h"

namespace minder {

// The orders about primary components: asks the core whether each may be carried out, has every promise and every epoch
// on disk before anything is done or shown, and tells what became of it. Lives on the loop; writes and SQL run on a
// worker of its own.
class OrderKeeper {
 public:
  struct Handlers {
    // On the worker; errors as in GaleraOrders. `superseded`: a newer eviction waits for this one to end.
    std::function<absl::Status(BootTime not_after)> make_primary;
    std::function<absl::Status(const v1::EvictMember&, const v1::DbStatusReport& seen,
                               const std::function<bool()>& superseded)>
        evict;
    // On the loop; `done` is called there when there is an end to tell of, and not when the order has to come again.
    using Done = std::function<void(const absl::Status&)>;
    std::function<void(const v1::Recover&, const Done& done)> recover;
    std::function<void(const Done& done)> bootstrap;  // FAILED_PRECONDITION: nothing was done; OK: it starts
    std::function<void()> on_change;                  // shown(), or something that a probe shows, is another one
  };
  struct Options {
    std::string state_dir;
    std::uint64_t config_version = 0;
    absl::Duration order_validity;
  };

  // FAILED_PRECONDITION when what is on disk cannot be understood: a promise must not be forgotten.
  static absl::StatusOr<std::unique_ptr<OrderKeeper>> Open(EventLoop& loop, const Options& options, Handlers handlers);

  void On(const v1::Freeze& order);
  void On(const v1::MakePrimary& order);
  void On(const v1::EvictMember& order);
  void On(const v1::Recover& order);

  // After each report: what later orders are compared with, and what ends a promise or an order in doubt.
  void OnReported(const v1::DbStatusReport& report, BootTime observed_at);

  // As it is on disk.
  std::uint64_t highest_epoch() const { return shown_.highest_epoch(); }
  const v1::FreezeStatus& freeze() const { return shown_.freeze(); }
  std::vector<v1::OrderStatus> outcomes() const;
  const Sightings& sightings() const { return sightings_; }

 private:
  OrderKeeper(EventLoop& loop, const Options& options, v1::AgentPromise promise, Handlers handlers);

  OwnState Own() const;
  void Bootstrap(const v1::Recover& order);
  // On disk first; then, on the loop, carried out.
  void Accept(const v1::OrderStatus& status, std::function<void(const v1::OrderStatus&)> carry_out);
  void Refuse(v1::OrderStatus status, const std::string& why);
  void Conclude(v1::OrderStatus status, const absl::Status& outcome);
  void Write(v1::AgentPromise next, std::function<void(const absl::Status&)> then);
  void OnPrimarySeen();
  bool InDoubt() const;

  EventLoop& loop_;
  const Options options_;
  const std::string path_;
  Handlers handlers_;
  Sightings sightings_;
  v1::DbStatusReport last_report_;
  v1::AgentPromise promise_;                 // as it will be once all writes are done
  v1::AgentPromise shown_;                   // as it is on disk
  std::uint64_t refused_epoch_ = 0;          // what was refused once stays so, should it come again
  std::map<int, v1::OrderStatus> outcomes_;  // of the last order by verb, without make_primary that is in promise_
  std::string last_eviction_;                // the order, serialized
  std::atomic<int> evictions_ = 0;           // how many were begun
  std::string ordered_in_;                   // the state in which make_primary was carried out
  bool carrying_out_ = false;
  bool ends_with_view_ = false;  // make_primary was carried out without effect, and has none in another view
  Worker worker_;                // last: ends first
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_ORDER_KEEPER_H_
