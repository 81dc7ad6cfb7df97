#ifndef MINDER_COMMON_CORE_PROMOTION_H_
#define MINDER_COMMON_CORE_PROMOTION_H_

#include <string>

#include "common/core/facts.h"

namespace minder {

// Who could be promoted, by O2, and what is proven about the others, by O3. Of several groups the one with the highest
// seqno, then the most members in the preferred data centre, then the most members, then the first by name. The choice
// never weakens the evidence. Reads nodes, confirmed and deaths of `facts`.
// With a human's request in `state`, only the group that it names is looked at, and force stands for what is not proven
// about the others; that a primary component is seen, or that the group is none, it does not overrule.
PromotionPlan PlanPromotion(const v1::Configuration& config, const v1::ArbitratorState& state, const Facts& facts,
                            BootTime now);

// The group as "node1+node2".
std::string NameOf(const std::vector<const NodeFacts*>& group);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_PROMOTION_H_
