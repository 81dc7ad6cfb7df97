#include "tests/fuzz/oracle.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/proto_time.h"

namespace minder {
namespace {

constexpr std::string_view kZeroUuid = "00000000-0000-0000-0000-000000000000";

using Names = google::protobuf::RepeatedPtrField<std::string>;

bool In(const Names& names, const std::string& name) { return std::ranges::find(names, name) != names.end(); }

bool Same(const Names& a, const Names& b) { return std::ranges::equal(a, b); }

bool IsOpen(const v1::Grant& grant) {
  return grant.state() == v1::GRANT_STATE_FREEZING || grant.state() == v1::GRANT_STATE_ORDERED;
}

// Whatever else it says.
bool SaysPrimary(const v1::DbStatusReport& report) {
  return report.primary() == v1::TERNARY_YES || report.wsrep().cluster_status() == v1::CLUSTER_STATUS_PRIMARY;
}

class Oracle {
 public:
  Oracle(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now, const v1::Decision& decision)
      : config_(config), state_(state), now_(now), before_(state.durable()), next_(decision.next()), it_(decision) {}

  std::string Judge() {
    JudgeGrant();
    JudgeEvictions();
    JudgeConfirmed();
    JudgeDrains();
    JudgeOrders();
    return absl::StrJoin(wrong_, "\n");
  }

 private:
  void Must(bool holds, const std::string& what) {
    if (!holds) wrong_.push_back(what);
  }

  const v1::DbStatusReport* Known(const std::string& dbserver) const {
    const auto& configured = config_.dbservers();
    if (std::ranges::find(configured, dbserver, &v1::DbserverConfig::name) == configured.end()) return nullptr;
    const auto it = std::ranges::find(state_.dbservers(), dbserver, &v1::DbserverKnowledge::name);
    return it == state_.dbservers().end() ? nullptr : &it->report();
  }

  const v1::DbStatusReport* Fresh(const std::string& dbserver) const {
    const v1::DbStatusReport* report = Known(dbserver);
    if (report == nullptr) return nullptr;
    const auto known = std::ranges::find(state_.dbservers(), dbserver, &v1::DbserverKnowledge::name);
    const absl::Duration since = now_ - SinceBoot(FromProto(known->received_at()));
    const absl::Duration age =
        since + FromProto(known->on_its_way()) + std::max(FromProto(report->age()), absl::ZeroDuration());
    return age <= FromProto(config_.timings().fresh_for()) ? report : nullptr;
  }

  template <typename Condition>
  bool AnyFresh(Condition condition) const {
    return std::ranges::any_of(config_.dbservers(), [&](const v1::DbserverConfig& node) {
      const v1::DbStatusReport* report = Fresh(node.name());
      return report != nullptr && condition(*report);
    });
  }

  bool Runs(const std::string& gcomm_uuid) const {
    return AnyFresh([&](const v1::DbStatusReport& report) {
      return report.running() == v1::TERNARY_YES && report.wsrep().gcomm_uuid() == gcomm_uuid;
    });
  }

  bool Recorded(std::string_view kind, std::uint64_t epoch) const {
    return std::ranges::any_of(it_.records(),
                               [&](const v1::AuditRecord& r) { return r.kind() == kind && r.epoch() == epoch; });
  }

  bool Paused() const { return before_.has_pause() && SinceBoot(FromProto(before_.pause().until())) > now_; }

