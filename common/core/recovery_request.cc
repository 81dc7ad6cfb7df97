#include "common/core/recovery_request.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/digest.h"
#include "common/core/requests.h"

namespace minder {
namespace {

constexpr char kSomebodyRuns[] = "minderctl explain shows the facts, and what may be promoted";
constexpr char kNobodySeen[] = "start the agents, or look at the network between them and the arbitrator";

Refusal NothingRecovered(const char* reason, const Rule& rule, const std::string& why, const std::string& cure) {
  return {.reason = reason, .rule = rule.id, .message = "nothing is recovered: " + why, .cure = cure};
}

// The names of those whose state fits, given up or not.
template <typename Fits>
std::vector<std::string> NamesWhere(const RecoveryPlan& plan, Fits fits) {
  std::vector<std::string> names;
  for (const StoppedNode& stopped : plan.nodes) {
    if (fits(stopped)) names.push_back(stopped.node->config->name());
  }
  return names;
}

std::string WithoutCommand(const std::vector<std::string>& names) {
  return absl::StrFormat(
      "minderctl recover %s --reason=WHY",
      absl::StrJoin(names, " ", [](std::string* out, const auto& name) { out->append("--without=" + name); }));
}

Refusal NotAllStopped(const Facts& facts, const Rule& rule) {
  const auto silent = NamesWhere(facts.recovery, [](const StoppedNode& s) { return s.given_up || !s.node->fresh; });
  const bool wedged = std::ranges::any_of(
      facts.recovery.nodes, [](const StoppedNode& s) { return s.node->fresh && !s.node->stopped && !s.node->waiting; });
  return NothingRecovered(
      "NOT_ALL_STOPPED", rule, absl::StrJoin(facts.recovery.unseen, "; "),
      wedged
          ? "stop the mariadbd that does not answer; its agent will see that"
          : absl::StrFormat("start the agent; or, once it is certain that mariadbd is stopped there and that what it "
                            "alone may hold can be lost: %s",
                            WithoutCommand(silent)));
}

Refusal NotClear(const Facts& facts, const Rule& rule) {
  return NothingRecovered(
      "POSITIONS_NOT_CLEAR", rule, absl::StrJoin(facts.recovery.missing, "; "),
      "choose whose data counts, and give the others up: minderctl recover --without=NODE --reason=WHY");
}

}  // namespace

v1::ArbitratorState WithRecovery(v1::ArbitratorState state, const v1::Recovery& recovery) {
  *state.mutable_durable()->mutable_recovery() = recovery;
  return state;
}

Refusal RefuseRecover(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now,
                      const v1::Recovery& recovery) {
  const v1::ArbitratorState asked = WithRecovery(state, recovery);
  const Facts facts = GatherFacts(config, asked, now);
  const Rule& rule = MatchingRule(facts);
  const v1::Grant& grant = state.durable().grant();
  const bool target_given_up = grant.bootstrap() && facts.grant_open.value == v1::TERNARY_YES &&
                               std::ranges::find(recovery.without(), grant.target()) != recovery.without().end();
  const RuleRefusal* why = FindRefusal(rule);
  if (why != nullptr && why->reason != kFullStop && !target_given_up)
    return NothingRecovered(why->reason, rule, rule.reason(facts), why->cure);
  if (!facts.recovery.applies) {
    const bool seen = facts.somebody_seen.value == v1::TERNARY_YES;
    return NothingRecovered(seen ? "SOMEBODY_RUNS" : "NOBODY_SEEN", rule, rule.reason(facts),
                            seen ? kSomebodyRuns : kNobodySeen);
  }
  if (!facts.recovery.AllStopped()) return NotAllStopped(facts, rule);
  if (!facts.recovery.missing.empty()) return NotClear(facts, rule);
  return {};
}

std::string PlanDigest(const v1::Configuration& config, const v1::DurableState& durable, v1::RecoveryPlan plan) {
  for (v1::RecoveryNode& node : *plan.mutable_nodes()) {
    if (node.state() == "waiting") node.set_state("stopped");
    node.clear_note();
  }
  Digest digest;
  digest.Add(static_cast<std::int64_t>(config.version()));
  digest.Add(static_cast<std::int64_t>(durable.epoch()));
  digest.Add(plan.SerializeAsString());
  return digest.Hex();
}

Refusal RefuseUnconfirmed(const v1::Recovery& recovery, const std::string& confirm, const std::string& digest) {
  const std::string look = absl::StrFormat("look at minderctl recover --dry-run, then add --confirm=%s", digest);
  if (confirm.empty())
    return {.reason = "CONFIRM_MISSING",
            .rule = "",
            .message = absl::StrFormat("a recovery has to quote the plan that it rests on, which is %s", digest),
            .cure = look};
  if (confirm != digest)
    return {.reason = kStateChanged,
            .rule = "",
            .message = absl::StrFormat("the plan is %s by now, and not %s, which was confirmed", digest, confirm),
            .cure = look};
  if (!recovery.without().empty() && recovery.reason().empty())
    return {.reason = "REASON_MISSING",
            .rule = "",
            .message = "to give up a dbserver needs a reason, which is kept on the record",
            .cure = "say it with --reason=WHY"};
  return {};
}

}  // namespace minder
