#include "common/core/last_primary.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_format.h"
#include "common/core/lookup.h"
#include "common/core/position.h"
#include "common/core/split_brain.h"

namespace minder {
namespace {

bool SameView(const v1::PrimaryView& a, const v1::PrimaryView& b) {
  return a.id() == b.id() && std::ranges::equal(a.members(), b.members());
}

// The garbd that has this uuid, by what is confirmed already or by a view that somebody is in.
std::optional<v1::Member> GarbdMember(const v1::Configuration& config, const std::string& uuid,
                                      const std::vector<NodeFacts>& nodes, const v1::DurableState& state) {
  const v1::GarbdConfig* garbd = nullptr;
  for (const v1::Member& known : state.confirmed().members()) {
    if (known.garbd() && known.gcomm_uuid() == uuid) garbd = FindByName(config.garbds(), known.dbserver());
  }
  for (const NodeFacts& node : nodes) {
    if (garbd == nullptr && node.running == v1::TERNARY_YES) garbd = FindGarbd(config, *node.report, uuid);
  }
  if (garbd == nullptr) return std::nullopt;
  v1::Member member;
  member.set_dbserver(garbd->name());
  member.set_gcomm_uuid(uuid);
  member.set_weight(static_cast<std::uint32_t>(garbd->weight()));
  member.set_garbd(true);
  return member;
}

// Every member of `view` runs, is seen, and names the same view and state; or is a garbd.
std::optional<v1::ConfirmedPrimary> Complete(const v1::Configuration& config, const v1::PrimaryView& view,
                                             const std::vector<NodeFacts>& nodes, const v1::DurableState& state) {
  v1::ConfirmedPrimary primary;
  if (view.id().empty()) return std::nullopt;
  *primary.mutable_view() = view;
  for (const std::string& uuid : view.members()) {
    const NodeFacts* node = FindByUuid(nodes, uuid);
    if (uuid.empty()) return std::nullopt;
    if (node == nullptr) {
      const auto garbd = GarbdMember(config, uuid, nodes, state);
      if (!garbd) return std::nullopt;
      *primary.add_members() = *garbd;
      continue;
    }
    if (!SameView(node->report->last_primary_view(), view)) return std::nullopt;
    const std::string& state_uuid = node->report->wsrep().local_state_uuid();
    if (!IsRealUuid(state_uuid)) return std::nullopt;
    if (!primary.state_uuid().empty() && primary.state_uuid() != state_uuid) return std::nullopt;
    primary.set_state_uuid(state_uuid);
    v1::Member& member = *primary.add_members();
    member.set_dbserver(node->config->name());
    member.set_gcomm_uuid(uuid);
    member.set_weight(node->report->provider_options().pc_weight());
  }
  if (primary.state_uuid().empty()) return std::nullopt;
  std::ranges::sort(*primary.mutable_members(), {}, &v1::Member::dbserver);
  return primary;
}

std::string ProofOf(const v1::ObservedExit& exit) {
  return absl::StrFormat("its agent saw process %d end (%s %d)", exit.pid(),
                         exit.signal() != 0 ? "signal" : "exit code", exit.signal() != 0 ? exit.signal() : exit.code());
}

// Galera's own quorum: no other part of the old component can have gone on.
bool HoldsMajority(const v1::ConfirmedPrimary& next, const v1::ConfirmedPrimary& last) {
  std::uint64_t all = 0;
  std::uint64_t kept = 0;
  for (const v1::Member& member : last.members()) {
    all += member.weight();
    if (FindMember(next, member.gcomm_uuid()) != nullptr) kept += member.weight();
  }
  return 2 * kept > all;
}

// It came of the grant that was made on the old component.
bool IsGranted(const v1::ConfirmedPrimary& next, const v1::ConfirmedPrimary& last, const v1::Grant& grant) {
  if (grant.view_id() != last.view().id() || grant.target().empty()) return false;
  const auto has = [&](const std::string& dbserver) {
    return std::ranges::find(next.members(), dbserver, &v1::Member::dbserver) != next.members().end();
  };
  return has(grant.target()) && std::ranges::none_of(grant.others(), has);
}

// Nobody of the old component can be primary anywhere else: each is in the new one, or is seen not to be primary. A
// garbd cannot by itself, unless it has the votes.
bool AllAccountedFor(const v1::ConfirmedPrimary& next, const v1::ConfirmedPrimary& last,
                     const std::vector<NodeFacts>& nodes) {
  std::vector<std::string> here;
  std::vector<std::string> elsewhere;
  for (const v1::Member& member : last.members())
    (FindMember(next, member.gcomm_uuid()) != nullptr ? here : elsewhere).push_back(member.gcomm_uuid());
  if (GarbdsMayBePrimary(last, here, elsewhere)) return false;
  return std::ranges::all_of(last.members(), [&](const v1::Member& member) {
    if (member.garbd() || FindMember(next, member.gcomm_uuid()) != nullptr) return true;
    return std::ranges::any_of(nodes, [&](const NodeFacts& node) {
      if (node.config->name() != member.dbserver()) return false;
      return node.primary == v1::TERNARY_NO ||
             (node.running == v1::TERNARY_YES && FindMember(next, node.report->wsrep().gcomm_uuid()) != nullptr);
    });
  });
}

bool IsSuccessor(const v1::ConfirmedPrimary& next, const std::vector<NodeFacts>& nodes, const v1::DurableState& state) {
  if (!state.has_confirmed()) return true;
  const v1::ConfirmedPrimary& last = state.confirmed();
  if (next.view().id() == last.view().id()) return SameView(next.view(), last.view());
  if (HoldsMajority(next, last)) return true;
  const auto data = std::ranges::find(next.members(), false, &v1::Member::garbd);
  const NodeFacts* member = FindByUuid(nodes, data->gcomm_uuid());
  const bool live = member != nullptr && member->primary == v1::TERNARY_YES;
  return live && (IsGranted(next, last, state.grant()) || AllAccountedFor(next, last, nodes));
}

// It runs: as a dbserver whose agent sees it, or as a garbd that somebody has in its view.
bool IsSeen(const v1::Member& member, const std::vector<NodeFacts>& nodes) {
  return std::ranges::any_of(nodes, [&](const NodeFacts& node) {
    if (node.running != v1::TERNARY_YES) return false;
    return member.garbd() ? ViewHas(*node.report, member.gcomm_uuid())
                          : node.report->wsrep().gcomm_uuid() == member.gcomm_uuid();
  });
}

}  // namespace

const NodeFacts* FindByUuid(const std::vector<NodeFacts>& nodes, const std::string& gcomm_uuid) {
  const auto it = std::ranges::find_if(nodes, [&](const NodeFacts& node) {
    return node.running == v1::TERNARY_YES && node.report->wsrep().gcomm_uuid() == gcomm_uuid;
  });
  return it == nodes.end() ? nullptr : &*it;
}

bool IgnoresQuorum(const v1::DbStatusReport& report) {
  return report.provider_options().ignore_sb() || report.provider_options().ignore_quorum();
}

const v1::Member* FindMember(const v1::ConfirmedPrimary& primary, const std::string& gcomm_uuid) {
  const auto it = std::ranges::find(primary.members(), gcomm_uuid, &v1::Member::gcomm_uuid);
  return it == primary.members().end() ? nullptr : &*it;
}

bool AnswersAsPrimary(const NodeFacts& node) {
  return node.primary == v1::TERNARY_YES && node.report->probe().healthy();
}

std::string DeadUuid(const NodeFacts& node) {
  if (!node.fresh || node.running != v1::TERNARY_NO || node.report->process().pid() != 0) return "";
  return node.report->process().last_exit().gcomm_uuid();
}

bool ViewHas(const v1::DbStatusReport& report, const std::string& gcomm_uuid) {
  return std::ranges::find(report.members(), gcomm_uuid, &v1::ViewMember::uuid) != report.members().end();
}

const v1::GarbdConfig* FindGarbd(const v1::Configuration& config, const v1::DbStatusReport& report,
                                 const std::string& gcomm_uuid) {
  const auto member = std::ranges::find(report.members(), gcomm_uuid, &v1::ViewMember::uuid);
  if (member == report.members().end() || !member->address().empty()) return nullptr;
  if (std::ranges::count(report.members(), member->name(), &v1::ViewMember::name) != 1) return nullptr;
  return FindByName(config.garbds(), member->name());
}

bool GarbdsMayBePrimary(const v1::ConfirmedPrimary& primary, const std::vector<std::string>& others,
                        const std::vector<std::string>& unseen) {
  const auto in = [](const std::vector<std::string>& uuids, const v1::Member& member) {
    return std::ranges::find(uuids, member.gcomm_uuid()) != uuids.end();
  };
  std::uint64_t all = 0;
  std::uint64_t alone = 0;
  for (const v1::Member& member : primary.members()) {
    all += member.weight();
    if (member.garbd() && !in(others, member)) alone += member.weight();
  }
  return 2 * alone > all || std::ranges::any_of(primary.members(), [&](const v1::Member& member) {
           return !member.garbd() && in(unseen, member) && member.weight() < alone;
         });
}

std::optional<v1::ConfirmedPrimary> ConfirmLastPrimary(const v1::Configuration& config,
                                                       const std::vector<NodeFacts>& nodes,
                                                       const v1::DurableState& state) {
  std::map<std::string, v1::ConfirmedPrimary> complete;
  for (const NodeFacts& node : nodes) {
    if (IsUnacknowledged(state)) break;  // neither side is the last one before a human has said so
    if (node.lost) continue;
    if (node.running != v1::TERNARY_YES || !node.report->has_last_primary_view()) continue;
    const v1::PrimaryView& view = node.report->last_primary_view();
    const std::string key = view.SerializeAsString();
    if (complete.contains(key)) continue;
    if (auto primary = Complete(config, view, nodes, state)) complete[key] = *std::move(primary);
  }
  if (complete.size() == 1 && IsSuccessor(complete.begin()->second, nodes, state)) return complete.begin()->second;
  if (state.has_confirmed()) return state.confirmed();
  return std::nullopt;
}

std::vector<v1::Death> DeathsIn(const std::optional<v1::ConfirmedPrimary>& confirmed,
                                const std::vector<NodeFacts>& nodes, const v1::DurableState& state) {
  std::map<std::string, v1::Death> deaths;
  if (!confirmed) return {};
  for (const v1::Death& death : state.deaths()) deaths[death.gcomm_uuid()] = death;
  for (const NodeFacts& node : nodes) {
    // A later process may have its uuid again, and be alive whatever became of the former one.
    if (node.running != v1::TERNARY_NO || !node.report->process().has_last_exit()) continue;
    // Its disk must name P: it may have gone on in a later primary component before it died, and holds that one's data.
    if (node.report->last_primary_view().id() != confirmed->view().id()) continue;
    const v1::ObservedExit& exit = node.report->process().last_exit();
    const auto member = std::ranges::find(confirmed->members(), exit.gcomm_uuid(), &v1::Member::gcomm_uuid);
    // An agent speaks of its own server only.
    if (member == confirmed->members().end() || member->dbserver() != node.config->name()) continue;
    v1::Death death;
    death.set_dbserver(node.config->name());
    death.set_gcomm_uuid(exit.gcomm_uuid());
    death.set_proof(ProofOf(exit));
    if (exit.has_position()) *death.mutable_position() = exit.position();
    deaths.emplace(exit.gcomm_uuid(), death);
  }
  std::vector<v1::Death> found;
  for (const v1::Member& member : confirmed->members()) {
    const auto it = deaths.find(member.gcomm_uuid());
    // gvwstate.dat brings a uuid back to life (galera.md section 2).
    if (it != deaths.end() && !IsSeen(member, nodes)) found.push_back(it->second);
  }
  std::ranges::sort(found, {}, &v1::Death::gcomm_uuid);
  return found;
}

}  // namespace minder