  void JudgeGrant() {
    const v1::Grant& old = before_.grant();
    const v1::Grant& grant = next_.grant();
    Must(next_.epoch() >= before_.epoch(), "the epoch falls");
    if (IsOpen(old) && IsOpen(grant)) {
      Must(old.epoch() == grant.epoch(), "two grants at once");
      Must(old.view_id() == grant.view_id() && absl::StrJoin(old.group(), "+") == absl::StrJoin(grant.group(), "+"),
           "a grant for another group than was recorded");
    }
    if (!IsOpen(old) && IsOpen(grant)) JudgeBeginning(grant);
    if (old.state() == v1::GRANT_STATE_ORDERED && grant.state() == v1::GRANT_STATE_ORDERED) {
      Must(old.SerializeAsString() == grant.SerializeAsString(), "an order is changed after it was given");
    } else if (grant.state() == v1::GRANT_STATE_ORDERED) {
      JudgeOrdering(grant);
    }
    if (old.state() == v1::GRANT_STATE_ORDERED && !IsOpen(grant)) JudgeEnd(grant);
    if (IsOpen(old) != IsOpen(grant)) Must(Recorded("grant", grant.epoch()), "a grant begins or ends without a record");
  }

  void JudgeBeginning(const v1::Grant& grant) {
    Must(grant.epoch() == next_.epoch() && grant.epoch() > before_.epoch(), "the epoch does not rise");
    for (const v1::DbserverConfig& node : config_.dbservers()) {
      const v1::DbStatusReport* report = Known(node.name());
      Must(report == nullptr || report->highest_epoch() < grant.epoch(), "an epoch that an agent has seen");
    }
    const bool by_itself = config_.promotion().mode() == v1::Promotion::MODE_AUTO;
    if (grant.bootstrap()) {
      const std::string& reason = before_.recovery().reason();
      Must(by_itself || !reason.empty(), "nobody asked for a recovery");
      Must(grant.forced_by().empty() || grant.forced_by() == reason, "forced by nobody");
      return JudgeFullStop(grant);
    }
    Must(by_itself || before_.has_request(), "nobody asked for a promotion");
    const BootTime held_until =
        SinceBoot(FromProto(before_.last_promotion().ordered_at())) + FromProto(config_.promotion().hold_down());
    Must(before_.has_request() || !before_.has_last_promotion() || now_ >= held_until, "not held down");
    Must(!before_.has_split_brain() || !before_.split_brain().acknowledged_by().empty(),
         "promoted before a human ended the split brain");
    Must(grant.forced_by().empty() || before_.request().force(), "forced by nobody");
    JudgeProof(grant, false);
  }

  void JudgeOrdering(const v1::Grant& grant) {
    for (const std::string& other : grant.others()) {
      const auto left = std::ranges::find(next_.left_behind(), other, &v1::LeftBehind::dbserver);
      Must(left != next_.left_behind().end() && left->has_not_beyond(), other + " is left behind without a limit");
    }
    Must(Recorded("grant", grant.epoch()), "ordered without a record");
    Must(In(grant.group(), grant.target()), "the target is not in the group");
    const v1::DbStatusReport* target = Fresh(grant.target());
    Must(target != nullptr && !grant.nonce().empty() && target->nonce() == grant.nonce(),
         "the order quotes no fresh report of its target");
    if (grant.bootstrap()) return JudgeFullStop(grant);
    JudgeProof(grant, true);
  }

