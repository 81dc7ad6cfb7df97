#ifndef MINDER_COMMON_CORE_EVICTION_H_
#define MINDER_COMMON_CORE_EVICTION_H_

#include "common/core/facts.h"

namespace minder {

// Members of a live primary component whose process is proven dead (galera.md section 2). Reads nodes and confirmed.
std::vector<DeadMember> FindDeadMembers(const Facts& facts);

// Whether this member is to be evicted: the survivors keep their quorum, or can be promoted right after, and
// everybody's evict list can be cleared.
bool CanEvict(const v1::Configuration& config, const Facts& facts, const DeadMember& dead);

// Forgets the evictions that are done or void, and, when `more`, records one for each dead member that can be evicted,
// by one survivor; by the next one when an order ran out without effect.
void PlanEvictions(const v1::Configuration& config, const Facts& facts, BootTime now, bool more,
                   v1::Decision& decision);

// The orders of the evictions under way; and to clear the list wherever a dead uuid is left, for who comes back with it
// would never join.
void OrderEvictions(const v1::Configuration& config, const Facts& facts, v1::Decision& decision);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_EVICTION_H_
