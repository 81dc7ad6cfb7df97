#ifndef MINDER_COMMON_CORE_DRAIN_PLAN_H_
#define MINDER_COMMON_CORE_DRAIN_PLAN_H_

#include <string>
#include <vector>

#include "common/core/facts.h"
#include "minder/v1/services.pb.h"

namespace minder {

// Why something was refused; reason is empty when it was not.
struct Refusal {
  std::string reason;   // UPPER_SNAKE, stable
  std::string rule;     // D10, …
  std::string message;  // for humans
  std::string cure;     // what to do about it
  bool refused() const { return !reason.empty(); }
};

// Whether `dbserver`, which is configured, may be drained now: never the last serving one, never the majority (by
// pc.weight) of the primary component, never on a guess.
Refusal RefuseDrain(const Facts& facts, const std::string& dbserver);

// Balancers that may still give the drained dbserver a new session, each with why; empty once all have confirmed
// `drain_id` by reading back.
std::vector<std::string> BalancersToWaitFor(const Facts& facts, const std::string& dbserver,
                                            const std::string& drain_id);

// Balancers that do not give the dbserver new sessions, each with why.
std::vector<std::string> BalancersNotUp(const Facts& facts, const std::string& dbserver);

// How far a drain, or its end, is.
v1::DrainResponse DrainProgress(const Facts& facts, const std::string& dbserver);
v1::UndrainResponse UndrainProgress(const Facts& facts, const std::string& dbserver);

// What would be done, a step a line.
std::vector<std::string> DrainSteps(const Facts& facts, const std::string& dbserver);
std::vector<std::string> UndrainSteps(const Facts& facts, const std::string& dbserver);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_DRAIN_PLAN_H_
