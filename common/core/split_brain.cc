#include "common/core/split_brain.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/core/digest.h"
#include "common/core/last_primary.h"
#include "common/core/party.h"
#include "common/core/position.h"
#include "common/core/proto_time.h"

namespace minder {
namespace {

using Views = std::vector<const NodeFacts*>;  // nodes that are primary, one component

bool IsAcknowledged(const v1::SplitBrain& split) { return !split.acknowledged_by().empty(); }

bool IsReleased(const v1::DurableState& state, const std::string& dbserver, const std::string& split_id) {
  return std::ranges::any_of(state.releases(), [&](const v1::Release& release) {
    return release.dbserver() == dbserver && release.split_id() == split_id;
  });
}

void AddRelease(const std::string& dbserver, const std::string& split_id, v1::DurableState& state) {
  if (IsReleased(state, dbserver, split_id)) return;
  v1::Release& release = *state.add_releases();
  release.set_dbserver(dbserver);
  release.set_split_id(split_id);
  std::ranges::sort(*state.mutable_releases(), {}, &v1::Release::dbserver);
}

// Both were primary at one moment, with nobody in common, neither in the views that these nodes show nor in those that
// they have on disk: while components merge, a node may show the new status with the old members.
bool Disjoint(const NodeFacts& a, const NodeFacts& b) {
  // One may be gone since it was observed, and the other have come of it (two fresh reports, and never two components).
  if (a.age > b.age + b.primary_for || b.age > a.age + a.primary_for) return false;
  const auto shows = [&](const v1::ViewMember& member) { return ViewHas(*b.report, member.uuid()); };
  const auto& on_disk = b.report->last_primary_view().members();
  const auto names = [&](const std::string& uuid) { return std::ranges::find(on_disk, uuid) != on_disk.end(); };
  return std::ranges::none_of(a.report->members(), shows) &&
         std::ranges::none_of(a.report->last_primary_view().members(), names);
}

bool InPrimaryView(const NodeFacts& node) { return node.primary == v1::TERNARY_YES && !node.report->members().empty(); }

// The agent of this member had seen its process exit before `node` was observed.
bool HadExited(const v1::ViewMember& member, const NodeFacts& node, const std::vector<NodeFacts>& nodes) {
  return std::ranges::any_of(nodes, [&](const NodeFacts& other) {
    if (!other.fresh || other.running == v1::TERNARY_UNKNOWN) return false;
    const v1::ObservedExit& exit = other.report->process().last_exit();
    const bool again = other.running == v1::TERNARY_YES && other.report->wsrep().gcomm_uuid() == member.uuid();
    return !again && exit.gcomm_uuid() == member.uuid() && other.age + FromProto(exit.age()) > node.age;
  });
}

// Nothing is committed in a view that waits for a dead member: who shows one was frozen, or not heard, and is to come
// to a view of its own first.
bool WaitsForTheDead(const NodeFacts& node, const std::vector<NodeFacts>& nodes) {
  return std::ranges::any_of(node.report->members(),
                             [&](const v1::ViewMember& member) { return HadExited(member, node, nodes); });
}

// Who is primary, by component, when there are two without a common member (nothing else shows a split brain,
// galera.md section 1); empty otherwise. Whoever has members of several in its view tells of the past, and is left out.
std::vector<Views> DisjointComponents(const std::vector<NodeFacts>& nodes) {
  Views primary;
  for (const NodeFacts& node : nodes) {
    if (InPrimaryView(node) && !node.lost && !WaitsForTheDead(node, nodes)) primary.push_back(&node);
  }
  std::vector<Views> components;
  for (const NodeFacts* a : primary) {
    const auto b = std::ranges::find_if(primary, [&](const NodeFacts* other) { return Disjoint(*a, *other); });
    if (b == primary.end()) continue;
    components = {{a}, {*b}};
    break;
  }
  if (components.empty()) return {};
  for (const NodeFacts* node : primary) {
    std::vector<Views*> met;
    for (Views& component : components) {
      if (!Disjoint(*component.front(), *node)) met.push_back(&component);
    }
    if (met.empty()) components.push_back({node});
    if (met.size() == 1 && met.front()->front() != node) met.front()->push_back(node);
  }
  return components;
}

// The configured dbserver behind a member of a view: by what it says of itself, or else by the label in the view.
std::string DbserverOf(const v1::ViewMember& member, const std::vector<NodeFacts>& nodes) {
  for (const NodeFacts& node : nodes) {
    if (node.report != nullptr && node.report->wsrep().gcomm_uuid() == member.uuid()) return node.config->name();
  }
  const auto it = std::ranges::find_if(nodes, [&](const NodeFacts& n) { return n.config->name() == member.name(); });
  return it == nodes.end() ? "" : it->config->name();
}

v1::SplitSide SideOf(const Views& component, const std::vector<NodeFacts>& nodes,
                     const std::optional<v1::ConfirmedPrimary>& confirmed) {
  std::map<std::string, v1::SplitMember> members;
  v1::SplitSide side;
  for (const NodeFacts* node : component) {
    for (const v1::ViewMember& member : node->report->members()) {
      const std::string name = DbserverOf(member, nodes);
      if (!name.empty()) members[name].set_dbserver(name);
    }
    v1::SplitMember& self = members[node->config->name()];
    self.set_dbserver(node->config->name());
    self.set_conf_id(node->report->wsrep().cluster_conf_id());
    self.mutable_position()->set_uuid(node->report->wsrep().local_state_uuid());
    self.mutable_position()->set_seqno(node->report->wsrep().last_committed());
    if (confirmed && node->report->last_primary_view().id() == confirmed->view().id()) side.set_confirmed(true);
  }
  for (auto& [name, member] : members) *side.add_members() = member;
  return side;
}

std::vector<v1::SplitSide> SidesSeen(const std::vector<NodeFacts>& nodes,
                                     const std::optional<v1::ConfirmedPrimary>& confirmed) {
  std::vector<v1::SplitSide> sides;
  for (const Views& component : DisjointComponents(nodes)) sides.push_back(SideOf(component, nodes, confirmed));
  std::ranges::sort(sides, {}, [](const v1::SplitSide& side) { return side.members(0).dbserver(); });
  return sides;
}

bool Has(const v1::SplitSide& side, const std::string& dbserver) {
  return std::ranges::find(side.members(), dbserver, &v1::SplitMember::dbserver) != side.members().end();
}

bool InAnySide(const v1::SplitBrain& split, const std::string& dbserver) {
  return std::ranges::any_of(split.sides(), [&](const v1::SplitSide& side) { return Has(side, dbserver); });
}

// Whoever is seen on a side and was on none belongs to it from now on; a third component becomes a side.
void AddSeen(const v1::SplitSide& seen, v1::SplitBrain& split) {
  const auto side = std::ranges::find_if(*split.mutable_sides(), [&](const v1::SplitSide& known) {
    return std::ranges::any_of(seen.members(), [&](const v1::SplitMember& m) { return Has(known, m.dbserver()); });
  });
  if (side == split.mutable_sides()->end()) {
    *split.add_sides() = seen;
    return;
  }
  for (const v1::SplitMember& member : seen.members()) {
    const auto known = std::ranges::find(*side->mutable_members(), member.dbserver(), &v1::SplitMember::dbserver);
    if (known != side->mutable_members()->end()) {
      if (!known->has_position()) *known = member;  // named by others until now
    } else if (!InAnySide(split, member.dbserver())) {
      *side->add_members() = member;
    }
  }
  std::ranges::sort(*side->mutable_members(), {}, &v1::SplitMember::dbserver);
}

v1::SplitBrain NewSplitBrain(const std::vector<v1::SplitSide>& sides, const std::vector<NodeFacts>& nodes) {
  v1::SplitBrain split;
  Digest id;
  for (const v1::SplitSide& side : sides) {
    *split.add_sides() = side;
    for (const v1::SplitMember& member : side.members()) id.Add(member.dbserver());
  }
  for (const NodeFacts& node : nodes) {
    if (InPrimaryView(node)) id.Add(node.report->wsrep().gcomm_uuid() + node.report->last_primary_view().id());
  }
  split.set_id(id.Hex());
  return split;
}

// Its agent is heard, and is not held down by this split brain.
bool IsFreeOf(const NodeFacts& node, const std::string& split_id) {
  return node.fresh && node.report->hold().split_id() != split_id;
}

// Everybody is released and knows it.
bool IsOver(const v1::SplitBrain& split, const std::vector<NodeFacts>& nodes, const v1::DurableState& state) {
  return IsAcknowledged(split) && std::ranges::all_of(nodes, [&](const NodeFacts& node) {
           return IsFreeOf(node, split.id()) && IsReleased(state, node.config->name(), split.id());
         });
}

std::string SideName(const v1::SplitSide& side) {
  return absl::StrJoin(side.members(), "+",
                       [](std::string* out, const v1::SplitMember& m) { out->append(m.dbserver()); });
}

// The member of a side that had most when it was recorded.
const v1::SplitMember& Farthest(const v1::SplitSide& side) {
  return *std::ranges::max_element(side.members(), {}, [](const v1::SplitMember& m) {
    return m.position().uuid().empty() ? -1 : m.position().seqno();
  });
}

std::string SideText(const v1::SplitSide& side) {
  if (side.members().empty()) return "nobody";
  const v1::SplitMember& member = Farthest(side);
  return absl::StrFormat("%s (%s:%d, conf_id %d)", SideName(side), member.position().uuid(), member.position().seqno(),
                         member.conf_id());
}

std::string SplitText(const v1::SplitBrain& split) {
  return absl::StrJoin(split.sides(), " and ",
                       [](std::string* out, const v1::SplitSide& side) { out->append(SideText(side)); });
}

void RecordSplit(const std::string& text, v1::Decision& decision) {
  v1::AuditRecord& record = *decision.add_records();
  record.set_kind("split_brain");
  record.set_epoch(decision.next().epoch());
  record.set_text(text);
}

// Lost, and primary in a component that nobody of the others is in.
std::vector<std::string> LostAndPrimary(const Facts& facts) {
  std::vector<std::string> names;
  for (const NodeFacts& node : facts.nodes) {
    if (!node.lost || !InPrimaryView(node)) continue;
    const bool rejoined = std::ranges::any_of(facts.nodes, [&](const NodeFacts& other) {
      return !other.lost && InPrimaryView(other) && !Disjoint(node, other);
    });
    if (!rejoined) names.push_back(node.config->name());
  }
  return names;
}

const v1::SplitSide* FindSide(const v1::SplitBrain& split, const std::string& keep) {
  std::vector<std::string> names = absl::StrSplit(keep, '+');
  std::ranges::sort(names);
  const auto it = std::ranges::find_if(split.sides(), [&](const v1::SplitSide& side) {
    return names.size() == 1 ? Has(side, names[0])
                             : std::ranges::equal(side.members(), names, {}, &v1::SplitMember::dbserver);
  });
  return it == split.sides().end() ? nullptr : &*it;
}

// Where a member stands by its last report, stopped or not.
std::string PositionNow(const NodeFacts& node) {
  const v1::DbStatusReport& report = *node.report;
  const v1::Position stopped = PositionOf(report.stopped());
  if (report.has_wsrep()) {
    return absl::StrFormat("%s:%d, conf_id %d", report.wsrep().local_state_uuid(), report.wsrep().last_committed(),
                           report.wsrep().cluster_conf_id());
  }
  return stopped.uuid().empty() ? "position not known" : absl::StrFormat("%s:%d", stopped.uuid(), stopped.seqno());
}

std::string MemberText(const v1::SplitMember& member, const NodeFacts* node) {
  const std::string then = member.has_position()
                               ? absl::StrFormat("was at %s:%d", member.position().uuid(), member.position().seqno())
                               : "where it was is not known";
  if (node == nullptr || node->report == nullptr) return absl::StrFormat("%s: silent; %s", member.dbserver(), then);
  const char* state = !node->fresh                       ? "silent"
                      : node->running == v1::TERNARY_NO  ? "stopped"
                      : node->primary == v1::TERNARY_YES ? "primary"
                                                         : "not primary";
  return absl::StrFormat("%s: %s, %s; %s when it was seen", member.dbserver(), state, PositionNow(*node), then);
}

}  // namespace

bool IsHeld(const v1::DurableState& state, const std::string& dbserver) {
  return state.has_split_brain() && !IsReleased(state, dbserver, state.split_brain().id());
}

bool IsLost(const v1::DurableState& state, const std::string& dbserver) {
  return IsHeld(state, dbserver) && IsAcknowledged(state.split_brain());
}

bool IsUnacknowledged(const v1::DurableState& state) {
  return state.has_split_brain() && !IsAcknowledged(state.split_brain());
}

std::optional<v1::SplitBrain> UpdateSplitBrain(const std::vector<NodeFacts>& nodes,
                                               const std::optional<v1::ConfirmedPrimary>& confirmed,
                                               const v1::DurableState& state) {
  const std::vector<v1::SplitSide> seen = SidesSeen(nodes, confirmed);
  if (!IsUnacknowledged(state) && !seen.empty()) return NewSplitBrain(seen, nodes);
  if (!state.has_split_brain() || IsOver(state.split_brain(), nodes, state)) return std::nullopt;
  v1::SplitBrain split = state.split_brain();
  for (const v1::SplitSide& side : seen) AddSeen(side, split);
  return split;
}

Fact SplitBrainSeen(const Facts& facts, const v1::DurableState& state) {
  if (facts.split && !IsAcknowledged(*facts.split)) {
    return {
        .value = v1::TERNARY_YES,
        .detail = absl::StrFormat("%s were primary components at once; until a human says which one stays, nothing is "
                                  "started, promoted or evicted",
                                  SplitText(*facts.split))};
  }
  if (const std::vector<std::string> names = LostAndPrimary(facts); !names.empty()) {
    return {.value = v1::TERNARY_YES,
            .detail = absl::StrFormat("%s, still primary, has to be stopped: another side stays, says %s",
                                      absl::StrJoin(names, ", "), state.split_brain().acknowledged_by())};
  }
  return {.value = v1::TERNARY_NO, .detail = "no two primary components are seen"};
}

void KeepSplitBrain(const Facts& facts, v1::Decision& decision) {
  v1::DurableState& next = *decision.mutable_next();
  const v1::SplitBrain before = next.split_brain();
  if (facts.split) *next.mutable_split_brain() = *facts.split;
  if (!facts.split && next.has_split_brain()) {
    next.clear_split_brain();
    RecordSplit("the split brain is over: nobody is held down any more", decision);
  }
  if (facts.split && before.SerializeAsString() != facts.split->SerializeAsString())
    RecordSplit(absl::StrFormat("split brain: %s; every dbserver is held down", SplitText(*facts.split)), decision);
  for (const NodeFacts& node : facts.nodes) {
    if (!node.lost || !node.fresh || !node.report->hold().fresh_data()) continue;
    if (node.report->hold().split_id() != next.split_brain().id()) continue;
    AddRelease(node.config->name(), next.split_brain().id(), next);
    RecordSplit(absl::StrFormat("%s is released: its data directory was replaced", node.config->name()), decision);
  }
  const auto is_told = [&](const v1::Release& release) {
    const NodeFacts* node = FindNode(facts, release.dbserver());
    const bool in_force = next.has_split_brain() && next.split_brain().id() == release.split_id();
    return !in_force && (node == nullptr || IsFreeOf(*node, release.split_id()));
  };
  auto& releases = *next.mutable_releases();
  releases.erase(std::remove_if(releases.begin(), releases.end(), is_told), releases.end());
}

void OrderHoldDown(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  const v1::DurableState& next = decision.next();
  const auto tell = [&](const std::string& dbserver, const std::string& split_id, v1::HoldDown::Action action) {
    v1::Order& order = *decision.add_orders();
    *order.mutable_receiver() = DbserverParty(config, dbserver);
    order.mutable_hold_down()->set_split_id(split_id);
    order.mutable_hold_down()->set_action(action);
  };
  for (const NodeFacts& node : facts.nodes) {
    const std::string& name = node.config->name();
    if (IsHeld(next, name)) {
      tell(name, next.split_brain().id(),
           IsLost(next, name) ? v1::HoldDown::ACTION_REBUILD : v1::HoldDown::ACTION_HOLD);
      continue;
    }
    for (const v1::Release& release : next.releases()) {
      if (release.dbserver() == name && !IsFreeOf(node, release.split_id()))
        tell(name, release.split_id(), v1::HoldDown::ACTION_RELEASE);
    }
  }
}

std::vector<std::string> Barred(const v1::Configuration& config, const v1::DurableState& state) {
  if (!state.has_split_brain()) return {};
  const v1::SplitBrain& split = state.split_brain();
  const auto goes_on = std::ranges::find_if(
      split.sides(), [&](const v1::SplitSide& side) { return IsAcknowledged(split) ? side.kept() : side.confirmed(); });
  if (goes_on == split.sides().end()) return {};
  std::vector<std::string> barred;
  for (const v1::DbserverConfig& node : config.dbservers()) {
    if (IsHeld(state, node.name()) && !Has(*goes_on, node.name())) barred.push_back(node.name());
  }
  return barred;
}

std::vector<std::string> RebuildCommands(const NodeFacts& node) {
  const v1::ManageConfig& manage = node.config->manage();
  const std::string& data = node.config->data_dir();
  const bool systemd = manage.mode() == v1::ManageConfig::MODE_SYSTEMD;
  std::vector<std::string> commands;
  if (node.running != v1::TERNARY_NO) {
    commands.push_back(systemd ? absl::StrFormat("systemctl stop %s", manage.unit())
                               : absl::StrFormat("kill $(cat %s) && while test -e %s; do sleep 1; done",
                                                 manage.pid_file(), manage.pid_file()));
  }
  commands.push_back(absl::StrFormat("mv %s %s.split-brain", data, data));
  commands.push_back(
      absl::StrFormat("mkdir %s && chown --reference=%s.split-brain %s && chmod --reference=%s.split-brain %s", data,
                      data, data, data, data));
  if (systemd) commands.push_back(absl::StrFormat("systemctl start %s", manage.unit()));
  return commands;
}

std::vector<std::string> ExplainSplitBrain(const Facts& facts, const v1::DurableState& state) {
  std::vector<std::string> lines;
  if (!facts.split) return lines;
  for (const v1::SplitSide& side : facts.split->sides()) {
    const char* what = side.kept() ? ", which stays" : side.confirmed() ? ", the last one that was confirmed" : "";
    lines.push_back(absl::StrFormat("%s%s:", SideName(side), what));
    for (const v1::SplitMember& member : side.members())
      lines.push_back("  " + MemberText(member, FindNode(facts, member.dbserver())));
  }
  for (const NodeFacts& node : facts.nodes) {
    if (!IsLost(state, node.config->name())) continue;
    lines.push_back(absl::StrFormat("%s is to be rebuilt; on its host, %s:", node.config->name(),
                                    node.config->manage().mode() == v1::ManageConfig::MODE_SYSTEMD
                                        ? "step by step"
                                        : "after which its agent starts it"));
    for (const std::string& command : RebuildCommands(node)) lines.push_back("  " + command);
  }
  return lines;
}

std::string SplitBrainCommand(const Facts& facts, const v1::DurableState& state) {
  if (!facts.split || facts.split->sides().empty()) return "";
  if (!IsAcknowledged(*facts.split)) {
    const auto& sides = facts.split->sides();
    const auto confirmed = std::ranges::find_if(sides, &v1::SplitSide::confirmed);
    return absl::StrFormat("minderctl acknowledge --keep=%s --reason=WHY",
                           SideName(confirmed == sides.end() ? sides[0] : *confirmed));
  }
  for (const NodeFacts& node : facts.nodes) {
    if (IsLost(state, node.config->name()))
      return absl::StrFormat("on %s: %s", node.config->name(), absl::StrJoin(RebuildCommands(node), " && "));
  }
  return "";
}

Refusal RefuseAcknowledge(const v1::DurableState& state, const std::string& keep) {
  if (!state.has_split_brain()) {
    return {.reason = "NO_SPLIT_BRAIN",
            .rule = "R020",
            .message = "there is no split brain to acknowledge",
            .cure = "minderctl status_summary shows who serves"};
  }
  const v1::SplitBrain& split = state.split_brain();
  if (IsAcknowledged(split)) {
    return {.reason = "ACKNOWLEDGED",
            .rule = "R020",
            .message = absl::StrFormat("which side stays was said already, by %s", split.acknowledged_by()),
            .cure = "minderctl explain shows who is still to be rebuilt"};
  }
  if (FindSide(split, keep) != nullptr) return {};
  return {.reason = "NOT_A_SIDE",
          .rule = "R020",
          .message = absl::StrFormat("%s is no side of this split brain: %s", keep, SplitText(split)),
          .cure = "name one of them, by all of its members or by one"};
}

std::string SplitBrainDigest(const Facts& facts, const v1::DurableState& state) {
  Digest digest;
  digest.Add(state.split_brain().id());
  for (const v1::SplitSide& side : state.split_brain().sides()) digest.Add(SideName(side));
  for (const NodeFacts& node : facts.nodes) {
    digest.Add(node.fresh);
    digest.Add(node.running);
    digest.Add(node.primary);
  }
  return digest.Hex();
}

v1::DurableState WithAcknowledgement(v1::DurableState state, const std::string& keep, const std::string& by) {
  v1::SplitBrain& split = *state.mutable_split_brain();
  const v1::SplitSide* kept = FindSide(split, keep);
  for (v1::SplitSide& side : *split.mutable_sides()) side.set_kept(&side == kept);
  split.set_acknowledged_by(by);
  for (const v1::SplitMember& member : kept->members()) AddRelease(member.dbserver(), split.id(), state);
  if (!kept->confirmed()) {
    state.clear_confirmed();
    state.clear_deaths();
  }
  return state;
}

Refusal RefuseRelease(const Facts& facts, const v1::DurableState& state, const std::string& dbserver) {
  const NodeFacts* node = FindNode(facts, dbserver);
  const bool says_so = node != nullptr && node->report != nullptr && node->report->has_hold();
  if (!IsHeld(state, dbserver) && !says_so) {
    return {.reason = "NOT_HELD",
            .rule = "O10",
            .message = absl::StrFormat("%s is not held down", dbserver),
            .cure = "minderctl status_summary shows what it does"};
  }
  if (IsUnacknowledged(state)) {
    return {.reason = "NOT_ACKNOWLEDGED",
            .rule = "R020",
            .message = "nobody has said yet which side of the split brain stays",
            .cure = SplitBrainCommand(facts, state)};
  }
  const std::vector<std::string> apart = LostAndPrimary(facts);
  if (std::ranges::find(apart, dbserver) == apart.end()) return {};
  return {.reason = "STILL_PRIMARY",
          .rule = "O10",
          .message = absl::StrFormat("%s is still primary, apart from the side that stays", dbserver),
          .cure = absl::StrFormat("stop it first, on its host: %s", RebuildCommands(*node).front())};
}

v1::DurableState WithRelease(v1::DurableState state, const Facts& facts, const std::string& dbserver) {
  const NodeFacts* node = FindNode(facts, dbserver);
  if (IsHeld(state, dbserver)) AddRelease(dbserver, state.split_brain().id(), state);
  if (node != nullptr && node->report != nullptr && node->report->has_hold())
    AddRelease(dbserver, node->report->hold().split_id(), state);
  return state;
}

}  // namespace minder
