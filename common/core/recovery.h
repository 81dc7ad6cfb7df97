#ifndef MINDER_COMMON_CORE_RECOVERY_H_
#define MINDER_COMMON_CORE_RECOVERY_H_

#include "common/core/facts.h"

namespace minder {

// The recovery from a full stop that is in decision.next(): durable, so that it goes on after any restart. It collects
// positions, has one dbserver bootstrapped under a grant (O1, O4, O8, O9), and starts the others. A primary component
// that forms by itself ends it at any moment before the bootstrap is ordered.

// Begins one, when none is under way, and takes it one step further: a grant once every position is known, or the
// reason why it cannot go on. For the rules under which nobody is primary.
void Recover(const Facts& facts, v1::Decision& decision);

// One step of an open grant that bootstraps: the order once all others have promised, and nothing is left anywhere that
// would bootstrap; done when its target is primary; abandoned when no primary component can come of it any more.
void AdvanceBootstrap(const v1::Configuration& config, const Facts& facts, BootTime now, v1::Decision& decision);

// What a primary component means for the recovery: the others are started; it is over when they are.
void EndRecovery(const Facts& facts, v1::Decision& decision);

// The orders that all this means now; and, while Galera is left to form its component, that nobody waits with the
// start.
void OrderRecovery(const v1::Configuration& config, const Facts& facts, v1::Decision& decision);

// Adds an order to start and join; for one who was left behind, only as far as the others were.
v1::Recover& OrderStart(const v1::Configuration& config, const NodeFacts& node, v1::Decision& decision);

// Adds an order to end what runs there, and is in no primary component.
void OrderEnd(const v1::Configuration& config, const NodeFacts& node, v1::Decision& decision);

// A recovery as a human, or nobody (empty `reason`), begins it. `without` are configured names.
v1::Recovery NewRecovery(const Facts& facts, const v1::DurableState& durable, std::vector<std::string> without,
                         const std::string& reason);

// How far an open grant that bootstraps is, for humans.
std::string DescribeBootstrap(const v1::Grant& grant);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_RECOVERY_H_
