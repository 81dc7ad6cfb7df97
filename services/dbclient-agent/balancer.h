#ifndef MINDER_SERVICES_DBCLIENT_AGENT_BALANCER_H_
#define MINDER_SERVICES_DBCLIENT_AGENT_BALANCER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/core/plan_backends.h"

namespace minder {

// One dbserver as the balancer has it at this moment.
struct BackendReading {
  std::string dbserver;
  // What it was told to do: UP, DRAIN or DOWN; MISSING when it has no such server.
  v1::BackendState told = v1::BACKEND_STATE_MISSING;
  // What it does; differs from `told` when a check of its own keeps the server out.
  v1::BackendState actual = v1::BACKEND_STATE_MISSING;
  std::uint32_t weight = 0;
  std::uint32_t sessions = 0;

  friend bool operator==(const BackendReading&, const BackendReading&) = default;
};

struct BalancerReading {
  // Differs from one process of the balancer to the next.
  std::string incarnation;
  // Every configured dbserver, in the order of the configuration.
  std::vector<BackendReading> backends;

  friend bool operator==(const BalancerReading&, const BalancerReading&) = default;
};

struct ApplyResult {
  // OK when the balancer was read back and has what the plan wants.
  absl::Status status;
  // As last read back; absent when the balancer could not be asked.
  std::optional<BalancerReading> reading;
  // Backends that somebody else had changed, put right by this call.
  std::uint64_t drift_repaired = 0;
};

// A load balancer. Both calls block, for a bounded time: for a Worker, and for one thread only.
class Balancer {
 public:
  virtual ~Balancer() = default;

  // Looks, and changes nothing.
  virtual absl::StatusOr<BalancerReading> Read() = 0;

  // Reads, changes what differs from the plan, and reads again. A balancer that has restarted since the last call gets
  // back what it had, also where the plan says "leave as it is". One server in trouble does not keep the others from
  // being changed.
  virtual ApplyResult Apply(const std::vector<BackendPlan>& plan) = 0;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBCLIENT_AGENT_BALANCER_H_
