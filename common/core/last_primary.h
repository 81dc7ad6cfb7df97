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
// A garbd has no disk that anybody reads: it is a member when a view, or P in `state`, shows that uuid to be one.
std::optional<v1::ConfirmedPrimary> ConfirmLastPrimary(const v1::Configuration& config,
                                                       const std::vector<NodeFacts>& nodes,
                                                       const v1::DurableState& state);

// The configured garbd behind this member of the view of `report`: the only one there of its name, and without the
// address that each mariadbd has; nullptr when it is none.
const v1::GarbdConfig* FindGarbd(const v1::Configuration& config, const v1::DbStatusReport& report,
                                 const std::string& gcomm_uuid);

// Whether garbds of `primary` could be a primary component by themselves, which needs no data and makes whoever joins
// it primary (docs/adr/0011): those that are not in `others` have more than half of all votes, or more than a data
// member in `unseen`, with which they may have gone on before it was lost. Both are gcomm uuids.
bool GarbdsMayBePrimary(const v1::ConfirmedPrimary& primary, const std::vector<std::string>& others,
                        const std::vector<std::string>& unseen);

// Which processes of P are proven dead: seen to exit by their own agent with P as their last view on disk, or declared
// dead by a human, and not seen to run since. Sorted by gcomm_uuid.
std::vector<v1::Death> DeathsIn(const std::optional<v1::ConfirmedPrimary>& confirmed,
                                const std::vector<NodeFacts>& nodes, const v1::DurableState& state);

// The node that is seen to run with this gcomm uuid; nullptr when none is.
const NodeFacts* FindByUuid(const std::vector<NodeFacts>& nodes, const std::string& gcomm_uuid);

// With that Galera may make a second primary component by itself.
bool IgnoresQuorum(const v1::DbStatusReport& report);

// The member of `primary` with this gcomm uuid; nullptr when there is none.
const v1::Member* FindMember(const v1::ConfirmedPrimary& primary, const std::string& gcomm_uuid);

// It says itself, now, that it is in a primary component.
bool AnswersAsPrimary(const NodeFacts& node);

// The gcomm uuid of the process that this node's agent saw exit, while no other one runs there; empty otherwise.
std::string DeadUuid(const NodeFacts& node);

// True when the view of `report` has a member with this gcomm uuid.
bool ViewHas(const v1::DbStatusReport& report, const std::string& gcomm_uuid);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_LAST_PRIMARY_H_