  // Everybody is stopped, or given up, and nobody who counts holds more, or other data. When the order is given,
  // everybody who is seen has cleared what would bootstrap him, and all but the first have promised.
  void JudgeFullStop(const v1::Grant& grant) {
    Must(!Paused(), "started first during a pause");
    Must(!AnyFresh(SaysPrimary), "started first beside a primary component");
    Must(grant.group_size() == 1 && grant.group(0) == grant.target(), "more than one is started first");
    const v1::DbStatusReport* target = Fresh(grant.target());
    if (target == nullptr || !IsStopped(*target)) return Must(false, "the first node is not seen to be stopped");
    const v1::Position source = OnDisk(*target);
    Must(!source.uuid().empty() && source.uuid() != kZeroUuid && source.seqno() >= 0, "the first node holds no data");
    const auto left = std::ranges::find(before_.left_behind(), grant.target(), &v1::LeftBehind::dbserver);
    const bool beyond = left != before_.left_behind().end() && left->has_not_beyond() &&
                        (left->not_beyond().uuid() != source.uuid() || left->not_beyond().seqno() < source.seqno());
    const bool alone = std::ranges::all_of(config_.dbservers(), [&](const v1::DbserverConfig& node) {
      return node.name() == grant.target() || IsGivenUp(node.name());
    });
    Must(!beyond || alone, "the first node was left behind, and went on alone");
    for (const v1::DbserverConfig& node : config_.dbservers()) {
      const v1::DbStatusReport* report = Fresh(node.name());
      const bool is_target = node.name() == grant.target();
      if (grant.state() == v1::GRANT_STATE_ORDERED && report != nullptr) {
        Must(Says(*report, v1::Message::kRecoverFieldNumber, grant.epoch(), v1::ORDER_OUTCOME_DONE),
             node.name() + " has not cleared what would bootstrap it");
        Must(is_target || (report->freeze().frozen() && report->freeze().epoch() >= grant.epoch()),
             node.name() + " has not promised");
      }
      if (is_target) continue;
      Must(In(grant.others(), node.name()), node.name() + " is forgotten");
      if (IsGivenUp(node.name())) continue;
      if (report == nullptr || !IsStopped(*report)) {
        Must(false, node.name() + " is neither stopped nor given up");
        continue;
      }
      const v1::Position other = OnDisk(*report);
      Must(other.uuid().empty() || other.uuid() == kZeroUuid ||
               (other.uuid() == source.uuid() && other.seqno() <= source.seqno()),
           "data of " + node.name() + " would be lost");
    }
  }

  static bool IsStopped(const v1::DbStatusReport& report) {
    return report.running() == v1::TERNARY_NO && report.process().pid() == 0;
  }
  static v1::Position OnDisk(const v1::DbStatusReport& report) {
    const bool corrupt = report.stopped().grastate().uuid() == kZeroUuid;
    return report.stopped().has_recovered() && !corrupt ? report.stopped().recovered() : report.stopped().grastate();
  }
  static bool Says(const v1::DbStatusReport& report, int verb, std::uint64_t epoch, v1::OrderOutcome outcome) {
    return std::ranges::any_of(report.orders(), [&](const v1::OrderStatus& order) {
      return static_cast<int>(order.verb()) == verb && order.epoch() == epoch && order.outcome() == outcome;
    });
  }
  // By a human.
  bool IsGivenUp(const std::string& dbserver) const {
    return In(next_.recovery().without(), dbserver) || std::ranges::any_of(next_.deaths(), [&](const v1::Death& death) {
             return death.declared() && death.dbserver() == dbserver;
           });
  }

  // E2: not heard, its guard armed when it was, or when the grant was begun; for an order, long enough ago.
  bool Fenced(const v1::Member& member, bool ordered) {
    const bool watchdog = config_.promotion().self_fence() == v1::Promotion::FENCE_WATCHDOG;
    if (config_.promotion().self_fence() != v1::Promotion::FENCE_GUARD && !watchdog) return false;
    const auto known = std::ranges::find(state_.dbservers(), member.dbserver(), &v1::DbserverKnowledge::name);
    const auto fence = std::ranges::find(before_.grant().fences(), member.dbserver(), &v1::GrantFence::dbserver);
    absl::Duration after = absl::InfiniteDuration();
    if (known != state_.dbservers().end()) {
      const v1::FenceStatus& shown = known->report().fence();
      if (!shown.armed() || (watchdog && !shown.has_watchdog_timeout())) return false;
      std::string period = absl::AsciiStrToLower(known->report().provider_options().evs_inactive_timeout());
      absl::Duration notices;
      if (absl::StartsWith(period, "pt") && absl::ParseDuration(period.substr(2), &notices))
        after = notices + FromProto(config_.promotion().lease_ttl()) + FromProto(shown.watchdog_timeout());
    } else if (fence != before_.grant().fences().end()) {
      after = FromProto(fence->after());
    } else {
      return false;
    }
    return !ordered || now_ >= SinceBoot(FromProto(before_.grant().begun_at())) + after;
  }

