#include "common/core/rejoin.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/core/last_primary.h"
#include "common/core/lease.h"
#include "common/core/lookup.h"
#include "common/core/proto_time.h"
#include "common/core/recovery.h"
#include "common/core/split_brain.h"
#include "common/core/tie.h"

namespace minder {
namespace {

// From the start of a process to the view that it is in. Galera gives up an attempt after evs.install_timeout, 7.5 s.
constexpr absl::Duration kJoinsWithin = absl::Seconds(15);

bool Joins(const Facts& facts, const NodeFacts& node) {
  if (!node.fresh) return false;
  const v1::ServerProcess& process = node.report->process();
  if (process.starting()) return true;
  const bool is_in = facts.confirmed && node.report->last_primary_view().id() == facts.confirmed->view().id();
  return process.pid() != 0 && FromProto(process.uptime()) < kJoinsWithin && !is_in;
}

// Whether a primary component is seen that goes on without this uuid; an old view would have it.
bool GoesOnWithout(const Facts& facts, const std::string& gcomm_uuid) {
  if (!facts.confirmed || FindMember(*facts.confirmed, gcomm_uuid) != nullptr) return false;
  bool goes_on = false;
  for (const NodeFacts& node : facts.nodes) {
    if (!AnswersAsPrimary(node)) continue;
    if (ViewHas(*node.report, gcomm_uuid)) return false;
    goes_on = goes_on || node.report->last_primary_view().id() == facts.confirmed->view().id();
  }
  return goes_on;
}

// A process that died, also one of which this agent never saw the uuid: it may join the primary component that goes on
// without it, and cannot turn primary by itself.
bool MayStartAnew(const v1::Configuration& config, const Facts& facts, const v1::DurableState& durable,
                  const NodeFacts& node) {
  if (IsHeld(durable, node.config->name())) return false;
  // Who joins while others are refused costs the component a pause, or its quorum (ADR 0013). Without leases its agent
  // would start it by itself instead, however far its data is.
  if (LeasesInUse(config) && SomebodyIsCountedOut(durable) && FindLeftBehind(durable, node.config->name()) != nullptr)
    return false;
  const std::string gone = DeadUuid(node);
  return (node.stopped || !gone.empty()) && GoesOnWithout(facts, gone);
}

// Its agent is about to start it; what was stopped on purpose is left alone.
bool IsPending(const NodeFacts& node) {
  const v1::ServerProcess& process = node.report->process();
  return !process.starting() && (process.has_restart_in() || process.start_wanted());
}

absl::Duration Delay(const NodeFacts& node) { return FromProto(node.report->process().restart_in()); }

}  // namespace

std::string WhoJoins(const Facts& facts) {
  const auto it = std::ranges::find_if(facts.nodes, [&](const NodeFacts& node) { return Joins(facts, node); });
  return it == facts.nodes.end() ? "" : it->config->name();
}

void OrderRejoins(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  if (decision.next().has_recovery()) return;  // OrderRecovery has its own word
  std::vector<const NodeFacts*> pending;
  for (const NodeFacts& node : facts.nodes) {
    if (MayStartAnew(config, facts, decision.next(), node) && IsPending(node)) pending.push_back(&node);
  }
  std::ranges::stable_sort(pending, {}, [](const NodeFacts* node) { return Delay(*node); });
  bool somebody_joins = !WhoJoins(facts).empty();
  for (const NodeFacts* node : pending) {
    v1::Recover& order = OrderStart(config, *node, decision);
    order.set_gone_uuid(DeadUuid(*node));
    order.set_not_yet(std::exchange(somebody_joins, true));
  }
}

}  // namespace minder
