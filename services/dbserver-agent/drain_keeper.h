#ifndef MINDER_SERVICES_DBSERVER_AGENT_DRAIN_KEEPER_H_
#define MINDER_SERVICES_DBSERVER_AGENT_DRAIN_KEEPER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/event_loop.h"
#include "common/base/worker.h"
#include "common/core/node_drain.h"
#include "services/dbserver-agent/state_file.h"

namespace minder {

// NodeDrain with a disk and a server: each step is on the disk before it is carried out, and carried out before it is
// shown. Lives on the loop; writes and SQL run on the worker of the probe.
class DrainKeeper {
 public:
  struct Handlers {
    std::function<absl::Status(bool)> set_read_only;  // on the worker
    std::function<void()> on_change;                  // shown() is another one, or read_only was set
  };

  // FAILED_PRECONDITION when the state on disk cannot be understood or is another's: serving on by mistake would hurt.
  static absl::StatusOr<std::unique_ptr<DrainKeeper>> Open(EventLoop& loop, Worker& worker, const StateDir& dir,
                                                           Handlers handlers);

  void OnDrain(const v1::Drain& order) { CarryOut(drain_.OnDrain(order, loop_.Now())); }
  void OnUndrain() { CarryOut(drain_.OnUndrain()); }
  void OnObservation(const DrainObservation& observation) { CarryOut(drain_.OnObservation(observation)); }

  // The drain as it is on disk.
  const v1::DrainStatus& shown() const { return shown_; }
  bool InProgress() const { return drain_.InProgress(); }

 private:
  struct Outcome {
    absl::Status written;
    absl::Status set;
  };

  DrainKeeper(EventLoop& loop, Worker& worker, const StateFile& file, const v1::DrainStatus& durable,
              Handlers handlers);
  void CarryOut(const DrainActions& actions);
  void Settle();
  void OnSettled(const v1::DrainStatus& settled, const Outcome& outcome);

  EventLoop& loop_;
  Worker& worker_;
  const StateFile file_;
  Handlers handlers_;
  NodeDrain drain_;
  v1::DrainStatus shown_;
  DrainActions due_;
  bool settling_ = false;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_DRAIN_KEEPER_H_