  // E4: not heard, and with all others outside the group without a majority of the last primary component, which nobody
  // can have joined or left by our doing; for an order, long enough ago, and refused from then on.
  bool Tied(const v1::Grant& grant, const v1::Member& member, bool ordered) {
    const v1::ConfirmedPrimary& last = next_.confirmed();
    if (config_.promotion().tie() != v1::Promotion::SWITCH_ON || !(before_.whole() || next_.whole())) return false;
    std::uint64_t inside = 0;
    std::uint64_t outside = 0;
    for (const v1::Member& each : last.members())
      (In(grant.group(), each.dbserver()) ? inside : outside) += each.weight();
    if (outside > inside) return false;
    for (const v1::DbserverConfig& node : config_.dbservers()) {
      if (std::ranges::find(last.members(), node.name(), &v1::Member::dbserver) == last.members().end()) return false;
    }
    for (const std::string& name : grant.group()) {
      const v1::DbStatusReport& report = *Known(name);
      if (grant.group_size() > 1 &&
          !std::ranges::equal(report.departure().members(), report.members(), {}, {}, &v1::ViewMember::uuid))
        return false;
    }
    const auto left = std::ranges::find(next_.left_behind(), member.dbserver(), &v1::LeftBehind::dbserver);
    const bool refused = left != next_.left_behind().end() && left->counted_out() == member.gcomm_uuid();
    if (ordered && !refused) return false;
    absl::Duration after = absl::InfiniteDuration();
    const auto fence = std::ranges::find(before_.grant().fences(), member.dbserver(), &v1::GrantFence::dbserver);
    if (const v1::DbStatusReport* report = Known(member.dbserver()); report != nullptr) {
      const v1::ProviderOptions& options = report->provider_options();
      if (options.ignore_sb() || options.ignore_quorum() || options.pc_weight() != member.weight() ||
          report->last_primary_view().id() != last.view().id())
        return false;
      std::string period = absl::AsciiStrToLower(options.evs_inactive_timeout());
      absl::Duration notices;
      if (absl::StartsWith(period, "pt") && absl::ParseDuration(period.substr(2), &notices)) after = notices;
    } else if (fence != before_.grant().fences().end() && fence->tie()) {
      after = FromProto(fence->after());
    } else {
      return false;
    }
    return !ordered || now_ >= SinceBoot(FromProto(before_.grant().begun_at())) + after;
  }

  void JudgeProof(const v1::Grant& grant, bool ordered) {
    const v1::ConfirmedPrimary& last = next_.confirmed();
    const bool forced = !grant.forced_by().empty();
    const bool superseded =
        before_.grant().state() == v1::GRANT_STATE_DONE && before_.grant().view_id() == last.view().id();
    Must(forced || !superseded, "promoted upon what somebody went on from");
    Must(!Paused(), "promoted during a pause");
    Must(!AnyFresh(SaysPrimary), "promoted beside a primary component");
    Must(last.members_size() > 0 && last.view().id() == grant.view_id(), "promoted upon no known primary component");
    std::int64_t best = -1;
    for (const std::string& name : grant.group()) {
      JudgeInGroup(name, last, forced, best);
    }
    for (const v1::Member& member : last.members()) {
      if (member.garbd() || In(grant.group(), member.dbserver())) continue;
      Must(In(grant.others(), member.dbserver()), member.dbserver() + " is forgotten");
      Must(forced || Dead(member, last) || NotPrimary(member, last, ordered ? grant.epoch() : 0) ||
               Fenced(member, ordered) || Tied(grant, member, ordered),
           member.dbserver() + " has neither promised nor died");
    }
    for (const v1::DbserverConfig& node : config_.dbservers()) {
      const v1::DbStatusReport* report = Known(node.name());
      if (report == nullptr || forced) continue;
      const bool same = report->has_wsrep() && report->wsrep().local_state_uuid() == last.state_uuid();
      Must(!same || report->wsrep().last_committed() <= best, "data of " + node.name() + " would be lost");
      if (In(grant.group(), node.name())) continue;
      for (const v1::Position& at : {report->stopped().grastate(), report->stopped().recovered()})
        Must(at.uuid() != last.state_uuid() || at.seqno() <= best, "data of " + node.name() + " would be lost");
      const v1::ObservedExit& exit = report->process().last_exit();
      const bool here = exit.position().uuid() == last.state_uuid() && Fresh(node.name()) != nullptr;
      const auto member = std::ranges::find(last.members(), exit.gcomm_uuid(), &v1::Member::gcomm_uuid);
      const bool died = here && member != last.members().end() && member->dbserver() == node.name();
      Must(!died || !Dead(*member, last) || exit.position().seqno() <= best || IsDeclaredDead(*member),
           node.name() + " showed more before it died");
    }
  }

