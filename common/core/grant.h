#ifndef MINDER_COMMON_CORE_GRANT_H_
#define MINDER_COMMON_CORE_GRANT_H_

#include "common/core/facts.h"

namespace minder {

// Whether a promotion is under way: its order may be on its way or being carried out, or is about to be given.
bool IsOpen(const v1::Grant& grant);

// Takes the next epoch for the promotion that facts.promotion plans: recorded, and either the others are asked for
// their promise, or, when nothing has to be asked, the order is given. The others are left behind with it.
void BeginGrant(const Facts& facts, BootTime now, v1::Decision& decision);

// One step of the open grant in decision.next(): the order once every promise is there; done when the group is seen in
// a new primary component; abandoned when no primary component came of it and none can any more (O4, O8). Until then
// nothing else is granted, however long that takes.
void AdvanceGrant(const v1::Configuration& config, const Facts& facts, BootTime now, v1::Decision& decision);

// Until when the promotion done last allows no automatic one: hold_down after it, and after each further one in a row
// twice as long, up to longest_hold_down. A human's promotions lengthen nothing. The past when none was done.
BootTime HeldDownUntil(const v1::Configuration& config, const v1::DurableState& state);

// The orders of an open grant, for as long as it is open.
void OrderGrant(const v1::Configuration& config, const Facts& facts, v1::Decision& decision);

// Those who are seen in one primary component with a member of the group, or were in one as their disks say, are left
// behind no longer (O5).
void TakeBackIn(const Facts& facts, v1::Decision& decision);

// The epoch after every one that is known here, or that any agent has seen.
std::uint64_t NextEpoch(const Facts& facts, const v1::DurableState& durable);

// Records `text` about the grant of decision.next(), with its evidence; EndGrant gives it its last state before.
void RecordGrant(v1::Decision& decision, const std::string& text);
// Of a grant that was never ordered, or never carried out, nothing came: its others are what they were.
void EndGrant(v1::GrantState state, const std::string& why, v1::Decision& decision, bool never_carried_out = false);

// From now on whoever is no part of the grant gets no lease (O5), and none that is stopped is started beyond
// `position`, which is known when the order is given.
void LeaveBehind(const std::vector<NodeFacts>& nodes, const v1::Grant& grant, v1::DurableState& next);
void LimitLeftBehind(const v1::Position& position, v1::DurableState& next);

// The agent's clock may be slower than ours by a little, and its order may be checked just before its end: an order has
// certainly run out so long after its validity.
inline constexpr absl::Duration kExpiryMargin = absl::Seconds(1);

// How far the open grant is, for humans.
std::string DescribeGrant(const v1::Grant& grant, const PromotionPlan& plan);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_GRANT_H_
