#include "common/core/last_primary.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_format.h"
#include "common/core/position.h"

namespace minder {
namespace {

bool SameView(const v1::PrimaryView& a, const v1::PrimaryView& b) {
  return a.id() == b.id() && std::ranges::equal(a.members(), b.members());
}

// Every member of `view` runs, is seen, and names the same view and state.
std::optional<v1::ConfirmedPrimary> Complete(const v1::PrimaryView& view, const std::vector<NodeFacts>& nodes) {
  v1::ConfirmedPrimary primary;
  if (view.id().empty()) return std::nullopt;
  *primary.mutable_view() = view;
  for (const std::string& uuid : view.members()) {
    const NodeFacts* node = FindByUuid(nodes, uuid);
    if (uuid.empty() || node == nullptr || !SameView(node->report->last_primary_view(), view)) return std::nullopt;
    const std::string& state_uuid = node->report->wsrep().local_state_uuid();
    if (!IsRealUuid(state_uuid)) return std::nullopt;
    if (!primary.state_uuid().empty() && primary.state_uuid() != state_uuid) return std::nullopt;
    primary.set_state_uuid(state_uuid);
    v1::Member& member = *primary.add_members();
    member.set_dbserver(node->config->name());
    member.set_gcomm_uuid(uuid);
    member.set_weight(node->report->provider_options().pc_weight());
  }
  if (primary.members().empty()) return std::nullopt;
  std::ranges::sort(*primary.mutable_members(), {}, &v1::Member::dbserver);
  return primary;
}

std::string ProofOf(const v1::ObservedExit& exit) {
  return absl::StrFormat("its agent saw process %d end (%s %d)", exit.pid(),
                         exit.signal() != 0 ? "signal" : "exit code", exit.signal() != 0 ? exit.signal() : exit.code());
}

bool IsIn(const v1::ConfirmedPrimary& primary, const std::string& gcomm_uuid) {
  return std::ranges::find(primary.members(), gcomm_uuid, &v1::Member::gcomm_uuid) != primary.members().end();
}

// Galera's own quorum: no other part of the old component can have gone on.
bool HoldsMajority(const v1::ConfirmedPrimary& next, const v1::ConfirmedPrimary& last) {
  std::uint64_t all = 0;
  std::uint64_t kept = 0;
  for (const v1::Member& member : last.members()) {
    all += member.weight();
    if (IsIn(next, member.gcomm_uuid())) kept += member.weight();
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

// Nobody of the old component can be primary anywhere else: each is in the new one, or is seen not to be primary.
bool AllAccountedFor(const v1::ConfirmedPrimary& next, const v1::ConfirmedPrimary& last,
                     const std::vector<NodeFacts>& nodes) {
  return std::ranges::all_of(last.members(), [&](const v1::Member& member) {
    if (IsIn(next, member.gcomm_uuid())) return true;
    return std::ranges::any_of(nodes, [&](const NodeFacts& node) {
      if (node.config->name() != member.dbserver()) return false;
      return node.primary == v1::TERNARY_NO ||
             (node.running == v1::TERNARY_YES && IsIn(next, node.report->wsrep().gcomm_uuid()));
    });
  });
}

bool IsSuccessor(const v1::ConfirmedPrimary& next, const std::vector<NodeFacts>& nodes, const v1::DurableState& state) {
  if (!state.has_confirmed()) return true;
  const v1::ConfirmedPrimary& last = state.confirmed();
  if (next.view().id() == last.view().id()) return SameView(next.view(), last.view());
  if (HoldsMajority(next, last)) return true;
  const NodeFacts* member = FindByUuid(nodes, next.members(0).gcomm_uuid());
  const bool live = member != nullptr && member->primary == v1::TERNARY_YES;
  return live && (IsGranted(next, last, state.grant()) || AllAccountedFor(next, last, nodes));
}

}  // namespace

const NodeFacts* FindByUuid(const std::vector<NodeFacts>& nodes, const std::string& gcomm_uuid) {
  const auto it = std::ranges::find_if(nodes, [&](const NodeFacts& node) {
    return node.running == v1::TERNARY_YES && node.report->wsrep().gcomm_uuid() == gcomm_uuid;
  });
  return it == nodes.end() ? nullptr : &*it;
}

bool ViewHas(const v1::DbStatusReport& report, const std::string& gcomm_uuid) {
  return std::ranges::find(report.members(), gcomm_uuid, &v1::ViewMember::uuid) != report.members().end();
}

std::optional<v1::ConfirmedPrimary> ConfirmLastPrimary(const std::vector<NodeFacts>& nodes,
                                                       const v1::DurableState& state) {
  std::map<std::string, v1::ConfirmedPrimary> complete;
  for (const NodeFacts& node : nodes) {
    if (node.running != v1::TERNARY_YES || !node.report->has_last_primary_view()) continue;
    const v1::PrimaryView& view = node.report->last_primary_view();
    const std::string key = view.SerializeAsString();
    if (complete.contains(key)) continue;
    if (auto primary = Complete(view, nodes)) complete[key] = *std::move(primary);
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
    deaths.emplace(exit.gcomm_uuid(), death);
  }
  std::vector<v1::Death> found;
  for (const v1::Member& member : confirmed->members()) {
    const auto it = deaths.find(member.gcomm_uuid());
    // gvwstate.dat brings a uuid back to life (galera.md section 2).
    if (it != deaths.end() && FindByUuid(nodes, member.gcomm_uuid()) == nullptr) found.push_back(it->second);
  }
  std::ranges::sort(found, {}, &v1::Death::gcomm_uuid);
  return found;
}

}  // namespace minder
