#include "common/core/promotion.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <tuple>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/core/last_primary.h"
#include "common/core/lease.h"
#include "common/core/proto_time.h"
#include "common/core/same_configuration.h"
#include "common/core/split_brain.h"
#include "common/core/tie.h"

namespace minder {
namespace {

using Nodes = std::vector<const NodeFacts*>;
using Names = std::vector<std::string>;

std::string InPrimary(const std::string& dbserver) { return dbserver + " is in a primary component"; }

std::string Quoted(const std::string& text) { return text.empty() ? "nothing" : text; }

// Why this member of P cannot be in the group; empty when it can (O2).
std::string WhyUnfit(const NodeFacts& node, const v1::ConfirmedPrimary& primary, bool forced) {
  const v1::DbStatusReport& report = *node.report;
  const v1::WsrepStatus& wsrep = report.wsrep();
  if (node.primary != v1::TERNARY_NO) return "is not seen to be non-Primary";
  if (wsrep.cluster_status() != v1::CLUSTER_STATUS_NON_PRIMARY) return "is in no component";
  if (report.last_primary_view().id() != primary.view().id()) {
    return absl::StrFormat("its last primary view is %s and not %s", Quoted(report.last_primary_view().id()),
                           primary.view().id());
  }
  if (wsrep.local_state_uuid() != primary.state_uuid()) {
    return absl::StrFormat("its state uuid is %s and not %s", Quoted(wsrep.local_state_uuid()), primary.state_uuid());
  }
  if (wsrep.last_committed() < 0) return "its seqno is not known";
  if (wsrep.local_state() != v1::LOCAL_STATE_INITIALIZED && wsrep.local_state() != v1::LOCAL_STATE_SYNCED)
    return "it is in a state transfer, or its local state is not known";
  if (wsrep.local_recv_queue() > 0) return "it is still applying what it received";
  if (report.nonce().empty()) return "its report has no nonce, which an order has to quote";
  if (wsrep.evs_state() != "OPERATIONAL") return absl::StrFormat("its group is not settled (%s)", wsrep.evs_state());
  if (!forced && !report.process().was_primary()) {
    return "its process, or its agent, was restarted after the last primary component: what it holds came from its "
           "disk";
  }
  if (!forced && report.process().complete_in() != primary.view().id()) {
    return "it was not seen Synced in the last primary component, which it may have joined and not caught up with";
  }
  return "";
}

// Settings with which Galera itself may make a second primary component, or a promotion that is not to be trusted.
std::string WhyUnsafe(const NodeFacts& node, const v1::Configuration& config) {
  const v1::DbStatusReport& report = *node.report;
  if (!report.has_provider_options())
    return absl::StrFormat("%s does not show its provider options", node.config->name());
  if (IgnoresQuorum(report)) return absl::StrFormat("%s has pc.ignore_sb or pc.ignore_quorum on", node.config->name());
  const std::string other = WhyOtherConfiguration(config, report);
  return other.empty() ? "" : node.config->name() + " " + other;
}

bool SameView(const NodeFacts& a, const NodeFacts& b) {
  return std::ranges::equal(a.report->members(), b.report->members(), {}, &v1::ViewMember::uuid, &v1::ViewMember::uuid);
}

// Everybody whom the view of `node` names, but garbds; empty when somebody in it is not seen, or sees another view.
// `forced`: who is not seen is promoted along, whatever he holds; without that no human could help a group whose view
// has one that waits, for that does not answer.
Nodes ComponentOf(const NodeFacts& node, const Facts& facts, const v1::Configuration& config, bool forced) {
  Nodes component;
  for (const v1::ViewMember& member : node.report->members()) {
    const NodeFacts* other = FindByUuid(facts.nodes, member.uuid());
    if (other == nullptr && FindGarbd(config, *node.report, member.uuid()) != nullptr) continue;
    if (other == nullptr && forced) continue;
    if (other == nullptr || other->primary != v1::TERNARY_NO || !SameView(node, *other)) return {};
    component.push_back(other);
  }
  return component;
}

struct Candidate {
  Nodes members;  // of P, by name
  std::int64_t seqno = -1;
  int preferred = 0;
};

// Between the end of GATHER and the next view Galera shows the one before; when everybody is back it forms the
// component by itself then, unless somebody is ended just now (seen on real servers, docs/adr/0012).
constexpr absl::Duration kViewSettles = absl::Seconds(2);

bool HasSettled(const Nodes& group) {
  return std::ranges::all_of(group, [](const NodeFacts* node) {
    return node->report->has_settled_for() && FromProto(node->report->settled_for()) >= kViewSettles;
  });
}

bool IsPreferred(const NodeFacts& node, const v1::Configuration& config) {
  return std::ranges::any_of(config.data_centres(), [&](const v1::DataCentre& centre) {
    return centre.name() == node.config->data_centre() && centre.role() == v1::DataCentre::ROLE_PRIMARY;
  });
}

const v1::Member* MemberOf(const v1::ConfirmedPrimary& primary, const NodeFacts& node) {
  return FindMember(primary, node.report->wsrep().gcomm_uuid());
}

// The group around `node`, or why there is none.
std::optional<Candidate> CandidateAround(const NodeFacts& node, const v1::Configuration& config, const Facts& facts,
                                         bool forced, Names& why) {
  const Nodes component = ComponentOf(node, facts, config, forced);
  if (component.empty()) {
    why.push_back(absl::StrFormat("%s: not everybody in its view is seen to be in it", node.config->name()));
    return std::nullopt;
  }
  Candidate candidate;
  for (const NodeFacts* member : component) {
    if (MemberOf(*facts.confirmed, *member) == nullptr) continue;  // a newcomer is promoted along, and catches up
    if (const std::string unfit = WhyUnfit(*member, *facts.confirmed, forced); !unfit.empty()) {
      why.push_back(absl::StrFormat("%s: %s", member->config->name(), unfit));
      return std::nullopt;
    }
    candidate.members.push_back(member);
    candidate.seqno = std::max(candidate.seqno, member->report->wsrep().last_committed());
    candidate.preferred += IsPreferred(*member, config) ? 1 : 0;
  }
  std::ranges::sort(candidate.members, {}, [](const NodeFacts* n) { return n->config->name(); });
  return candidate;
}

bool IsNamedIn(const v1::PromotionRequest& request, const std::string& dbserver) {
  const std::vector<std::string> names = absl::StrSplit(request.group(), '+');
  return std::ranges::find(names, dbserver) != names.end();
}

std::optional<Candidate> Choose(const v1::Configuration& config, const Facts& facts, const v1::DurableState& durable,
                                Names& why) {
  std::optional<Candidate> best;
  const auto rank = [](const Candidate& c) { return std::tuple(c.seqno, c.preferred, c.members.size()); };
  for (const NodeFacts& node : facts.nodes) {
    if (node.running != v1::TERNARY_YES || MemberOf(*facts.confirmed, node) == nullptr) continue;
    if (node.primary == v1::TERNARY_YES) continue;
    if (durable.has_request() && !IsNamedIn(durable.request(), node.config->name())) continue;
    const auto candidate = CandidateAround(node, config, facts, durable.request().force(), why);
    if (candidate && (!best || rank(*candidate) > rank(*best))) best = candidate;
  }
  return best;
}

// Why the report of `node`, fresh or not, makes any promotion unsafe: what it says cannot be.
std::string WhyUnbelievable(const NodeFacts& node, const std::vector<NodeFacts>& nodes,
                            const v1::ConfirmedPrimary& primary) {
  constexpr std::uint64_t kMostEpochs = std::uint64_t{1} << 62;  // the next one has to be higher (O1)
  const std::string& name = node.config->name();
  if (!node.contradiction.empty()) return absl::StrFormat("%s cannot be believed: %s", name, node.contradiction);
  if (node.report != nullptr && node.report->highest_epoch() >= kMostEpochs)
    return absl::StrFormat("%s has seen the last epoch there is", name);
  if (node.running != v1::TERNARY_YES || node.report->wsrep().gcomm_uuid().empty()) return "";
  const NodeFacts* first = FindByUuid(nodes, node.report->wsrep().gcomm_uuid());
  if (first != &node) return absl::StrFormat("%s and %s report the same gcomm uuid", first->config->name(), name);
  const v1::Member* member = MemberOf(primary, node);
  if (member == nullptr || (member->dbserver() == name && !member->garbd())) return "";
  return absl::StrFormat("%s reports the gcomm uuid of %s", name, member->dbserver());
}

// A promise counts for the epoch of the promotion that is under way, and for nothing else.
bool HasPromised(const NodeFacts& node, const v1::Grant& grant) {
  return grant.state() == v1::GRANT_STATE_FREEZING && node.report->freeze().frozen() &&
         node.report->freeze().epoch() >= grant.epoch();
}

// For humans; empty when there is none.
std::string RefusalToPromise(const NodeFacts& node, const v1::Grant& grant) {
  const auto& orders = node.report->orders();
  const auto it = std::ranges::find_if(orders, [&](const v1::OrderStatus& order) {
    return order.verb() == v1::Message::kFreezeFieldNumber && order.epoch() == grant.epoch() &&
           order.outcome() == v1::ORDER_OUTCOME_REFUSED;
  });
  return it == orders.end() ? "" : ", and refuses to promise: " + it->detail();
}

// How long after the grant is begun a member that is not seen is harmless: by what it showed last, or, when that is not
// known any more, by what the grant was begun on.
std::optional<absl::Duration> HarmlessAfter(const v1::Configuration& config, const NodeFacts& node,
                                            const v1::GrantFence* begun_on, const std::string& no_tie, bool& tie) {
  if (node.report == nullptr) {
    tie = begun_on != nullptr && begun_on->tie();
    const bool counts = begun_on != nullptr && (!tie || config.promotion().tie() == v1::Promotion::SWITCH_ON);
    return counts ? std::optional(FromProto(begun_on->after())) : std::nullopt;
  }
  if (const auto after = FencedAfter(config, *node.report)) return after;
  const auto notices = NoticesWithin(*node.report);
  tie = no_tie.empty() && notices.has_value();
  return tie ? notices : std::nullopt;
}

std::string DetailOf(const Other& other, bool over) {
  const std::string in = absl::FormatDuration(*other.fenced_after);
  if (other.count_out) {
    return absl::StrFormat(
        "E4: %s is silent, and all who are silent have no majority of the votes, as Galera sees there within %s%s",
        other.dbserver, in, over ? ", which was longer ago" : "");
  }
  return absl::StrFormat(
      "E2: the guard of %s was armed, and has to end its mariadbd within %s once its lease is revoked%s",
      other.dbserver, in, over ? ", which was longer ago" : "");
}

// Whether the grant is begun, with this one to be proven harmless.
bool IsBegunOn(const v1::Grant& grant, const std::string& dbserver) {
  return grant.state() == v1::GRANT_STATE_FREEZING &&
         std::ranges::find(grant.others(), dbserver) != grant.others().end();
}

// From when a grant is begun until a time after that.
void AwaitHarmless(const v1::Grant& grant, BootTime now, absl::Duration after, Other& other) {
  other.fenced_after = after;
  const bool over = IsBegunOn(grant, other.dbserver) && now > SinceBoot(FromProto(grant.begun_at())) + after;
  other.proof = over ? Other::Proof::kProven : Other::Proof::kLease;
}

// A member that is not seen: proven harmless only by its own guard (E2), or by the votes (E4).
void JudgeUnseen(const v1::Configuration& config, const NodeFacts* node, const v1::Grant& grant, BootTime now,
                 const std::string& no_tie, Other& other) {
  other.detail = absl::StrFormat("%s may be in a primary component: %s", other.dbserver,
                                 node == nullptr ? "it is no longer configured"
                                 : node->fresh   ? "its mariadbd does not answer"
                                                 : "its agent is silent");
  if (config.promotion().tie() == v1::Promotion::SWITCH_ON && !no_tie.empty())
    other.detail += absl::StrFormat(", and its votes prove nothing: %s", no_tie);
  if (node == nullptr) return;
  const auto it = std::ranges::find(grant.fences(), other.dbserver, &v1::GrantFence::dbserver);
  const v1::GrantFence* begun_on = IsBegunOn(grant, other.dbserver) && it != grant.fences().end() ? &*it : nullptr;
  other.fenced_after = HarmlessAfter(config, *node, begun_on, no_tie, other.count_out);
  if (!other.fenced_after) return;
  AwaitHarmless(grant, now, *other.fenced_after, other);
  other.detail = DetailOf(other, other.proof == Other::Proof::kProven);
}

// A member whose process is proven dead, while its agent may have started another one with the old view: that is in no
// primary component, but would join the group as it comes, with data that nobody has compared (ADR 0012).
void JudgeDead(const v1::Configuration& config, const NodeFacts& node, const v1::Grant& grant, Other& other) {
  if (node.report == nullptr) {  // the proof is durable, what its agent said last is not
    if (!LeasesInUse(config)) return;
    other.proof = Other::Proof::kMissing;
    other.detail += "; but its agent, which may have started another one, was not heard since the arbitrator started";
    return;
  }
  const v1::Ternary running = node.report->running();
  if (running == v1::TERNARY_UNKNOWN) {
    const bool can_end = node.fresh && !node.report->process().was_primary();
    other.proof = can_end ? Other::Proof::kWaits : Other::Proof::kMissing;
    other.detail += can_end      ? "; what waits in its place has to end first"
                    : node.fresh ? "; but the one in its place does not answer"
                                 : "; but its agent, which was starting another one, is silent";
  } else if (running == v1::TERNARY_NO && LeasesInUse(config) && !node.fresh) {
    // It is started again with a lease only that answers a report of that being wanted.
    const v1::ServerProcess& process = node.report->process();
    if (process.has_start_wanted() && !process.start_wanted()) return;
    other.proof = Other::Proof::kMissing;
    other.detail += "; but its agent, which was to start another one, is silent";
  } else if (node.stopped && LeasesInUse(config) && !HasPromised(node, grant) && !node.report->nonce().empty()) {
    other.proof = Other::Proof::kPromise;  // which ends that lease
    other.detail += RefusalToPromise(node, grant);
  }
}

// What is known about a member of P that is not in the group.
Other Judge(const v1::Configuration& config, const v1::Member& member, const v1::ArbitratorState& state,
            const Facts& facts, BootTime now, const std::string& no_tie) {
  Other other{.dbserver = member.dbserver()};
  const NodeFacts* node = FindNode(facts, member.dbserver());
  other.node = node;
  const auto death = std::ranges::find(facts.deaths, member.gcomm_uuid(), &v1::Death::gcomm_uuid);
  if (death != facts.deaths.end()) {
    other.detail = absl::StrFormat("E3: %s: %s", member.dbserver(), death->proof());
    other.proof = Other::Proof::kProven;
    if (node != nullptr && !death->declared()) JudgeDead(config, *node, state.durable().grant(), other);
    return other;
  }
  if (node != nullptr && node->primary == v1::TERNARY_YES) {
    other.detail = InPrimary(member.dbserver());
    return other;
  }
  // Of a process that does not answer nothing would be proven by its end either, and so it is not ended for that.
  const bool shows_view =
      node != nullptr && node->fresh && (node->primary == v1::TERNARY_NO || node->report->process().pid() != 0);
  const std::string last = shows_view ? node->report->last_primary_view().id() : "";
  if (shows_view && last != facts.confirmed->view().id()) {
    other.detail = absl::StrFormat("%s was in another primary component (%s) since", member.dbserver(), Quoted(last));
    return other;
  }
  if (node == nullptr || !node->fresh || node->primary == v1::TERNARY_UNKNOWN) {
    JudgeUnseen(config, node, state.durable().grant(), now, no_tie, other);
    return other;
  }
  const v1::DbStatusReport& report = *node->report;
  const bool stopped = node->running == v1::TERNARY_NO;
  const bool promised = HasPromised(*node, state.durable().grant());
  if (!promised && report.nonce().empty()) {
    other.detail = absl::StrFormat("%s cannot be asked for its promise: its report has no nonce", member.dbserver());
    return other;
  }
  other.proof = promised ? Other::Proof::kProven : Other::Proof::kPromise;
  std::string promise = RefusalToPromise(*node, state.durable().grant());
  if (promised) promise = absl::StrFormat(", and has promised not to bootstrap at epoch %d", report.freeze().epoch());
  other.detail =
      absl::StrFormat("E1: %s is seen to be %s%s", member.dbserver(), stopped ? "stopped" : "non-Primary", promise);
  return other;
}

// Why garbds could be primary without anybody's data; empty when they could not. A data member whose disk names P has
// never been in a later component; of the others nobody knows.
std::string WhyGarbdsMatter(const PromotionPlan& plan, const Facts& facts) {
  std::vector<std::string> others;
  std::vector<std::string> unseen;
  for (const v1::Death& death : facts.deaths) others.push_back(death.gcomm_uuid());
  for (const NodeFacts* node : plan.group) {
    for (const v1::ViewMember& member : node->report->members()) others.push_back(member.uuid());
  }
  for (const v1::Member& member : facts.confirmed->members()) {
    const NodeFacts* node = FindNode(facts, member.dbserver());
    const bool on_disk =
        node != nullptr && node->fresh && node->report->last_primary_view().id() == facts.confirmed->view().id();
    if (!on_disk) unseen.push_back(member.gcomm_uuid());
  }
  if (!GarbdsMayBePrimary(*facts.confirmed, others, unseen)) return "";
  return "the garbds may be a primary component by themselves: they have more votes than all others, or than somebody "
         "who is not seen";
}

// The highest seqno that anybody reports who was in P, or is what became of it; or that the dead showed last.
std::int64_t HighestElsewhere(const Facts& facts, const Candidate& group, std::string& where) {
  std::int64_t highest = -1;
  const auto consider = [&](const std::string& name, const std::string& uuid, std::int64_t seqno) {
    if (uuid != facts.confirmed->state_uuid() || seqno <= highest) return;
    highest = seqno;
    where = name;
  };
  for (const NodeFacts& node : facts.nodes) {
    if (node.report == nullptr || node.lost || std::ranges::find(group.members, &node) != group.members.end()) continue;
    const v1::DbStatusReport& report = *node.report;
    const std::string& name = node.config->name();
    if (report.has_wsrep()) consider(name, report.wsrep().local_state_uuid(), report.wsrep().last_committed());
    for (const v1::Position& position : {report.stopped().grastate(), report.stopped().recovered()})
      consider(name, position.uuid(), position.seqno());
  }
  for (const v1::Death& death : facts.deaths) {
    if (!death.declared()) consider(death.dbserver(), death.position().uuid(), death.position().seqno());
  }
  return highest;
}

// Why P is not the last primary component; empty while nothing was granted on it and done. The one that came of that
// may be gone before anybody saw all of its members, with what it wrote.
std::string WhySuperseded(const v1::ConfirmedPrimary& confirmed, const v1::Grant& grant) {
  if (grant.state() != v1::GRANT_STATE_DONE || grant.view_id() != confirmed.view().id()) return "";
  return absl::StrFormat("%s went on since, at epoch %d, and it is not known with whom", grant.target(), grant.epoch());
}

}  // namespace

std::string NameOf(const std::vector<const NodeFacts*>& group) {
  return absl::StrJoin(group, "+", [](std::string* out, const NodeFacts* n) { out->append(n->config->name()); });
}

PromotionPlan PlanPromotion(const v1::Configuration& config, const v1::ArbitratorState& state, const Facts& facts,
                            BootTime now) {
  PromotionPlan plan;
  const v1::PromotionRequest& request = state.durable().request();
  if (!facts.confirmed) {
    plan.missing.push_back("the last primary component is not known: its members never reported it alike");
    return plan;
  }
  if (IsUnacknowledged(state.durable()))
    plan.missing.push_back("no human has said yet which side of a split brain stays");
  if (std::string why = WhySuperseded(*facts.confirmed, state.durable().grant()); !why.empty() && !request.force())
    plan.missing.push_back(std::move(why));
  for (const NodeFacts& node : facts.nodes) {
    if (std::string why = WhyUnbelievable(node, facts.nodes, *facts.confirmed); !why.empty())
      plan.missing.push_back(std::move(why));
    if (node.primary == v1::TERNARY_YES) plan.missing.push_back(InPrimary(node.config->name()));
    if (node.running != v1::TERNARY_YES) continue;
    if (std::string unsafe = WhyUnsafe(node, config); !unsafe.empty()) plan.missing.push_back(std::move(unsafe));
  }
  Names why;
  const auto group = Choose(config, facts, state.durable(), why);
  if (!group) {
    plan.missing.push_back("no group is fit to be promoted");
    std::ranges::sort(why);
    why.erase(std::unique(why.begin(), why.end()), why.end());
    plan.missing.insert(plan.missing.end(), why.begin(), why.end());
  } else {
    plan.group = group->members;
    std::string where;
    if (HighestElsewhere(facts, *group, where) > group->seqno && !request.force())
      plan.missing.push_back(absl::StrFormat("%s has a higher seqno than %s", where, NameOf(plan.group)));
  }
  for (const NodeFacts& node : facts.nodes) {
    // Views change one node after the other: who else could be promoted is not known yet.
    const bool unsettled = node.running == v1::TERNARY_YES && node.primary == v1::TERNARY_NO &&
                           MemberOf(*facts.confirmed, node) != nullptr &&
                           ComponentOf(node, facts, config, request.force()).empty();
    if (unsettled && !request.force())
      plan.missing.push_back(
          absl::StrFormat("not everybody in the view of %s is seen to be in it", node.config->name()));
  }
  if (std::string votes = WhyGarbdsMatter(plan, facts); !votes.empty() && !request.force())
    plan.missing.push_back(std::move(votes));
  const std::string no_tie = WhyNoTie(config, state.durable(), facts, plan.group);
  for (const v1::Member& member : facts.confirmed->members()) {
    if (member.garbd()) continue;
    const bool in_group =
        std::ranges::any_of(plan.group, [&](const NodeFacts* n) { return n->config->name() == member.dbserver(); });
    if (in_group) continue;
    plan.others.push_back(Judge(config, member, state, facts, now, no_tie));
    Other& other = plan.others.back();
    if (other.proof == Other::Proof::kWaits && !HasSettled(plan.group)) {
      other.proof = Other::Proof::kMissing;
      other.detail += absl::StrFormat(", once the view of %s has not changed for %s", NameOf(plan.group),
                                      absl::FormatDuration(kViewSettles));
    }
    const bool forced = request.force() && (other.proof == Other::Proof::kLease || other.proof == Other::Proof::kWaits);
    if (other.proof != Other::Proof::kMissing && !forced) continue;
    if (other.node != nullptr && other.node->primary == v1::TERNARY_YES) continue;  // which is missing already
    if (request.force()) {
      other.proof = Other::Proof::kProven;
      other.count_out = true;
      other.detail = absl::StrFormat("forced by %s, although %s", request.reason(), other.detail);
    } else {
      plan.missing.push_back(other.detail);
    }
  }
  return plan;
}

}  // namespace minder
