#include "common/core/requests.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/core/digest.h"
#include "common/core/last_primary.h"
#include "common/core/promotion.h"
#include "common/core/rules.h"

namespace minder {
namespace {

constexpr char kNoNeed[] = "nothing has to be promoted; minderctl status_summary shows who serves";
constexpr char kSeeRecover[] = "minderctl recover --dry-run shows what can be done when nobody answers";
constexpr char kSeeExplain[] = "minderctl explain shows the facts";

constexpr std::array kRefusals = {
    RuleRefusal{"R010", "PAUSED", "minderctl resume ends the pause"},
    RuleRefusal{"R020", "SPLIT_BRAIN", "minderctl acknowledge says which side stays"},
    RuleRefusal{"R030", "GRANT_OPEN", "wait for its end; minderctl explain shows how far it is"},
    RuleRefusal{"R100", "PRIMARY_EXISTS", kNoNeed},
    RuleRefusal{"R150", "PRIMARY_EXISTS", kNoNeed},
    RuleRefusal{"R200", "PRIMARY_EXISTS", kNoNeed},
    RuleRefusal{"R300", "STARTING", "try again in a few seconds, when every agent had the time to report"},
    RuleRefusal{"R305", "FULL_STOP", kSeeRecover},
    RuleRefusal{"R310", "FULL_STOP", kSeeRecover},
    RuleRefusal{"R320", "FULL_STOP", kSeeRecover},
    RuleRefusal{"R330", "FULL_STOP", kSeeRecover},
    RuleRefusal{"R340", "FULL_STOP", kSeeRecover},
    RuleRefusal{"R350", "FULL_STOP", kSeeRecover},
};

std::string ForceCommand(const std::string& group, const std::string& digest) {
  return absl::StrFormat("minderctl make_primary %s --force --confirm=%s --reason=WHY", group, digest);
}

// A refusal for want of proof says what is missing, and whether force would help.
Refusal NotProven(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now,
                  const v1::PromotionRequest& request, const Facts& facts, const Rule& rule) {
  Refusal refusal{
      .reason = facts.promotion.group.empty() ? "NO_GROUP" : "NOT_PROVEN",
      .rule = rule.id,
      .message = absl::StrFormat(
          "%s cannot be made primary: %s", request.group(),
          facts.promotion.missing.empty() ? rule.reason(facts) : absl::StrJoin(facts.promotion.missing, "; ")),
      .cure = kSeeExplain};
  if (request.force() || facts.promotion.group.empty()) return refusal;
  v1::PromotionRequest forced = request;
  forced.set_force(true);
  if (RefuseMakePrimary(config, state, now, forced).refused()) return refusal;
  refusal.cure = absl::StrFormat("once it is certain that no other node is primary: %s",
                                 ForceCommand(request.group(), DigestOf(config, state, facts)));
  return refusal;
}

// One name stands for the component that it is in; several are all of its members.
bool StandsFor(const std::string& asked, const std::string& group) {
  std::vector<std::string> names = absl::StrSplit(asked, '+');
  std::ranges::sort(names);
  const std::vector<std::string> members = absl::StrSplit(group, '+');
  return names.size() == 1 ? std::ranges::find(members, names[0]) != members.end() : names == members;
}

void AddNode(const NodeFacts& node, Digest& digest) {
  digest.Add(node.config->name());
  digest.Add(node.fresh);
  digest.Add(node.running);
  digest.Add(node.primary);
  digest.Add(node.waiting);
  if (node.report == nullptr) return;
  const v1::DbStatusReport& report = *node.report;
  for (const v1::ViewMember& member : report.members()) digest.Add(member.uuid());
  digest.Add(report.last_primary_view().id());
  digest.Add(report.wsrep().gcomm_uuid());
  digest.Add(report.wsrep().last_committed());
  for (const v1::Position& position : {report.stopped().grastate(), report.stopped().recovered()}) {
    digest.Add(position.uuid());
    digest.Add(position.seqno());
  }
}

// The group that a human could have promoted, which may be none that the arbitrator would: of those around each node
// the one that has most, then the largest.
std::string GroupByForce(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now) {
  std::string best;
  std::pair<std::int64_t, std::size_t> most;
  for (const v1::DbserverConfig& dbserver : config.dbservers()) {
    v1::PromotionRequest request;
    request.set_group(dbserver.name());
    request.set_force(true);
    const v1::ArbitratorState asked = WithRequest(state, request);
    const Facts facts = GatherFacts(config, asked, now);
    const std::vector<const NodeFacts*>& group = facts.promotion.group;
    if (group.empty()) continue;
    std::pair<std::int64_t, std::size_t> has{0, group.size()};
    for (const NodeFacts* node : group) has.first = std::max(has.first, node->report->wsrep().last_committed());
    if (!best.empty() && has <= most) continue;
    most = has;
    best = NameOf(group);
  }
  return best;
}

const v1::Member* MemberNamed(const Facts& facts, const std::string& dbserver) {
  const auto it = std::ranges::find(facts.confirmed->members(), dbserver, &v1::Member::dbserver);
  return it == facts.confirmed->members().end() ? nullptr : &*it;
}

// Who runs and still has this process in its view; nullptr when nobody has.
const NodeFacts* WhoSees(const Facts& facts, const std::string& gcomm_uuid) {
  const auto it = std::ranges::find_if(facts.nodes, [&](const NodeFacts& node) {
    return node.running == v1::TERNARY_YES && ViewHas(*node.report, gcomm_uuid);
  });
  return it == facts.nodes.end() ? nullptr : &*it;
}

}  // namespace

const RuleRefusal* FindRefusal(const Rule& rule) {
  const auto it = std::ranges::find(kRefusals, std::string_view(rule.id), &RuleRefusal::rule);
  return it == kRefusals.end() ? nullptr : &*it;
}

v1::ArbitratorState WithRequest(v1::ArbitratorState state, const v1::PromotionRequest& request) {
  *state.mutable_durable()->mutable_request() = request;
  return state;
}

v1::ArbitratorState WithDeath(v1::ArbitratorState state, const v1::Death& death) {
  *state.mutable_durable()->add_deaths() = death;
  return state;
}

Refusal RefuseMakePrimary(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now,
                          const v1::PromotionRequest& request) {
  const v1::ArbitratorState asked = WithRequest(state, request);
  const Facts facts = GatherFacts(config, asked, now);
  const Rule& rule = MatchingRule(facts);
  if (const RuleRefusal* why = FindRefusal(rule)) {
    return {.reason = why->reason,
            .rule = rule.id,
            .message = absl::StrFormat("%s cannot be made primary: %s", request.group(), rule.reason(facts)),
            .cure = why->cure};
  }
  if (rule.action != Action::kPromote) return NotProven(config, state, now, request, facts, rule);
  const std::string group = NameOf(facts.promotion.group);
  if (StandsFor(request.group(), group)) return {};
  return {.reason = "GROUP_DIFFERS",
          .rule = "O2",
          .message = absl::StrFormat("the group that could be made primary is %s, and not %s", group, request.group()),
          .cure = absl::StrFormat("minderctl make_primary %s", group)};
}

Refusal RefuseForce(const v1::PromotionRequest& request, const std::string& confirm, const std::string& digest) {
  if (!request.force()) return {};
  if (request.reason().empty()) {
    return {.reason = "REASON_MISSING",
            .rule = "",
            .message = "a forced promotion needs a reason, which is kept on the record",
            .cure = "say it with --reason=WHY"};
  }
  if (confirm == digest) return {};
  if (confirm.empty()) {
    return {
        .reason = "CONFIRM_MISSING",
        .rule = "",
        .message = absl::StrFormat("a forced promotion has to quote the state that it rests on, which is %s", digest),
        .cure = absl::StrFormat("look at minderctl explain, then: %s", ForceCommand(request.group(), digest))};
  }
  return {.reason = kStateChanged,
          .rule = "",
          .message = absl::StrFormat("the state is %s by now, and not %s, which was confirmed", digest, confirm),
          .cure = absl::StrFormat("look at minderctl explain again, then: %s", ForceCommand(request.group(), digest))};
}

Refusal RefuseDeath(const Facts& facts, const std::string& dbserver) {
  if (!facts.confirmed) {
    return {.reason = "LAST_PRIMARY_UNKNOWN",
            .rule = "E3",
            .message = "the last primary component is not known, so nobody's death proves anything",
            .cure = kSeeExplain};
  }
  const v1::Member* member = MemberNamed(facts, dbserver);
  if (member == nullptr) {
    return {.reason = "NOT_A_MEMBER",
            .rule = "E3",
            .message = absl::StrFormat("%s is no member of the last primary component (%s)", dbserver,
                                       facts.last_primary_confirmed.detail),
            .cure = "nothing waits for it; minderctl explain shows who is waited for"};
  }
  const NodeFacts* node = FindNode(facts, dbserver);
  const bool fresh = node != nullptr && node->fresh;
  if (fresh && (node->running == v1::TERNARY_YES || node->report->process().pid() != 0)) {
    return {.reason = "SEEN_RUNNING",
            .rule = "E3",
            .message = absl::StrFormat("%s is not dead: its agent sees process %d run", dbserver,
                                       node->report->process().pid()),
            .cure = absl::StrFormat("stop mariadbd on %s; its agent will see that", dbserver)};
  }
  const NodeFacts* witness = fresh ? nullptr : WhoSees(facts, member->gcomm_uuid());
  if (witness == nullptr) return {};
  return {.reason = "SEEN_IN_VIEW",
          .rule = "E3",
          .message = absl::StrFormat("%s may run: %s still has it in its view", dbserver, witness->config->name()),
          .cure = "Galera drops a dead member after some seconds: try again"};
}

v1::Death DeathOf(const Facts& facts, const std::string& dbserver, const std::string& reason) {
  v1::Death death;
  death.set_dbserver(dbserver);
  death.set_gcomm_uuid(MemberNamed(facts, dbserver)->gcomm_uuid());
  death.set_proof(absl::StrFormat("declared dead by %s", reason));
  death.set_declared(true);
  return death;
}

std::string DigestOf(const v1::Configuration& config, const v1::ArbitratorState& state, const Facts& facts) {
  Digest digest;
  digest.Add(static_cast<std::int64_t>(config.version()));
  digest.Add(static_cast<std::int64_t>(state.durable().epoch()));
  digest.Add(state.durable().grant().state());
  digest.Add(facts.confirmed ? facts.confirmed->view().id() : "");
  for (const v1::Death& death : facts.deaths) digest.Add(death.gcomm_uuid());
  for (const NodeFacts& node : facts.nodes) AddNode(node, digest);
  return digest.Hex();
}

std::string OverrideCommand(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now,
                            const Facts& facts, const v1::Decision& decision) {
  const bool by_force = decision.rule() == "R420" || decision.rule() == "R430";
  if (!by_force && decision.rule() != "R410") return decision.command();
  const std::string group = by_force ? GroupByForce(config, state, now) : NameOf(facts.promotion.group);
  v1::PromotionRequest request;
  request.set_group(group);
  request.set_force(by_force);
  if (group.empty() || RefuseMakePrimary(config, state, now, request).refused()) return "";
  return by_force ? ForceCommand(group, DigestOf(config, state, facts)) : decision.command();
}

}  // namespace minder
