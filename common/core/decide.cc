#include "common/core/decide.h"

#include <algorithm>

#include "common/core/drain_plan.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/core/rules.h"

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

void OrderBalancers(const v1::Configuration& config, const v1::ArbitratorState& state, v1::Decision& decision) {
  v1::RoutingIntent intent;
  intent.set_epoch(state.epoch());
  for (const v1::DrainRecord& drain : state.drains()) {
    if (drain.ending()) continue;
    v1::DrainIntent& entry = *intent.add_drains();
    entry.set_dbserver(drain.dbserver());
    entry.set_drain_id(drain.drain_id());
  }
  for (const v1::DbclientConfig& balancer : config.dbclients()) {
    v1::Order& order = *decision.add_orders();
    *order.mutable_receiver() = DbclientParty(config, balancer.name());
    *order.mutable_routing_intent() = intent;
  }
}

// A drain that was undone is forgotten once its dbserver says that it serves.
bool IsOver(const v1::DrainRecord& drain, const Facts& facts) {
  const auto node =
      std::ranges::find_if(facts.nodes, [&](const NodeFacts& n) { return n.config->name() == drain.dbserver(); });
  if (node == facts.nodes.end()) return drain.ending();  // no longer configured
  return drain.ending() && node->fresh && node->report->drain().state() == v1::DRAIN_STATE_SERVING;
}

// When the next report turns stale.
void SetWakeUp(const v1::Configuration& config, const Facts& facts, BootTime now, v1::Decision& decision) {
  const absl::Duration fresh_for = FromProto(config.timings().fresh_for());
  absl::Duration next = absl::InfiniteDuration();
  for (const NodeFacts& node : facts.nodes) {
    if (node.fresh) next = std::min(next, fresh_for - node.age);
  }
  for (const BalancerFacts& balancer : facts.balancers) {
    if (balancer.fresh) next = std::min(next, fresh_for - balancer.age);
  }
  if (next == absl::InfiniteDuration()) return;
  *decision.mutable_next_wake_up() = ToProto(ToSinceBoot(now + next + absl::Nanoseconds(1)));
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
  for (const NodeFacts& node : facts.nodes) OrderNode(config, facts, node, decision);
  OrderBalancers(config, state, decision);
  for (const v1::DrainRecord& drain : state.drains()) {
    if (!IsOver(drain, facts)) *decision.add_next_drains() = drain;
  }
  SetWakeUp(config, facts, now, decision);
  return decision;
}

}  // namespace minder