  bool IsDeclaredDead(const v1::Member& member) const {
    const auto it = std::ranges::find(before_.deaths(), member.gcomm_uuid(), &v1::Death::gcomm_uuid);
    return it != before_.deaths().end() && it->declared();
  }

  bool GroupHasSettled(const v1::Grant& grant) const {
    return std::ranges::all_of(grant.group(), [&](const std::string& name) {
      const v1::DbStatusReport* report = Fresh(name);
      return report != nullptr && report->has_settled_for() && FromProto(report->settled_for()) >= absl::Seconds(2);
    });
  }

  void JudgeInGroup(const std::string& name, const v1::ConfirmedPrimary& last, bool forced, std::int64_t& best) {
    const v1::DbStatusReport* report = Fresh(name);
    if (report == nullptr) return Must(false, name + " is promoted unseen");
    const v1::WsrepStatus& wsrep = report->wsrep();
    best = std::max(best, wsrep.last_committed());
    Must(report->running() == v1::TERNARY_YES && report->primary() == v1::TERNARY_NO &&
             wsrep.cluster_status() == v1::CLUSTER_STATUS_NON_PRIMARY,
         name + " is not seen to be non-Primary");
    const auto& members = last.members();
    Must(std::ranges::find(members, wsrep.gcomm_uuid(), &v1::Member::gcomm_uuid) != members.end() &&
             report->last_primary_view().id() == last.view().id(),
         name + " was elsewhere since");
    Must(wsrep.local_state_uuid() == last.state_uuid() && wsrep.last_committed() >= 0, name + " has other data");
    Must(wsrep.local_state() == v1::LOCAL_STATE_INITIALIZED || wsrep.local_state() == v1::LOCAL_STATE_SYNCED,
         name + " is in a state transfer");
    Must(wsrep.local_recv_queue() == 0 && wsrep.evs_state() == "OPERATIONAL", name + " is not settled");
    Must(forced || report->process().was_primary(), name + " has its data from its disk");
    Must(forced || report->process().complete_in() == last.view().id(), name + " may lack what that component had");
    Must(report->has_provider_options() && !report->provider_options().ignore_sb() &&
             !report->provider_options().ignore_quorum(),
         name + " may ignore what Galera decides");
    Must(report->config_version() == config_.version() && !config_.digest().empty() &&
             report->config_digest() == config_.digest(),
         name + " runs another configuration");
    const auto same = std::ranges::count_if(config_.dbservers(), [&](const v1::DbserverConfig& node) {
      const v1::DbStatusReport* other = Fresh(node.name());
      return other != nullptr && other->running() == v1::TERNARY_YES &&
             other->wsrep().gcomm_uuid() == wsrep.gcomm_uuid();
    });
    Must(same == 1, name + " shares its uuid with another");
  }

  // E3: its own agent saw it end, or that is on the record; and nobody runs with its uuid.
  bool Dead(const v1::Member& member, const v1::ConfirmedPrimary& last) const {
    if (Runs(member.gcomm_uuid())) return false;
    const auto& known = before_.deaths();
    if (std::ranges::find(known, member.gcomm_uuid(), &v1::Death::gcomm_uuid) != known.end()) return true;
    const v1::DbStatusReport* report = Fresh(member.dbserver());
    return report != nullptr && report->process().last_exit().gcomm_uuid() == member.gcomm_uuid() &&
           report->last_primary_view().id() == last.view().id();
  }

