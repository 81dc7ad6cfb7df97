#ifndef MINDER_COMMON_CORE_SPLIT_BRAIN_H_
#define MINDER_COMMON_CORE_SPLIT_BRAIN_H_

#include <optional>
#include <string>
#include <vector>

#include "common/core/drain_plan.h"
#include "common/core/facts.h"

namespace minder {

// Split brain (design.md O10): from the moment when two live primary components without a common member are seen,
// every dbserver is held down, that is nothing is started, promoted or evicted by itself and data directories are kept,
// until a human has said which side stays. Then its members are released, and each other dbserver when its data was
// replaced or a human says so.

// Held down by the split brain in force.
bool IsHeld(const v1::DurableState& state, const std::string& dbserver);
// Held down, and a human has chosen another side: its data is not to be trusted.
bool IsLost(const v1::DurableState& state, const std::string& dbserver);
// In force, and no human has chosen yet.
bool IsUnacknowledged(const v1::DurableState& state);

// The record in `state` with what is seen now: with members that are new to a side, or a new one when two components
// are seen that have not been chosen between. Nothing when there is none, or once it is over.
std::optional<v1::SplitBrain> UpdateSplitBrain(const std::vector<NodeFacts>& nodes,
                                               const std::optional<v1::ConfirmedPrimary>& confirmed,
                                               const v1::DurableState& state);

// Yes until a human has chosen, and then while somebody who was not chosen is primary apart from the others.
Fact SplitBrainSeen(const Facts& facts, const v1::DurableState& state);

// Puts facts.split into decision.next(), with its audit record, and releases who came back with other data.
void KeepSplitBrain(const Facts& facts, v1::Decision& decision);

// What every dbserver ought to have been told of it.
void OrderHoldDown(const v1::Configuration& config, const Facts& facts, v1::Decision& decision);

// dbservers that are to get no sessions, sorted: all that are held and not of the side that goes on. None while nobody
// can say which that is.
std::vector<std::string> Barred(const v1::Configuration& config, const v1::DurableState& state);

// Shell commands for the host of a dbserver that is lost: stop it, move its data aside, have it started. Galera then
// gives it all data anew (SST).
std::vector<std::string> RebuildCommands(const NodeFacts& node);

// Where each side stands, and what a human does next, a line each; empty without a split brain.
std::vector<std::string> ExplainSplitBrain(const Facts& facts, const v1::DurableState& state);

// The command that comes next; empty without a split brain.
std::string SplitBrainCommand(const Facts& facts, const v1::DurableState& state);

// A human's words. `keep` is a side, by one member or by all joined with "+".
Refusal RefuseAcknowledge(const v1::DurableState& state, const std::string& keep);
// Differs when the sides do, or who of them runs and is primary; not with every write.
std::string SplitBrainDigest(const Facts& facts, const v1::DurableState& state);
// RefuseAcknowledge has not refused it. The last primary component is forgotten unless it is the one that is kept.
v1::DurableState WithAcknowledgement(v1::DurableState state, const std::string& keep, const std::string& by);

Refusal RefuseRelease(const Facts& facts, const v1::DurableState& state, const std::string& dbserver);
// RefuseRelease has not refused it.
v1::DurableState WithRelease(v1::DurableState state, const Facts& facts, const std::string& dbserver);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_SPLIT_BRAIN_H_
