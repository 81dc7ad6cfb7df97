#ifndef MINDER_COMMON_CORE_LAST_PRIMARY_H_
#define MINDER_COMMON_CORE_LAST_PRIMARY_H_

#include <optional>
#include <string>
#include <vector>

#include "common/core/facts.h"

namespace minder {

// The last primary component P, from what its members have on disk (gvwstate.dat, which Galera writes on each primary
// view and at no other time): confirmed when every member is seen to run and names the same view. Two at once confirm
// nothing, for then nobody knows which was the last; nor does one that might not be the successor of the one in
// `state`: a view that somebody had by himself, once, is complete as well. Otherwise the one in `state` stays.
std::optional<v1::ConfirmedPrimary> ConfirmLastPrimary(const std::vector<NodeFacts>& nodes,
                                                       const v1::DurableState& state);

// Which processes of P are proven dead: seen to exit by their own agent with P as their last view on disk, or declared
// dead by a human, and not seen to run since. Sorted by gcomm_uuid.
std::vector<v1::Death> DeathsIn(const std::optional<v1::ConfirmedPrimary>& confirmed,
                                const std::vector<NodeFacts>& nodes, const v1::DurableState& state);

// The node that is seen to run with this gcomm uuid; nullptr when none is.
const NodeFacts* FindByUuid(const std::vector<NodeFacts>& nodes, const std::string& gcomm_uuid);

// True when the view of `report` has a member with this gcomm uuid.
bool ViewHas(const v1::DbStatusReport& report, const std::string& gcomm_uuid);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_LAST_PRIMARY_H_
