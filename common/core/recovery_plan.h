#ifndef MINDER_COMMON_CORE_RECOVERY_PLAN_H_
#define MINDER_COMMON_CORE_RECOVERY_PLAN_H_

#include "common/core/facts.h"
#include "minder/v1/services.pb.h"

namespace minder {

// Fills what `facts` says about a full stop; reads nodes, confirmed and deaths.
//
// The source is the dbserver with the highest seqno; of several, one that is marked safe_to_bootstrap, then one in the
// preferred data centre, then the first by name. A position counts when it was read after the last end of its server.
// A zero uuid is never a source, and two histories are for a human to choose from (galera.md section 3); so is what
// somebody wrote who was left behind, as long as anybody else is there, and the highest seqno of somebody who was not
// in the newest primary component that is known, as long as a member of that one is (docs/adr/0012).
//
// Galera is left to form the component by itself while every member of one last view has that view on disk, and waits
// or is about to be started, and that has not been so for half a minute.
void GatherRecovery(const v1::Configuration& config, const v1::ArbitratorState& state, Facts& facts);

// The plan as humans see it.
v1::RecoveryPlan Describe(const RecoveryPlan& plan);

// "a1 stopped at 5a1e…:105", a line for each configured dbserver.
std::vector<std::string> PositionLines(const RecoveryPlan& plan);

// What the report says about the last recover order with this action at `epoch` or later; nullptr when it says nothing.
const v1::OrderStatus* RecoverOutcome(const NodeFacts& node, v1::Recover::Action action, std::uint64_t epoch);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_RECOVERY_PLAN_H_
