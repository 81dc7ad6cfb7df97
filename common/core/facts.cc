#include "common/core/facts.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/eviction.h"
#include "common/core/grant.h"
#include "common/core/last_primary.h"
#include "common/core/lookup.h"
#include "common/core/promotion.h"
#include "common/core/proto_time.h"
#include "common/core/recovery_plan.h"
#include "common/core/same_configuration.h"
#include "common/core/split_brain.h"

namespace minder {
namespace {

using Names = std::vector<std::string>;

std::string Join(const Names& names) { return absl::StrJoin(names, ", "); }

Fact Yes(std::string detail) { return {.value = v1::TERNARY_YES, .detail = std::move(detail)}; }
Fact No(std::string detail) { return {.value = v1::TERNARY_NO, .detail = std::move(detail)}; }
Fact Unknown(std::string detail) { return {.value = v1::TERNARY_UNKNOWN, .detail = std::move(detail)}; }

// Yes when nobody is named, else no with the names.
Fact NobodyIn(const Names& names, std::string_view yes, std::string_view no) {
  return names.empty() ? Yes(std::string(yes)) : No(absl::StrFormat("%s: %s", no, Join(names)));
}

// What an older agent leaves out is unknown, and so is what only a newer one understands.
v1::Ternary Known(v1::Ternary value) {
  return value == v1::TERNARY_YES || value == v1::TERNARY_NO ? value : v1::TERNARY_UNKNOWN;
}

std::string Contradiction(const v1::DbStatusReport& report) {
  const bool runs = report.running() == v1::TERNARY_YES;
  const bool stopped = report.running() == v1::TERNARY_NO;
  const v1::ClusterStatus status = report.wsrep().cluster_status();
  const bool in_none = status == v1::CLUSTER_STATUS_NON_PRIMARY || status == v1::CLUSTER_STATUS_DISCONNECTED;
  if (stopped && (report.process().pid() != 0 || report.primary() == v1::TERNARY_YES))
    return "mariadbd is stopped, and runs or is primary";
  if (status == v1::CLUSTER_STATUS_PRIMARY && report.primary() != v1::TERNARY_YES)
    return "it is not primary, and wsrep_cluster_status is Primary";
  if ((in_none && report.primary() == v1::TERNARY_YES) || (runs && !in_none && report.primary() == v1::TERNARY_NO))
    return "primary and wsrep_cluster_status do not agree";
  return "";
}

// Nobody knows whose the reports are.
bool IsContested(const v1::Configuration& config, const v1::DbserverKnowledge& known, BootTime now) {
  return known.has_contested_at() &&
         now - SinceBoot(FromProto(known.contested_at())) <= FromProto(config.timings().fresh_for());
}

template <typename Knowledge>
absl::Duration AgeOf(const Knowledge& knowledge, BootTime now) {
  const absl::Duration since_receipt = now - SinceBoot(FromProto(knowledge.received_at()));
  // A clock or an agent that claims the future does not make a report younger than its receipt.
  return std::max(since_receipt, absl::ZeroDuration()) + FromProto(knowledge.on_its_way()) +
         std::max(FromProto(knowledge.report().age()), absl::ZeroDuration());
}

bool InSameComponent(const v1::DbStatusReport& a, const v1::DbStatusReport& b) {
  return a.primary() == v1::TERNARY_YES && b.primary() == v1::TERNARY_YES &&
         a.wsrep().gcomm_uuid() == b.wsrep().gcomm_uuid() &&
         a.wsrep().cluster_conf_id() == b.wsrep().cluster_conf_id() &&
         a.last_primary_view().id() == b.last_primary_view().id();
}

const v1::DrainRecord* DrainOf(const v1::ArbitratorState& state, const std::string& dbserver) {
  const auto it = std::ranges::find(state.durable().drains(), dbserver, &v1::DrainRecord::dbserver);
  return it == state.durable().drains().end() ? nullptr : &*it;
}

NodeFacts GatherNode(const v1::Configuration& config, const v1::DbserverConfig& node, const v1::ArbitratorState& state,
                     BootTime now) {
  NodeFacts facts{.config = &node, .drain = DrainOf(state, node.name())};
  facts.lost = IsLost(state.durable(), node.name());
  const v1::DbserverKnowledge* known = FindByName(state.dbservers(), node.name());
  if (known == nullptr) return facts;
  facts.report = &known->report();
  facts.age = AgeOf(*known, now);
  facts.fresh = facts.age <= FromProto(config.timings().fresh_for());
  if (known->has_primary_since())
    facts.primary_for = std::max(now - facts.age - SinceBoot(FromProto(known->primary_since())), absl::ZeroDuration());
  if (!facts.fresh) return facts;
  facts.contradiction =
      IsContested(config, *known, now) ? "two machines speak under its name" : Contradiction(*facts.report);
  if (!facts.contradiction.empty()) return facts;
  facts.running = Known(facts.report->running());
  facts.primary = Known(facts.report->primary());
  facts.synced = !facts.lost && facts.running == v1::TERNARY_YES && facts.primary == v1::TERNARY_YES &&
                 facts.report->wsrep().ready() && facts.report->wsrep().local_state() == v1::LOCAL_STATE_SYNCED;
  facts.stopped = facts.running == v1::TERNARY_NO && facts.report->process().pid() == 0;
  facts.waiting =
      facts.running != v1::TERNARY_YES && facts.report->process().pid() != 0 && facts.report->process().waiting();
  facts.serving = facts.synced && facts.drain == nullptr && facts.report->drain().state() == v1::DRAIN_STATE_SERVING;
  return facts;
}

BalancerFacts GatherBalancer(const v1::Configuration& config, const v1::DbclientConfig& balancer,
                             const v1::ArbitratorState& state, BootTime now) {
  BalancerFacts facts{.config = &balancer};
  const v1::DbclientKnowledge* known = FindByName(state.dbclients(), balancer.name());
  if (known == nullptr) return facts;
  facts.report = &known->report();
  facts.age = AgeOf(*known, now);
  facts.fresh = facts.age <= FromProto(config.timings().fresh_for()) && facts.report->reachable();
  return facts;
}

Fact ReportsFresh(const Facts& facts) {
  Names silent;
  for (const NodeFacts& node : facts.nodes) {
    if (!node.fresh) silent.push_back(node.config->name());
  }
  return NobodyIn(silent, "every dbserver reported lately", "no fresh report of");
}

// Two reports show the same component when history, view number and size agree; a view number alone starts anew in each
// component.
std::string ComponentOf(const v1::DbStatusReport& report) {
  return absl::StrFormat("%s/%d/%s", report.wsrep().cluster_state_uuid(), report.wsrep().cluster_conf_id(),
                         report.group());
}

Fact PrimaryComponent(const Facts& facts) {
  std::set<std::string> components;
  Names primary;
  Names unknown;
  for (const NodeFacts& node : facts.nodes) {
    if (node.lost) continue;
    if (node.primary == v1::TERNARY_UNKNOWN) unknown.push_back(node.config->name());
    if (node.primary != v1::TERNARY_YES) continue;
    components.insert(ComponentOf(*node.report));
    primary.push_back(node.config->name());
  }
  // Views change one node after the other, so two descriptions for a moment are no news; which they are is for later
  // rules to say.
  if (components.size() > 1) return Unknown(absl::StrFormat("%s report different primary components", Join(primary)));
  if (components.size() == 1) return Yes(absl::StrFormat("of %s", Join(primary)));
  if (unknown.empty()) return No("no dbserver is in a primary component");
  return Unknown(absl::StrFormat("nobody reports one, and nothing is known of %s", Join(unknown)));
}

// A garbd that somebody has in his primary view.
bool Votes(const Facts& facts, const v1::Configuration& config, const v1::GarbdConfig& garbd) {
  return std::ranges::any_of(facts.nodes, [&](const NodeFacts& node) {
    return node.primary == v1::TERNARY_YES && !node.lost &&
           std::ranges::any_of(node.report->members(), [&](const v1::ViewMember& member) {
             return FindGarbd(config, *node.report, member.uuid()) == &garbd;
           });
  });
}

Fact AllSynced(const Facts& facts, const v1::Configuration& config) {
  Names missing;
  for (const v1::GarbdConfig& garbd : config.garbds()) {
    if (!Votes(facts, config, garbd)) missing.push_back(garbd.name());
  }
  for (const NodeFacts& node : facts.nodes) {
    if (!node.synced) missing.push_back(node.config->name());
  }
  return NobodyIn(missing, "every dbserver is Synced", "not Synced");
}

Fact NoneDrained(const Facts& facts) {
  Names drained;
  for (const NodeFacts& node : facts.nodes) {
    const bool by_itself = node.fresh && node.report->drain().state() > v1::DRAIN_STATE_SERVING;
    if (node.drain != nullptr || by_itself) drained.push_back(node.config->name());
  }
  return NobodyIn(drained, "no dbserver is drained", "drained or on the way");
}

Fact BalancersInStep(const Facts& facts) {
  Names late;
  for (const BalancerFacts& balancer : facts.balancers) {
    const bool in_step = balancer.fresh && std::ranges::all_of(balancer.report->backends(), [](const v1::Backend& b) {
                           return b.wanted() == v1::BACKEND_STATE_UNSPECIFIED || b.wanted() == b.actual();
                         });
    if (!in_step) late.push_back(balancer.config->name());
  }
  return NobodyIn(late, "every balancer has what it should", "not in step or not heard of");
}

Fact ConfigurationAgrees(const Facts& facts, const v1::Configuration& config) {
  Names other;
  for (const NodeFacts& node : facts.nodes) {
    if (node.fresh && !WhyOtherConfiguration(config, *node.report).empty()) other.push_back(node.config->name());
  }
  for (const BalancerFacts& balancer : facts.balancers) {
    if (balancer.fresh && !WhyOtherConfiguration(config, *balancer.report).empty())
      other.push_back(balancer.config->name());
  }
  return NobodyIn(other, absl::StrFormat("version %d everywhere", config.version()), "another configuration at");
}

Fact QuorumKept(const Facts& facts) {
  Names ignoring;
  for (const NodeFacts& node : facts.nodes) {
    if (node.running == v1::TERNARY_YES && IgnoresQuorum(*node.report)) ignoring.push_back(node.config->name());
  }
  return NobodyIn(ignoring, "nobody ignores it", "pc.ignore_sb or pc.ignore_quorum is on at");
}

Fact ServersSound(const Facts& facts) {
  Names wrong;
  for (const NodeFacts& node : facts.nodes) {
    if (node.fresh && !node.report->probe().note().empty())
      wrong.push_back(absl::StrFormat("%s: %s", node.config->name(), node.report->probe().note()));
  }
  return NobodyIn(wrong, "no agent complains of its server", "to be corrected");
}

Fact Paused(const v1::DurableState& durable, BootTime now) {
  if (!durable.has_pause()) return No("not paused");
  const absl::Duration left = SinceBoot(FromProto(durable.pause().until())) - now;
  if (left <= absl::ZeroDuration()) return No("a pause is over");
  return Yes(absl::StrFormat("for another %s, by %s", absl::FormatDuration(absl::Ceil(left, absl::Seconds(1))),
                             durable.pause().reason()));
}

Fact Starting(const v1::Configuration& config, const v1::ArbitratorState& state, const Facts& facts, BootTime now) {
  const absl::Duration up = now - SinceBoot(FromProto(state.started_at()));
  if (up >= FromProto(config.timings().fresh_for()) || facts.reports_fresh.value == v1::TERNARY_YES)
    return No("every dbserver had the time to report");
  return Yes(absl::StrFormat("the arbitrator has just started; %s", facts.reports_fresh.detail));
}

Fact SomebodyPrimary(const Facts& facts) {
  Names primary;
  Names unknown;
  for (const NodeFacts& node : facts.nodes) {
    if (node.primary == v1::TERNARY_YES) primary.push_back(node.config->name());
    if (node.primary == v1::TERNARY_UNKNOWN) unknown.push_back(node.config->name());
  }
  if (!primary.empty()) return Yes(Join(primary));
  if (!unknown.empty()) return Unknown(absl::StrFormat("nothing is known of %s", Join(unknown)));
  return No("nobody is");
}

Fact HeldDown(const v1::Configuration& config, const v1::DurableState& durable, BootTime now) {
  const absl::Duration left = HeldDownUntil(config, durable) - now;
  if (left <= absl::ZeroDuration()) return No("no promotion was made lately");
  const std::uint32_t in_row = durable.last_promotion().in_row();
  return Yes(absl::StrFormat("a promotion was made a short while ago%s, and the next one may follow in %s",
                             in_row > 1 ? absl::StrFormat(", the %d. in a row", in_row) : "",
                             absl::FormatDuration(absl::Ceil(left, absl::Seconds(1)))));
}

Fact MemberDead(const v1::Configuration& config, const Facts& facts) {
  Names dead;
  Names left;
  for (const DeadMember& member : facts.dead_members) {
    const std::string& name = member.node->config->name();
    if (CanEvict(config, facts, member)) dead.push_back(name);
    if (!member.kept_by.empty())
      left.push_back(absl::StrFormat("%s died, and Galera has to drop it, for nobody can clear the evict list of %s",
                                     name, member.kept_by));
  }
  if (dead.empty()) return No(left.empty() ? "no dead member is to be evicted" : Join(left));
  return Yes(absl::StrFormat("%s died, and the primary component waits for it", Join(dead)));
}

Fact SomebodySeen(const Facts& facts) {
  const bool seen =
      std::ranges::any_of(facts.nodes, [](const NodeFacts& node) { return node.running == v1::TERNARY_YES; });
  return seen ? Yes("somebody runs") : No("nobody is seen to run");
}

Fact GrantOpen(const v1::Grant& grant, const PromotionPlan& plan) {
  return IsOpen(grant) ? Yes(DescribeGrant(grant, plan)) : No("no promotion is under way");
}

Fact LastPrimaryConfirmed(const Facts& facts) {
  if (!facts.confirmed) return Unknown("no primary component was ever reported alike by all of its members");
  Names members;
  for (const v1::Member& member : facts.confirmed->members()) members.push_back(member.dbserver());
  return Yes(absl::StrFormat("%s, view %s", absl::StrJoin(members, "+"), facts.confirmed->view().id()));
}

Fact GroupReady(const PromotionPlan& plan) {
  if (!plan.group.empty()) return Yes(NameOf(plan.group));
  return No(absl::StrJoin(plan.missing, "; "));
}

Fact OthersProven(const Facts& facts) {
  if (!facts.confirmed) return Unknown("who they are is not known");
  const PromotionPlan& plan = facts.promotion;
  Names missing;
  Names found;
  for (const Other& other : plan.others)
    (other.proof == Other::Proof::kMissing ? missing : found).push_back(other.detail);
  for (const v1::Member& member : facts.confirmed->members()) {
    if (member.garbd()) found.push_back(absl::StrFormat("%s only votes", member.dbserver()));
  }
  if (!missing.empty()) return Unknown(absl::StrJoin(missing, "; "));
  return Yes(found.empty() ? "there are no others" : absl::StrJoin(found, "; "));
}

}  // namespace

void TakeIn(const v1::DbStatusReport& report, BootTime now, absl::Duration on_its_way, v1::DbserverKnowledge& known) {
  const bool same = known.has_primary_since() && InSameComponent(known.report(), report);
  *known.mutable_report() = report;
  *known.mutable_received_at() = ToProto(ToSinceBoot(now));
  *known.mutable_on_its_way() = ToProto(on_its_way);
  if (report.primary() != v1::TERNARY_YES) {
    known.clear_primary_since();
  } else if (!same) {
    *known.mutable_primary_since() = ToProto(ToSinceBoot(now - AgeOf(known, now)));
  }
}

Facts GatherFacts(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now) {
  Facts facts;
  for (const v1::DbserverConfig& node : config.dbservers()) facts.nodes.push_back(GatherNode(config, node, state, now));
  for (const v1::DbclientConfig& balancer : config.dbclients()) {
    facts.balancers.push_back(GatherBalancer(config, balancer, state, now));
  }
  facts.reports_fresh = ReportsFresh(facts);
  facts.primary_component = PrimaryComponent(facts);
  facts.all_synced = AllSynced(facts, config);
  facts.none_drained = NoneDrained(facts);
  facts.balancers_in_step = BalancersInStep(facts);
  facts.configuration_agrees = ConfigurationAgrees(facts, config);
  facts.quorum_kept = QuorumKept(facts);
  facts.servers_sound = ServersSound(facts);
  facts.confirmed = ConfirmLastPrimary(config, facts.nodes, state.durable());
  facts.deaths = DeathsIn(facts.confirmed, facts.nodes, state.durable());
  facts.dead_members = FindDeadMembers(facts);
  facts.promotion = PlanPromotion(config, state, facts, now);
  facts.paused = Paused(state.durable(), now);
  facts.starting = Starting(config, state, facts, now);
  facts.split = UpdateSplitBrain(facts.nodes, facts.confirmed, state.durable());
  facts.split_brain = SplitBrainSeen(facts, state.durable());
  facts.grant_open = GrantOpen(state.durable().grant(), facts.promotion);
  facts.held_down = HeldDown(config, state.durable(), now);
  facts.member_dead = MemberDead(config, facts);
  GatherRecovery(config, state, facts);
  facts.somebody_primary = SomebodyPrimary(facts);
  facts.somebody_seen = SomebodySeen(facts);
  facts.last_primary_confirmed = LastPrimaryConfirmed(facts);
  facts.group_ready = GroupReady(facts.promotion);
  facts.others_proven = OthersProven(facts);
  facts.promotes_by_itself = config.promotion().mode() == v1::Promotion::MODE_AUTO;
  facts.requested = state.durable().has_request();
  return facts;
}

const NodeFacts* FindNode(const Facts& facts, const std::string& dbserver) {
  const auto it = std::ranges::find_if(facts.nodes, [&](const NodeFacts& n) { return n.config->name() == dbserver; });
  return it == facts.nodes.end() ? nullptr : &*it;
}

std::vector<v1::Evidence> EvidenceOf(const Facts& facts) {
  std::vector<v1::Evidence> evidence;
  const auto add = [&](const char* name, const Fact& fact) {
    v1::Evidence& entry = evidence.emplace_back();
    entry.set_fact(name);
    entry.set_value(fact.value);
    entry.set_detail(fact.detail);
  };
  add("reports_fresh", facts.reports_fresh);
  add("primary_component", facts.primary_component);
  add("all_synced", facts.all_synced);
  add("none_drained", facts.none_drained);
  add("balancers_in_step", facts.balancers_in_step);
  add("configuration_agrees", facts.configuration_agrees);
  add("quorum_kept", facts.quorum_kept);
  add("servers_sound", facts.servers_sound);
  add("paused", facts.paused);
  add("starting", facts.starting);
  add("split_brain", facts.split_brain);
  add("grant_open", facts.grant_open);
  add("held_down", facts.held_down);
  add("member_dead", facts.member_dead);
  add("all_stopped", facts.all_stopped);
  add("reforming", facts.reforming);
  add("recovery_ready", facts.recovery_ready);
  add("stopped_by_crash", facts.stopped_by_crash);
  add("recovering", facts.recovering);
  add("somebody_primary", facts.somebody_primary);
  add("somebody_seen", facts.somebody_seen);
  add("last_primary_confirmed", facts.last_primary_confirmed);
  add("group_ready", facts.group_ready);
  add("others_proven", facts.others_proven);
  return evidence;
}

}  // namespace minder