  // E1; `epoch` is that of the promise, 0 when none is needed yet.
  bool NotPrimary(const v1::Member& member, const v1::ConfirmedPrimary& last, std::uint64_t epoch) const {
    const v1::DbStatusReport* report = Fresh(member.dbserver());
    if (report == nullptr || report->primary() != v1::TERNARY_NO) return false;
    if (report->last_primary_view().id() != last.view().id()) return false;
    return epoch == 0 || (report->freeze().frozen() && report->freeze().epoch() >= epoch);
  }

  // O8, and O4: an order is done when a member of its group is seen in another primary component, or its target says
  // so, and given up only when its target shows that it will not be carried out, or is dead, or that the old
  // component is still there.
  void JudgeEnd(const v1::Grant& grant) {
    const v1::DbStatusReport* target = Fresh(grant.target());
    const int verb = grant.bootstrap() ? v1::Message::kRecoverFieldNumber : v1::Message::kMakePrimaryFieldNumber;
    const auto says = [&](v1::OrderOutcome outcome) {
      return target != nullptr && Says(*target, verb, grant.epoch(), outcome);
    };
    if (grant.state() == v1::GRANT_STATE_DONE) {
      const bool seen = std::ranges::any_of(grant.group(), [&](const std::string& name) {
        const v1::DbStatusReport* report = Fresh(name);
        if (report == nullptr || !SaysPrimary(*report)) return false;
        const bool leaves_none = grant.bootstrap() && !report->has_last_primary_view();
        return leaves_none || report->last_primary_view().id() != grant.view_id();
      });
      return Must(seen || says(v1::ORDER_OUTCOME_DONE), "done, and nobody says so");
    }
    const bool still = std::ranges::any_of(grant.group(), [&](const std::string& name) {
      const v1::DbStatusReport* report = Fresh(name);
      return report != nullptr && SaysPrimary(*report) && report->last_primary_view().id() == grant.view_id();
    });
    if (!grant.bootstrap() && still && says(v1::ORDER_OUTCOME_DONE)) return;
    const auto& deaths = next_.deaths();
    if (std::ranges::find(deaths, grant.target(), &v1::Death::dbserver) != deaths.end()) return;
    if (grant.bootstrap() && target == nullptr && IsGivenUp(grant.target())) return;
    const BootTime expiry = SinceBoot(FromProto(grant.ordered_at())) + FromProto(config_.promotion().order_validity());
    const bool seen = target != nullptr &&
                      (target->primary() != v1::TERNARY_UNKNOWN || (grant.bootstrap() && target->process().waiting()));
    const bool never = seen && now_ > expiry && target->highest_epoch() < grant.epoch();
    Must(never || says(v1::ORDER_OUTCOME_REFUSED) || says(v1::ORDER_OUTCOME_FAILED),
         "given up, and it may still be carried out");
  }

  void JudgeEvictions() {
    for (const v1::Eviction& eviction : next_.evictions()) {
      const bool old = std::ranges::any_of(before_.evictions(), [&](const v1::Eviction& e) {
        return e.gcomm_uuid() == eviction.gcomm_uuid() && e.nonce() == eviction.nonce() && e.by() == eviction.by();
      });
      if (old) continue;
      const v1::DbStatusReport* dead = Fresh(eviction.dbserver());
      Must(dead != nullptr && dead->running() == v1::TERNARY_NO && dead->process().pid() == 0 &&
               !eviction.gcomm_uuid().empty() && dead->process().last_exit().gcomm_uuid() == eviction.gcomm_uuid(),
           "evicted without proof of death");
      Must(!Runs(eviction.gcomm_uuid()), "evicted, and it runs");
      const v1::DbStatusReport* by = Fresh(eviction.by());
      Must(by != nullptr && by->primary() == v1::TERNARY_YES, "evicted by one who is not primary");
      Must(by != nullptr && by->nonce() == eviction.nonce() && !by->nonce().empty(), "the eviction quotes no report");
      Must(config_.promotion().eviction() == v1::Promotion::SWITCH_ON && !Paused(), "evicted although that is off");
      Must(Recorded("eviction", next_.epoch()), "evicted without a record");
    }
  }

