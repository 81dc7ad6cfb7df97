#include "common/core/decide.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/core/drain_plan.h"
#include "common/core/eviction.h"
#include "common/core/grant.h"
#include "common/core/party.h"
#include "common/core/promotion.h"
#include "common/core/proto_time.h"
#include "common/core/recovery.h"
#include "common/core/rejoin.h"
#include "common/core/rules.h"
#include "common/core/split_brain.h"
#include "common/core/tie.h"

namespace minder {
namespace {

void OrderNode(const v1::Configuration& config, const Facts& facts, const NodeFacts& node, v1::Decision& decision) {
  if (node.drain == nullptr) return;
  v1::Order& order = *decision.add_orders();
  *order.mutable_receiver() = DbserverParty(config, node.config->name());
  if (node.drain->ending()) {
    order.mutable_undrain();
    return;
  }
  order.mutable_drain()->set_drain_id(node.drain->drain_id());
  order.mutable_drain()->set_balancers_done(
      BalancersToWaitFor(facts, node.config->name(), node.drain->drain_id()).empty());
}

void OrderBalancers(const v1::Configuration& config, v1::Decision& decision) {
  v1::RoutingIntent intent;
  intent.set_epoch(decision.next().epoch());
  for (const v1::DrainRecord& drain : decision.next().drains()) {
    if (drain.ending()) continue;
    v1::DrainIntent& entry = *intent.add_drains();
    entry.set_dbserver(drain.dbserver());
    entry.set_drain_id(drain.drain_id());
  }
  for (const std::string& dbserver : Barred(config, decision.next())) intent.add_barred(dbserver);
  for (const v1::DbclientConfig& balancer : config.dbclients()) {
    v1::Order& order = *decision.add_orders();
    *order.mutable_receiver() = DbclientParty(config, balancer.name());
    *order.mutable_routing_intent() = intent;
  }
}

// A drain that was undone is forgotten once its dbserver says that it serves.
bool IsOver(const v1::DrainRecord& drain, const Facts& facts) {
  const NodeFacts* node = FindNode(facts, drain.dbserver());
  if (node == nullptr) return drain.ending();  // no longer configured
  return drain.ending() && node->fresh && node->report->drain().state() == v1::DRAIN_STATE_SERVING;
}

void KeepLastPrimary(const Facts& facts, v1::Decision& decision) {
  v1::DurableState& next = *decision.mutable_next();
  const bool is_new = facts.confirmed && facts.confirmed->view().id() != next.confirmed().view().id();
  if (facts.confirmed) *next.mutable_confirmed() = *facts.confirmed;
  next.mutable_deaths()->Assign(facts.deaths.begin(), facts.deaths.end());
  if (!is_new) return;
  v1::AuditRecord& record = *decision.add_records();
  record.set_kind("confirmed");
  record.set_epoch(next.epoch());
  record.set_text(absl::StrFormat("the last primary component is %s", facts.last_primary_confirmed.detail));
}

// A human's request ends with the promotion that it began, or at once when there is none to begin.
void EndRequest(const v1::ArbitratorState& state, const Facts& facts, v1::Decision& decision) {
  v1::DurableState& next = *decision.mutable_next();
  if (!next.has_request() || IsOpen(next.grant())) return;
  if (!IsOpen(state.durable().grant())) {
    v1::AuditRecord& record = *decision.add_records();
    record.set_kind("grant");
    record.set_text(absl::StrFormat("the request to promote %s (%s) came to nothing", next.request().group(),
                                    next.request().reason()));
    record.mutable_evidence()->Assign(facts.promotion.missing.begin(), facts.promotion.missing.end());
  }
  next.clear_request();
}

void Act(const v1::Configuration& config, const Facts& facts, const Rule& rule, BootTime now, v1::Decision& decision) {
  AdvanceGrant(config, facts, now, decision);
  if (rule.action == Action::kPromote) BeginGrant(facts, now, decision);
  if (rule.action == Action::kRecover) Recover(facts, decision);
  EndRecovery(facts, decision);
  TakeBackIn(facts, decision);
  PlanEvictions(config, facts, now, rule.action == Action::kEvict, decision);
}

void OrderPrimary(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  OrderGrant(config, facts, decision);
  const bool split = facts.split_brain.value == v1::TERNARY_YES;
  if (!split) OrderRecovery(config, facts, decision);
  if (!split && facts.paused.value != v1::TERNARY_YES) {
    OrderEvictions(config, facts, decision);
    OrderRejoins(config, facts, decision);
    OrderEnds(config, facts, decision);
  }
  OrderHoldDown(config, facts, decision);
}

// When the next report turns stale, or something that waits has waited long enough.
void SetWakeUp(const v1::Configuration& config, const Facts& facts, BootTime now, v1::Decision& decision) {
  const absl::Duration fresh_for = FromProto(config.timings().fresh_for());
  absl::Duration next = absl::InfiniteDuration();
  for (const NodeFacts& node : facts.nodes) {
    if (node.fresh) next = std::min(next, fresh_for - node.age);
  }
  for (const BalancerFacts& balancer : facts.balancers) {
    if (balancer.fresh) next = std::min(next, fresh_for - balancer.age);
  }
  if (facts.paused.value == v1::TERNARY_YES)
    next = std::min(next, SinceBoot(FromProto(decision.next().pause().until())) - now);
  const absl::Duration held_down = HeldDownUntil(config, decision.next()) - now;
  if (held_down > absl::ZeroDuration()) next = std::min(next, held_down);
  for (const v1::Eviction& eviction : decision.next().evictions()) {
    const absl::Duration left =
        SinceBoot(FromProto(eviction.ordered_at())) + FromProto(config.promotion().order_validity()) - now;
    if (left >= absl::ZeroDuration()) next = std::min(next, left);
  }
  const v1::Grant& grant = decision.next().grant();
  for (const Other& other : facts.promotion.others) {
    if (grant.state() != v1::GRANT_STATE_FREEZING || !other.fenced_after) continue;
    const absl::Duration left = SinceBoot(FromProto(grant.begun_at())) + *other.fenced_after - now;
    if (left >= absl::ZeroDuration()) next = std::min(next, left);
  }
  if (next == absl::InfiniteDuration()) return;
  *decision.mutable_next_wake_up() = ToProto(ToSinceBoot(now + next + absl::Nanoseconds(1)));
}

// The command with which a human may go on where the arbitrator does not.
std::string CommandFor(const Facts& facts, const Rule& rule, const v1::DurableState& next) {
  const std::string_view id = rule.id;
  const std::string group = NameOf(facts.promotion.group);
  if (id == "R010") return "minderctl resume";
  if (std::string command = SplitBrainCommand(facts, next); !command.empty()) return command;
  if (id == "R410") return absl::StrFormat("minderctl make_primary %s", group);
  if (id == "R330") return "minderctl recover";
  if (id == "R340" || id == "R350") return "minderctl recover --dry-run";  // says whom to leave out, when that is a way
  if (id == "R420" || id == "R430") return "minderctl explain";            // what it takes to force it depends on more
  return "";
}

}  // namespace

v1::Decision Decide(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now) {
  return Decide(config, state, GatherFacts(config, state, now), now);
}

v1::Decision Decide(const v1::Configuration& config, const v1::ArbitratorState& state, const Facts& facts,
                    BootTime now) {
  v1::Decision decision;
  const Rule& rule = MatchingRule(facts);
  decision.set_diagnosis(rule.diagnosis);
  decision.set_rule(rule.id);
  decision.set_reason(rule.reason(facts));
  for (v1::Evidence& evidence : EvidenceOf(facts)) *decision.add_evidence() = std::move(evidence);
  *decision.mutable_next() = state.durable();
  decision.mutable_next()->clear_drains();
  for (const v1::DrainRecord& drain : state.durable().drains()) {
    if (!IsOver(drain, facts)) *decision.mutable_next()->add_drains() = drain;
  }
  if (facts.paused.value == v1::TERNARY_NO) decision.mutable_next()->clear_pause();
  KeepLastPrimary(facts, decision);
  KeepSplitBrain(facts, decision);
  KeepWhole(facts, *decision.mutable_next());
  KeepCountedOut(facts, decision);
  decision.set_command(CommandFor(facts, rule, decision.next()));
  Act(config, facts, rule, now, decision);
  EndRequest(state, facts, decision);
  for (const NodeFacts& node : facts.nodes) OrderNode(config, facts, node, decision);
  OrderBalancers(config, decision);
  OrderPrimary(config, facts, decision);
  SetWakeUp(config, facts, now, decision);
  return decision;
}

}  // namespace minder
