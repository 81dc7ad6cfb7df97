#ifndef MINDER_COMMON_CORE_TIE_H_
#define MINDER_COMMON_CORE_TIE_H_

#include <string>
#include <vector>

#include "common/core/facts.h"

namespace minder {

// E4 (ADR 0013): why it is not proven by votes that nobody of P outside `group` is in a primary component; empty when
// it is. Galera gives a majority of the votes of P to nobody outside a group that has half of them, whoever is silent
// there. That holds while P is the last primary component of all: nobody could join it, no order made another one, no
// part of the group was in a later one with the others, and every member is known not to ignore quorum.
std::string WhyNoTie(const v1::Configuration& config, const v1::DurableState& durable, const Facts& facts,
                     const std::vector<const NodeFacts*>& group);

// Notes in `next` when everybody is seen in the confirmed primary component, while nothing is ordered.
void KeepWhole(const Facts& facts, v1::DurableState& next);

// Who was counted out lives on, refused by the others, until its agent ends it as ordered, or it is seen to be stopped:
// from then on it is only left behind (ADR 0012).
void KeepCountedOut(const Facts& facts, v1::Decision& decision);
void OrderEnds(const v1::Configuration& config, const Facts& facts, v1::Decision& decision);

// The gcomm uuids that were counted out, and that this node does not refuse although it might meet them.
std::vector<std::string> NotRefused(const NodeFacts& node, const v1::DurableState& durable);

bool IsCountedOut(const v1::DurableState& durable, const std::string& gcomm_uuid);
bool SomebodyIsCountedOut(const v1::DurableState& durable);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_TIE_H_