  void JudgeConfirmed() {
    const v1::PrimaryView& view = next_.confirmed().view();
    if (next_.confirmed().SerializeAsString() == before_.confirmed().SerializeAsString()) return;
    Must(!view.id().empty() && view.members_size() > 0, "a last primary component without a name or a member");
    Must(view.id() != before_.confirmed().view().id() || Same(view.members(), before_.confirmed().view().members()),
         "the same last primary component with other members");
    Must(view.id() == before_.confirmed().view().id() || Recorded("confirmed", before_.epoch()),
         "a last primary component without a record");
    for (const std::string& uuid : view.members()) {
      const auto& members = next_.confirmed().members();
      const auto member = std::ranges::find(members, uuid, &v1::Member::gcomm_uuid);
      if (member != members.end() && member->garbd()) continue;
      const auto names_it = [&](const v1::DbStatusReport& report) {
        return report.running() == v1::TERNARY_YES && report.wsrep().gcomm_uuid() == uuid &&
               report.last_primary_view().id() == view.id() &&
               Same(report.last_primary_view().members(), view.members());
      };
      Must(!uuid.empty() && AnyFresh(names_it), uuid + " did not name the last primary component");
    }
  }

  void JudgeDrains() {
    for (const v1::DrainRecord& drain : before_.drains()) {
      const auto it = std::ranges::find(next_.drains(), drain.dbserver(), &v1::DrainRecord::dbserver);
      Must(drain.ending() || (it != next_.drains().end() && !it->ending()), "a drain in force is forgotten");
    }
  }

  void JudgeOrders() {
    std::set<std::pair<std::string, int>> slots;
    for (const v1::Order& order : it_.orders()) {
      const v1::Party& to = order.receiver();
      const bool dbserver =
          to.type() == v1::PARTY_TYPE_DBSERVER &&
          std::ranges::find(config_.dbservers(), to.name(), &v1::DbserverConfig::name) != config_.dbservers().end();
      const bool dbclient =
          to.type() == v1::PARTY_TYPE_DBCLIENT && order.has_routing_intent() &&
          std::ranges::find(config_.dbclients(), to.name(), &v1::DbclientConfig::name) != config_.dbclients().end();
      Must((dbserver || dbclient) && to.cluster() == config_.cluster(), "an order to " + to.name() + ", a stranger");
      Must(slots.emplace(to.ShortDebugString(), order.verb_case()).second, "an order supersedes another at once");
      JudgeOrder(order, to.name());
    }
  }

