#include "common/core/recovery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/grant.h"
#include "common/core/lookup.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/core/recovery_plan.h"

namespace minder {
namespace {

void RecordRecovery(v1::Decision& decision, const std::string& text) {
  const v1::Recovery& recovery = decision.next().recovery();
  v1::AuditRecord& record = *decision.add_records();
  record.set_kind("recovery");
  record.set_epoch(recovery.epoch());
  record.set_text(text);
  *record.mutable_evidence() = recovery.positions();
}

void RefuseToGoOn(const std::string& why, v1::Decision& decision) {
  v1::Recovery& recovery = *decision.mutable_next()->mutable_recovery();
  recovery.set_state(v1::RECOVERY_STATE_REFUSED);
  recovery.set_refused(why);
  RecordRecovery(decision, absl::StrFormat("the recovery cannot go on: %s", why));
}

bool HasOutcome(const v1::OrderStatus* status, v1::OrderOutcome outcome) {
  return status != nullptr && status->outcome() == outcome;
}

bool HasPromisedFor(const NodeFacts& node, const v1::Grant& grant) {
  return node.report->freeze().frozen() && node.report->freeze().epoch() >= grant.epoch();
}

bool HasCleared(const NodeFacts& node, const v1::Grant& grant) {
  return HasOutcome(RecoverOutcome(node, v1::Recover::ACTION_CLEAR, grant.epoch()), v1::ORDER_OUTCOME_DONE);
}

// What is proven about each other dbserver.
void KeepEvidence(const RecoveryPlan& plan, v1::Grant& grant) {
  grant.clear_evidence();
  for (const StoppedNode& stopped : plan.nodes) {
    const NodeFacts& node = *stopped.node;
    const std::string& name = node.config->name();
    if (name == grant.target()) continue;
    grant.add_evidence(
        absl::StrFormat("%s: %s%s", name, stopped.note,
                        node.fresh && HasPromisedFor(node, grant)
                            ? absl::StrFormat("; it has promised not to bootstrap at epoch %d", grant.epoch())
                            : ""));
  }
}

void BeginBootstrap(const Facts& facts, v1::Decision& decision) {
  v1::DurableState& next = *decision.mutable_next();
  next.set_epoch(NextEpoch(facts, next));
  v1::Grant& grant = *next.mutable_grant();
  grant.Clear();
  grant.set_epoch(next.epoch());
  grant.set_state(v1::GRANT_STATE_FREEZING);
  grant.set_bootstrap(true);
  if (facts.confirmed) grant.set_view_id(facts.confirmed->view().id());
  grant.set_forced_by(next.recovery().reason());
  next.mutable_recovery()->clear_without();  // a dead one, too, is given up until the end
  for (const StoppedNode& stopped : facts.recovery.nodes) {
    if (stopped.given_up) next.mutable_recovery()->add_without(stopped.node->config->name());
  }
  const std::string& source = facts.recovery.source->config->name();
  grant.add_group(source);
  grant.set_target(source);
  for (const NodeFacts& node : facts.nodes) {
    if (node.config->name() != source) grant.add_others(node.config->name());
  }
  LeaveBehind(facts.nodes, grant, next);
  KeepEvidence(facts.recovery, grant);
  RecordGrant(decision,
              absl::StrFormat("%s is to be started first; whoever is seen is asked to promise not to bootstrap, and "
                              "to clear what is left of one",
                              source));
}

void OrderTarget(const Facts& facts, BootTime now, v1::Decision& decision) {
  v1::Grant& grant = *decision.mutable_next()->mutable_grant();
  grant.set_state(v1::GRANT_STATE_ORDERED);
  grant.set_nonce(facts.recovery.source->report->nonce());
  *grant.mutable_ordered_at() = ToProto(ToSinceBoot(now));
  decision.mutable_next()->set_whole(false);
  const auto source = std::ranges::find(facts.recovery.nodes, facts.recovery.source, &StoppedNode::node);
  LimitLeftBehind(*source->position, *decision.mutable_next());
  KeepEvidence(facts.recovery, grant);
  RecordGrant(decision, absl::StrFormat("%s is ordered to start as the first node", grant.target()));
}

void AdvanceClearing(const Facts& facts, BootTime now, v1::Decision& decision) {
  const v1::Grant& grant = decision.next().grant();
  const RecoveryPlan& plan = facts.recovery;
  if (plan.source == nullptr || plan.source->config->name() != grant.target()) {
    std::vector<std::string> why = plan.unseen;
    why.insert(why.end(), plan.missing.begin(), plan.missing.end());
    if (why.empty()) why.push_back(plan.applies ? "a position has to be read again" : "somebody runs");
    return EndGrant(v1::GRANT_STATE_ABANDONED,
                    absl::StrFormat("before anything was ordered: %s", absl::StrJoin(why, "; ")), decision);
  }
  bool ready = true;
  for (const StoppedNode& stopped : plan.nodes) {
    const NodeFacts& node = *stopped.node;
    if (!node.fresh) continue;  // given up
    const v1::OrderStatus* cleared = RecoverOutcome(node, v1::Recover::ACTION_CLEAR, grant.epoch());
    if (HasOutcome(cleared, v1::ORDER_OUTCOME_FAILED)) {
      const std::string why = absl::StrFormat("%s: %s", node.config->name(), cleared->detail());
      EndGrant(v1::GRANT_STATE_ABANDONED, "before anything was ordered: " + why, decision);
      return RefuseToGoOn(why, decision);
    }
    const bool is_target = &node == plan.source;
    ready = ready && HasCleared(node, grant) && (is_target || HasPromisedFor(node, grant));
  }
  if (ready) OrderTarget(facts, now, decision);
}

// Why no primary component can come of the order any more; empty while one might.
std::string WhyBootstrapOver(const v1::Configuration& config, const v1::DurableState& durable, const Facts& facts,
                             BootTime now) {
  const v1::Grant& grant = durable.grant();
  const NodeFacts* target = FindNode(facts, grant.target());
  const bool fresh = target != nullptr && target->fresh;
  const auto& without = durable.recovery().without();
  if (!fresh && std::ranges::find(without, grant.target()) != without.end())
    return absl::StrFormat("%s is given up by %s", grant.target(), durable.recovery().reason());
  if (!fresh) return "";
  const v1::OrderStatus* outcome = RecoverOutcome(*target, v1::Recover::ACTION_BOOTSTRAP, grant.epoch());
  if (outcome == nullptr) {
    const BootTime expiry =
        SinceBoot(FromProto(grant.ordered_at())) + FromProto(config.promotion().order_validity()) + kExpiryMargin;
    const bool never = (target->stopped || target->waiting) && now - target->age > expiry &&
                       target->report->highest_epoch() < grant.epoch();
    return never ? grant.target() + " did not get the order in time, and refuses it now" : "";
  }
  const bool ended = outcome->outcome() == v1::ORDER_OUTCOME_REFUSED || outcome->outcome() == v1::ORDER_OUTCOME_FAILED;
  return ended ? absl::StrFormat("%s: %s", grant.target(), outcome->detail()) : "";
}

// In a primary component whose view, if it leaves one on disk, is the newest that is known, and not the one of before.
bool IsUp(const NodeFacts* node, const v1::Grant& grant, const Facts& facts) {
  if (node == nullptr || node->primary != v1::TERNARY_YES) return false;
  if (!node->report->has_last_primary_view()) return true;
  const std::string& view = node->report->last_primary_view().id();
  return view != grant.view_id() && facts.confirmed && facts.confirmed->view().id() == view;
}

// It was, whatever became of it since.
bool SaysUp(const NodeFacts* node, const v1::Grant& grant) {
  return node != nullptr && node->fresh &&
         HasOutcome(RecoverOutcome(*node, v1::Recover::ACTION_BOOTSTRAP, grant.epoch()), v1::ORDER_OUTCOME_DONE);
}

v1::Recover& OrderTo(const v1::Configuration& config, const NodeFacts& node, v1::Recover::Action action,
                     v1::Decision& decision) {
  v1::Order& order = *decision.add_orders();
  *order.mutable_receiver() = DbserverParty(config, node.config->name());
  order.mutable_recover()->set_epoch(decision.next().epoch());
  order.mutable_recover()->set_nonce(node.report->nonce());
  order.mutable_recover()->set_action(action);
  return *order.mutable_recover();
}

void OrderFreeze(const v1::Configuration& config, const NodeFacts& node, v1::Decision& decision) {
  v1::Order& order = *decision.add_orders();
  *order.mutable_receiver() = DbserverParty(config, node.config->name());
  order.mutable_freeze()->set_epoch(decision.next().grant().epoch());
  order.mutable_freeze()->set_nonce(node.report->nonce());
}

void OrderBootstrap(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  const v1::Grant grant = decision.next().grant();
  const bool freezing = grant.state() == v1::GRANT_STATE_FREEZING;
  for (const NodeFacts& node : facts.nodes) {
    const bool is_target = node.config->name() == grant.target();
    if (is_target && !freezing) {
      v1::Order& order = *decision.add_orders();
      *order.mutable_receiver() = DbserverParty(config, grant.target());
      order.mutable_recover()->set_epoch(grant.epoch());
      order.mutable_recover()->set_nonce(grant.nonce());
      order.mutable_recover()->set_action(v1::Recover::ACTION_BOOTSTRAP);
      order.mutable_recover()->set_config_version(config.version());
      order.mutable_recover()->set_config_digest(config.digest());
    } else if (node.stopped || node.waiting) {
      OrderTo(config, node, v1::Recover::ACTION_CLEAR, decision);  // which holds it down as well
      if (!is_target && !HasPromisedFor(node, grant)) OrderFreeze(config, node, decision);
    }
  }
}

bool IsGivenUp(const v1::Recovery& recovery, const NodeFacts& node) {
  return std::ranges::find(recovery.without(), node.config->name()) != recovery.without().end();
}

// It runs, or its agent has taken over.
bool IsStarted(const NodeFacts& node, const v1::Recovery& recovery) {
  return node.fresh && (!node.stopped || HasOutcome(RecoverOutcome(node, v1::Recover::ACTION_START, recovery.epoch()),
                                                    v1::ORDER_OUTCOME_DONE));
}

// One after the other, for each may need a whole copy of the data from whoever is there. Who was given up is left
// alone, unless its agent is about to start it, whom nobody holds back until its turn comes.
void OrderNextStart(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  if (facts.primary_component.value != v1::TERNARY_YES) return;
  const v1::Recovery& recovery = decision.next().recovery();
  bool busy = std::ranges::any_of(facts.nodes, [](const NodeFacts& n) { return n.fresh && !n.stopped && !n.synced; });
  for (const NodeFacts& node : facts.nodes) {
    if (!node.fresh || IsStarted(node, recovery)) continue;
    const bool next = IsGivenUp(recovery, node) ? node.report->process().has_restart_in() : !std::exchange(busy, true);
    if (next) OrderStart(config, node, decision).set_without_view(true);
  }
}

// Everybody is down, so nobody's old view can be in the way: no reason to wait before it is used (ADR 0006).
void OrderStarts(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  for (const NodeFacts& node : facts.nodes) {
    if (node.stopped && node.report->process().has_restart_in())
      OrderTo(config, node, v1::Recover::ACTION_START, decision).set_keep_view(true);
  }
}

}  // namespace

v1::Recover& OrderStart(const v1::Configuration& config, const NodeFacts& node, v1::Decision& decision) {
  const v1::LeftBehind* left = FindLeftBehind(decision.next(), node.config->name());
  v1::Recover& order = OrderTo(config, node, v1::Recover::ACTION_START, decision);
  if (left != nullptr && left->has_not_beyond()) *order.mutable_not_beyond() = left->not_beyond();
  return order;
}

void OrderEnd(const v1::Configuration& config, const NodeFacts& node, v1::Decision& decision) {
  OrderTo(config, node, v1::Recover::ACTION_END, decision);
}

v1::Recovery NewRecovery(const Facts& facts, const v1::DurableState& durable, std::vector<std::string> without,
                         const std::string& reason) {
  std::ranges::sort(without);
  v1::Recovery recovery;
  recovery.set_state(v1::RECOVERY_STATE_COLLECTING);
  recovery.set_epoch(NextEpoch(facts, durable));
  recovery.mutable_without()->Assign(without.begin(), without.end());
  recovery.set_reason(reason);
  return recovery;
}

void Recover(const Facts& facts, v1::Decision& decision) {
  v1::DurableState& next = *decision.mutable_next();
  if (next.recovery().state() != v1::RECOVERY_STATE_COLLECTING) {
    *next.mutable_recovery() = NewRecovery(facts, next, {}, "");
    RecordRecovery(decision,
                   "a recovery begins, for Galera does not form its component by itself: " + facts.reforming.detail);
  }
  next.set_epoch(std::max(next.epoch(), next.recovery().epoch()));
  const std::vector<std::string> positions = PositionLines(facts.recovery);
  next.mutable_recovery()->mutable_positions()->Assign(positions.begin(), positions.end());
  if (!facts.recovery.AllStopped() || IsOpen(next.grant())) return;
  if (!facts.recovery.missing.empty()) return RefuseToGoOn(absl::StrJoin(facts.recovery.missing, "; "), decision);
  if (facts.recovery.source != nullptr) BeginBootstrap(facts, decision);
}

void AdvanceBootstrap(const v1::Configuration& config, const Facts& facts, BootTime now, v1::Decision& decision) {
  const v1::Grant& grant = decision.next().grant();
  const NodeFacts* target = FindNode(facts, grant.target());
  if (grant.state() == v1::GRANT_STATE_FREEZING) {
    if (facts.paused.value != v1::TERNARY_YES) AdvanceClearing(facts, now, decision);
    return;
  }
  if (IsUp(target, grant, facts))
    return EndGrant(v1::GRANT_STATE_DONE, absl::StrFormat("%s is in a new primary component", grant.target()),
                    decision);
  if (SaysUp(target, grant)) {
    return EndGrant(v1::GRANT_STATE_DONE,
                    grant.target() + " reports that it was in a primary component after its order", decision);
  }
  const std::string why = WhyBootstrapOver(config, decision.next(), facts, now);
  if (why.empty()) return;
  EndGrant(v1::GRANT_STATE_ABANDONED, why, decision);
  // A human who gives the target up has said how to go on.
  if (target != nullptr && target->fresh) RefuseToGoOn(why, decision);
}

void EndRecovery(const Facts& facts, v1::Decision& decision) {
  v1::DurableState& next = *decision.mutable_next();
  if (!next.has_recovery() || facts.primary_component.value != v1::TERNARY_YES || IsOpen(next.grant())) return;
  v1::Recovery& recovery = *next.mutable_recovery();
  if (recovery.state() == v1::RECOVERY_STATE_COLLECTING) {
    recovery.set_state(v1::RECOVERY_STATE_STARTING);
    RecordRecovery(decision, absl::StrFormat("the primary component is %s; the others are started",
                                             facts.primary_component.detail));
  }
  const bool over =
      recovery.state() == v1::RECOVERY_STATE_REFUSED || std::ranges::all_of(facts.nodes, [&](const NodeFacts& node) {
        return IsGivenUp(recovery, node) || IsStarted(node, recovery);
      });
  if (!over) return;
  recovery.clear_positions();
  RecordRecovery(decision, "the recovery is over");
  next.clear_recovery();
}

void OrderRecovery(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  const bool paused = facts.paused.value == v1::TERNARY_YES;
  const v1::DurableState& next = decision.next();
  if (next.grant().bootstrap() && IsOpen(next.grant())) {
    if (!paused || next.grant().state() == v1::GRANT_STATE_ORDERED) OrderBootstrap(config, facts, decision);
    return;
  }
  if (paused) return;
  if (next.recovery().state() == v1::RECOVERY_STATE_STARTING) return OrderNextStart(config, facts, decision);
  if (next.recovery().state() == v1::RECOVERY_STATE_COLLECTING && facts.recovery.applies) {
    for (const NodeFacts& node : facts.nodes) {
      if (node.stopped || node.waiting) OrderTo(config, node, v1::Recover::ACTION_COLLECT, decision);
    }
  } else if (facts.reforming.value == v1::TERNARY_YES) {
    OrderStarts(config, facts, decision);
  }
}

std::string DescribeBootstrap(const v1::Grant& grant) {
  if (grant.state() == v1::GRANT_STATE_FREEZING) {
    return absl::StrFormat(
        "epoch %d: waiting until %s have promised not to bootstrap, and everybody has cleared what is left "
        "of one; then %s is started as the first node",
        grant.epoch(), absl::StrJoin(grant.others(), ", "), grant.target());
  }
  return absl::StrFormat(
      "epoch %d: %s is ordered to start as the first node; until that is seen to be done or given up, nothing else is "
      "ordered",
      grant.epoch(), grant.target());
}

}  // namespace minder
