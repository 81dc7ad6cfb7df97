#include "common/core/eviction.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/core/grant.h"
#include "common/core/last_primary.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/core/tie.h"

namespace minder {
namespace {

// The component that the dead one was in last is the one that goes on. A later one has a process that came back with
// the uuid of its old view, whatever the last report of its agent said; without a view on its disk nobody can.
bool SameLastView(const NodeFacts& survivor, const NodeFacts& dead) {
  if (!dead.report->has_last_primary_view()) return true;
  const std::string& last = dead.report->last_primary_view().id();
  return !last.empty() && survivor.report->last_primary_view().id() == last;
}

// Galera's own arithmetic (galera.md section 1), without the dead one.
bool QuorumStays(const Facts& facts, const std::vector<const NodeFacts*>& survivors) {
  if (!facts.confirmed) return false;
  std::uint64_t all = 0;
  for (const v1::Member& member : facts.confirmed->members()) all += member.weight();
  std::uint64_t left = 0;
  for (const NodeFacts* node : survivors) {
    const v1::Member* member = FindMember(*facts.confirmed, node->report->wsrep().gcomm_uuid());
    if (member != nullptr) left += member->weight();
  }
  for (const v1::Member& member : facts.confirmed->members()) {
    if (member.garbd() && ViewHas(*survivors.front()->report, member.gcomm_uuid())) left += member.weight();
  }
  return 2 * left > all;
}

// A garbd, or who is not configured: nobody can clear its evict list. With one uuid left there, the next eviction does
// nothing, and whoever joins stops the component, for evs.install_timeout each (docs/adr/0006).
std::string WhoKeepsLists(const Facts& facts, const v1::DbStatusReport& survivor) {
  for (const v1::ViewMember& member : survivor.members()) {
    const bool is_dbserver = std::ranges::any_of(facts.nodes, [&](const NodeFacts& node) {
      return node.report != nullptr &&
             (node.report->wsrep().gcomm_uuid() == member.uuid() || DeadUuid(node) == member.uuid());
    });
    if (!is_dbserver) return member.name();
  }
  return "";
}

bool AllOthersProven(const Facts& facts, const DeadMember& dead) {
  if (!facts.confirmed) return false;
  return std::ranges::all_of(facts.confirmed->members(), [&](const v1::Member& member) {
    return member.gcomm_uuid() == dead.gcomm_uuid ||
           std::ranges::find(facts.deaths, member.gcomm_uuid(), &v1::Death::gcomm_uuid) != facts.deaths.end() ||
           std::ranges::any_of(dead.survivors, [&](const NodeFacts* node) {
             return node->report->wsrep().gcomm_uuid() == member.gcomm_uuid();
           });
  });
}

const DeadMember* FindDead(const Facts& facts, const std::string& gcomm_uuid) {
  const auto it = std::ranges::find(facts.dead_members, gcomm_uuid, &DeadMember::gcomm_uuid);
  return it == facts.dead_members.end() ? nullptr : &*it;
}

// The survivor after the one that did not do it.
const NodeFacts& NextSurvivor(const DeadMember& dead, const std::string& after) {
  const auto it = std::ranges::find_if(dead.survivors, [&](const NodeFacts* n) { return n->config->name() > after; });
  return it == dead.survivors.end() ? *dead.survivors.front() : **it;
}

v1::Eviction NewEviction(const DeadMember& dead, const std::string& after, BootTime now, v1::Decision& decision) {
  const NodeFacts& by = NextSurvivor(dead, after);
  v1::Eviction eviction;
  eviction.set_dbserver(dead.node->config->name());
  eviction.set_gcomm_uuid(dead.gcomm_uuid);
  eviction.set_by(by.config->name());
  eviction.set_nonce(by.report->nonce());
  *eviction.mutable_ordered_at() = ToProto(ToSinceBoot(now));
  v1::AuditRecord& record = *decision.add_records();
  record.set_kind("eviction");
  record.set_epoch(decision.next().epoch());
  record.set_text(
      absl::StrFormat("%s is ordered to evict %s (%s)", eviction.by(), eviction.dbserver(), eviction.gcomm_uuid()));
  const v1::ObservedExit& exit = dead.node->report->process().last_exit();
  record.add_evidence(absl::StrFormat("E3: the agent of %s saw process %d end", eviction.dbserver(), exit.pid()));
  return eviction;
}

void RecordEnd(const Facts& facts, const v1::Eviction& eviction, BootTime now, v1::Decision& decision) {
  const bool runs = FindByUuid(facts.nodes, eviction.gcomm_uuid()) != nullptr;
  const bool is_shown = std::ranges::any_of(facts.nodes, [&](const NodeFacts& node) {
    return AnswersAsPrimary(node) && ViewHas(*node.report, eviction.gcomm_uuid());
  });
  const std::string how = runs       ? "runs again"
                          : is_shown ? "is not known to be dead any more"
                                     : "is in no primary component any more that is seen";
  v1::AuditRecord& record = *decision.add_records();
  record.set_kind("eviction");
  record.set_epoch(decision.next().epoch());
  record.set_text(absl::StrFormat(
      "%s (%s) %s, %d ms after %s was ordered to evict it", eviction.dbserver(), eviction.gcomm_uuid(), how,
      absl::ToInt64Milliseconds(now - SinceBoot(FromProto(eviction.ordered_at()))), eviction.by()));
}

// The list of this node refuses somebody for nothing: the eviction is done, or he came in for all that. A list is
// cleared as a whole, so not while somebody on it is being evicted or has to be refused.
bool HasLeftovers(const NodeFacts& node, const v1::DurableState& durable) {
  const std::string& list = node.report->wsrep().evs_evict_list();
  const std::vector<std::string> uuids = absl::StrSplit(list, ',', absl::SkipWhitespace());
  return !uuids.empty() && std::ranges::none_of(uuids, [&](const std::string& uuid) {
    const auto& evictions = durable.evictions();
    const bool under_way = std::ranges::find(evictions, uuid, &v1::Eviction::gcomm_uuid) != evictions.end();
    return under_way || IsCountedOut(durable, uuid);
  });
}

void OrderClear(const v1::Configuration& config, const NodeFacts& node, std::uint64_t epoch, v1::Decision& decision) {
  v1::Order& order = *decision.add_orders();
  *order.mutable_receiver() = DbserverParty(config, node.config->name());
  order.mutable_evict_member()->set_epoch(epoch);
  order.mutable_evict_member()->set_nonce(node.report->nonce());
  order.mutable_evict_member()->set_clear(true);
}

}  // namespace

std::vector<DeadMember> FindDeadMembers(const Facts& facts) {
  std::vector<DeadMember> dead_members;
  for (const NodeFacts& node : facts.nodes) {
    DeadMember dead{.node = &node, .gcomm_uuid = DeadUuid(node)};
    if (dead.gcomm_uuid.empty() || FindByUuid(facts.nodes, dead.gcomm_uuid) != nullptr) continue;
    for (const NodeFacts& other : facts.nodes) {
      const bool listens = AnswersAsPrimary(other) && !other.report->nonce().empty();
      if (listens && ViewHas(*other.report, dead.gcomm_uuid) && SameLastView(other, node))
        dead.survivors.push_back(&other);
    }
    if (dead.survivors.empty()) continue;
    dead.quorum_stays = QuorumStays(facts, dead.survivors);
    dead.kept_by = WhoKeepsLists(facts, *dead.survivors.front()->report);
    dead_members.push_back(std::move(dead));
  }
  return dead_members;
}

bool CanEvict(const v1::Configuration& config, const Facts& facts, const DeadMember& dead) {
  if (config.promotion().eviction() != v1::Promotion::SWITCH_ON || !dead.kept_by.empty()) return false;
  const bool may_promote =
      config.promotion().mode() == v1::Promotion::MODE_AUTO && facts.held_down.value != v1::TERNARY_YES;
  return dead.quorum_stays || (may_promote && AllOthersProven(facts, dead));
}

void PlanEvictions(const v1::Configuration& config, const Facts& facts, BootTime now, bool more,
                   v1::Decision& decision) {
  const absl::Duration validity = FromProto(config.promotion().order_validity());
  std::vector<v1::Eviction> evictions;
  std::vector<std::string> known;
  for (const v1::Eviction& eviction : decision.next().evictions()) {
    const DeadMember* dead = FindDead(facts, eviction.gcomm_uuid());
    if (dead == nullptr) {
      RecordEnd(facts, eviction, now, decision);
      continue;
    }
    known.push_back(eviction.gcomm_uuid());
    const bool ran_out = now > SinceBoot(FromProto(eviction.ordered_at())) + validity;
    const bool by_lives =
        std::ranges::any_of(dead->survivors, [&](const NodeFacts* n) { return n->config->name() == eviction.by(); });
    const bool again = more && (ran_out || !by_lives) && CanEvict(config, facts, *dead);
    evictions.push_back(again ? NewEviction(*dead, eviction.by(), now, decision) : eviction);
  }
  for (const DeadMember& dead : facts.dead_members) {
    const bool is_known = std::ranges::find(known, dead.gcomm_uuid) != known.end();
    if (more && !is_known && CanEvict(config, facts, dead)) evictions.push_back(NewEviction(dead, "", now, decision));
  }
  std::ranges::sort(evictions, {}, &v1::Eviction::gcomm_uuid);
  decision.mutable_next()->mutable_evictions()->Assign(evictions.begin(), evictions.end());
}

void OrderEvictions(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  const std::uint64_t epoch = decision.next().epoch();
  std::map<std::string, v1::EvictMember> ordered;  // by survivor: all that it is to evict, with its newest report
  std::map<std::string, google::protobuf::Duration> newest;
  for (const v1::Eviction& eviction : decision.next().evictions()) {
    if (FindNode(facts, eviction.by()) == nullptr) continue;  // no longer configured
    v1::EvictMember& evict = ordered[eviction.by()];
    evict.set_epoch(epoch);
    google::protobuf::Duration& at = newest[eviction.by()];
    if (FromProto(eviction.ordered_at()) >= FromProto(at)) {
      at = eviction.ordered_at();
      evict.set_nonce(eviction.nonce());
    }
    v1::EvictMember::Dead& dead = *evict.add_dead();
    dead.set_gcomm_uuid(eviction.gcomm_uuid());
    dead.set_dbserver(eviction.dbserver());
  }
  for (const NodeFacts& node : facts.nodes) {
    const std::vector<std::string> missing = NotRefused(node, decision.next());
    if (missing.empty()) continue;
    v1::EvictMember& evict = ordered[node.config->name()];
    evict.set_epoch(epoch);
    if (evict.dead().empty()) evict.set_nonce(node.report->nonce());
    evict.mutable_counted_out()->Assign(missing.begin(), missing.end());
  }
  for (const auto& [by, evict] : ordered) {
    v1::Order& order = *decision.add_orders();
    *order.mutable_receiver() = DbserverParty(config, by);
    *order.mutable_evict_member() = evict;
  }
  for (const NodeFacts& node : facts.nodes) {
    const bool may_clear =
        AnswersAsPrimary(node) || (node.running == v1::TERNARY_YES && !IsOpen(decision.next().grant()));
    if (!ordered.contains(node.config->name()) && may_clear && HasLeftovers(node, decision.next()))
      OrderClear(config, node, epoch, decision);
  }
}

}  // namespace minder