  void JudgeOrder(const v1::Order& order, const std::string& to) {
    const v1::Grant& grant = next_.grant();
    const v1::DbStatusReport* report = Fresh(to);
    const auto quotes = [&](const std::string& nonce) { return report != nullptr && report->nonce() == nonce; };
    if (order.has_make_primary()) {
      const v1::MakePrimary& verb = order.make_primary();
      Must(grant.state() == v1::GRANT_STATE_ORDERED && verb.epoch() == grant.epoch() && to == grant.target() &&
               verb.nonce() == grant.nonce(),
           "an order to promote that is not on the record");
    } else if (order.has_freeze()) {
      const bool late = grant.bootstrap() && to != grant.target();  // from one given up that is back
      Must((late ? IsOpen(grant) : grant.state() == v1::GRANT_STATE_FREEZING && In(grant.others(), to)) &&
               order.freeze().epoch() == grant.epoch() && quotes(order.freeze().nonce()),
           "a promise that belongs to no grant");
    } else if (order.has_evict_member() && !order.evict_member().clear()) {
      bool quoted = false;
      for (const v1::EvictMember::Dead& dead : order.evict_member().dead()) {
        const auto it = std::ranges::find(next_.evictions(), dead.gcomm_uuid(), &v1::Eviction::gcomm_uuid);
        Must(it != next_.evictions().end() && it->by() == to, "an eviction that is not on the record");
        quoted |= it->nonce() == order.evict_member().nonce();
      }
      for (const std::string& uuid : order.evict_member().counted_out()) {
        const auto counted_out = [&](const v1::LeftBehind& left) { return left.counted_out() == uuid; };
        Must(std::ranges::any_of(next_.left_behind(), counted_out), "somebody is refused who was not counted out");
      }
      Must(quoted || (order.evict_member().dead().empty() && quotes(order.evict_member().nonce())),
           "an eviction that quotes a nonce which is not on the record");
      Must(!Paused(), "evicted during a pause");
    } else if (order.has_evict_member()) {
      Must(quotes(order.evict_member().nonce()) && !Paused(), "a list cleared upon no report, or during a pause");
    } else if (order.has_recover()) {
      JudgeRecover(order.recover(), to, report);
    } else if (order.has_routing_intent()) {
      Must(order.routing_intent().epoch() == next_.epoch(), "balancers hear of another epoch");
    }
  }

  void JudgeRecover(const v1::Recover& order, const std::string& to, const v1::DbStatusReport* report) {
    const v1::Grant& grant = next_.grant();
    if (order.action() == v1::Recover::ACTION_BOOTSTRAP) {
      return Must(grant.state() == v1::GRANT_STATE_ORDERED && grant.bootstrap() && order.epoch() == grant.epoch() &&
                      to == grant.target() && order.nonce() == grant.nonce(),
                  "an order to start first that is not on the record");
    }
    const bool quotes = report != nullptr && report->nonce() == order.nonce();
    const auto left = std::ranges::find(next_.left_behind(), to, &v1::LeftBehind::dbserver);
    if (order.action() == v1::Recover::ACTION_END) {
      Must(quotes && !Paused() && left != next_.left_behind().end(), "told to end its server without need");
      const bool waits = report->running() == v1::TERNARY_UNKNOWN && !report->process().was_primary();
      Must(!waits || GroupHasSettled(grant), "ended while Galera may form the component by itself");
      return Must(
          waits || (left->ending() && report->running() == v1::TERNARY_YES && report->primary() == v1::TERNARY_NO),
          "told to end a server that may be in a primary component");
    }
    const bool waits = quotes && report->process().waiting() && order.action() != v1::Recover::ACTION_START;
    const bool ordered = grant.state() == v1::GRANT_STATE_ORDERED && grant.bootstrap();
    Must(quotes && (waits || report->running() == v1::TERNARY_NO) && (ordered || !Paused()),
         "told what to do with its server, and not seen to be stopped");
    const bool limited = left != next_.left_behind().end() && left->has_not_beyond();
    Must(order.action() != v1::Recover::ACTION_START || order.keep_view() || !limited ||
             order.not_beyond().SerializeAsString() == left->not_beyond().SerializeAsString(),
         "one who was left behind is started, wherever its data is");
    const std::string& gone = order.gone_uuid();
    if (order.action() == v1::Recover::ACTION_START && !order.keep_view() && !order.without_view() && !order.not_yet())
      Must(!std::exchange(somebody_joins_, true), "two are told to join at once");
    Must(gone.empty() || (!Runs(gone) && report->process().last_exit().gcomm_uuid() == gone),
         "started without a view that it may need");
  }

  bool somebody_joins_ = false;
  const v1::Configuration& config_;
  const v1::ArbitratorState& state_;
  const BootTime now_;
  const v1::DurableState& before_;
  const v1::DurableState& next_;
  const v1::Decision& it_;
  std::vector<std::string> wrong_;
};

}  // namespace

std::string WhatIsWrong(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now,
                        const v1::Decision& decision) {
  return Oracle(config, state, now, decision).Judge();
}

}  // namespace minder
