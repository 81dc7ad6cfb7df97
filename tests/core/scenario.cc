#include "tests/core/scenario.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/core/decide.h"
#include "common/core/lookup.h"
#include "common/core/names.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/core/recovery.h"
#include "common/core/requests.h"
#include "common/core/split_brain.h"

namespace minder {
namespace {

constexpr char kStateUuid[] = "5a1e0000-0000-0000-0000-000000000001";
constexpr std::uint64_t kNonPrimaryConfId = 18446744073709551615u;

std::string Describe(const v1::Recover& order) {
  const std::string limit =
      order.has_not_beyond() ? absl::StrFormat(", if not beyond %d", order.not_beyond().seqno()) : "";
  switch (order.action()) {
    case v1::Recover::ACTION_COLLECT:
      return "hold down, and read the position";
    case v1::Recover::ACTION_CLEAR:
      return "hold down, and clear what would bootstrap";
    case v1::Recover::ACTION_BOOTSTRAP:
      return absl::StrFormat("start as the first node at epoch %d", order.epoch());
    case v1::Recover::ACTION_END:
      return "end mariadbd";
    default:
      if (order.without_view()) return "start and join" + limit;
      if (order.keep_view()) return "start now";
      return (order.gone_uuid().empty() ? "start with a new uuid" : "start without " + order.gone_uuid()) + limit +
             (order.not_yet() ? ", once others have joined" : "");
  }
}

std::string Describe(const v1::EvictMember& evict) {
  if (evict.clear()) return "clear the eviction list";
  std::vector<std::string> parts;
  for (const v1::EvictMember::Dead& dead : evict.dead())
    parts.push_back(absl::StrFormat("%s (%s)", dead.dbserver(), dead.gcomm_uuid()));
  std::string text = parts.empty() ? "" : "evict " + absl::StrJoin(parts, ", ");
  if (!evict.counted_out().empty())
    absl::StrAppend(&text, parts.empty() ? "" : "; ", "refuse ", absl::StrJoin(evict.counted_out(), ", "));
  return text;
}

std::string Describe(const v1::MakePrimary& order) {
  const std::string refused = absl::StrJoin(order.counted_out(), ", ");
  return absl::StrFormat("make_primary %s at epoch %d%s%s", order.group(), order.epoch(),
                         refused.empty() ? "" : ", and refuse ", refused);
}

std::string Describe(const v1::Order& order) {
  const std::string& to = order.receiver().name();
  switch (order.verb_case()) {
    case v1::Order::kFreeze:
      return absl::StrFormat("%s: freeze at epoch %d", to, order.freeze().epoch());
    case v1::Order::kMakePrimary:
      return absl::StrFormat("%s: %s", to, Describe(order.make_primary()));
    case v1::Order::kEvictMember:
      return absl::StrFormat("%s: %s", to, Describe(order.evict_member()));
    case v1::Order::kRecover:
      return absl::StrFormat("%s: %s", to, Describe(order.recover()));
    case v1::Order::kHoldDown:
      return absl::StrFormat("%s: %s", to,
                             order.hold_down().action() == v1::HoldDown::ACTION_RELEASE   ? "go on"
                             : order.hold_down().action() == v1::HoldDown::ACTION_REBUILD ? "stay down until rebuilt"
                                                                                          : "stay down");
    default:
      return "";  // drains and routing have tests of their own
  }
}

}  // namespace

v1::DbStatusReport& Scenario::Report(const std::string& name) {
  return *FindOrAddByName(*state_.mutable_dbservers(), name).mutable_report();
}

std::string Scenario::Run(const std::string& line) {
  const Words words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  if (words.empty()) return "";
  const std::string& verb = words[0];
  const Words rest(words.begin() + 1, words.end());
  const bool named = std::ranges::all_of(
      rest, [&](const std::string& name) { return IsGarbd(name) || FindByName(config_.dbservers(), name) != nullptr; });
  if (verb == "cluster") {
    Cluster(rest);
  } else if (verb == "decide") {
    return Decide();
  } else if (verb == "wait") {
    absl::Duration duration;
    if (!absl::ParseDuration(rest.at(0), &duration)) return "error: no duration";
    now_ += duration;
  } else if (verb == "promotion") {
    config_.mutable_promotion()->set_mode(rest.at(0) == "manual" ? v1::Promotion::MODE_MANUAL
                                                                 : v1::Promotion::MODE_AUTO);
  } else if (verb == "self-fence") {
    config_.mutable_promotion()->set_self_fence(v1::Promotion::FENCE_GUARD);
    *config_.mutable_promotion()->mutable_lease_ttl() = ToProto(absl::Seconds(10));
    for (v1::DbserverKnowledge& known : *state_.mutable_dbservers()) {
      known.mutable_report()->mutable_fence()->set_mode(v1::FENCE_MODE_GUARD);
      known.mutable_report()->mutable_fence()->set_armed(true);
      known.mutable_report()->mutable_provider_options()->set_evs_inactive_timeout("PT15S");
    }
  } else if (verb == "tie") {
    config_.mutable_promotion()->set_tie(v1::Promotion::SWITCH_ON);
    for (v1::DbserverKnowledge& known : *state_.mutable_dbservers()) {
      known.mutable_report()->mutable_provider_options()->set_evs_inactive_timeout("PT15S");
      known.mutable_report()->mutable_provider_options()->set_evs_suspect_timeout("PT5S");
    }
  } else if (verb == "weight") {
    std::uint32_t weight = 0;
    if (!absl::SimpleAtoi(rest.at(1), &weight)) return "error: no weight";
    Report(rest[0]).mutable_provider_options()->set_pc_weight(weight);
  } else if (verb == "seqno") {
    std::int64_t seqno = 0;
    if (!absl::SimpleAtoi(rest.at(1), &seqno)) return "error: no seqno";
    Report(rest[0]).mutable_wsrep()->set_last_committed(seqno);
    disk_[rest[0]].set_seqno(seqno);
  } else if (verb == "restart-in") {
    absl::Duration delay;
    if (!absl::ParseDuration(rest.at(1), &delay)) return "error: no duration";
    *Report(rest[0]).mutable_process()->mutable_restart_in() = ToProto(delay);
  } else if (verb == "disk-view") {
    Report(rest.at(0)).mutable_last_primary_view()->set_id(rest.at(1));
  } else if (verb == "saw-view") {
    v1::PrimaryView& view = *Report(rest.at(0)).mutable_stopped()->mutable_last_seen_view();
    view.set_id(rest.at(1));
    view.add_members(Report(rest.at(0)).process().last_exit().gcomm_uuid());
  } else if (verb == "evict-list") {
    Report(rest.at(0)).mutable_wsrep()->set_evs_evict_list(rest.at(1));
  } else if (verb == "stopped-at") {
    std::int64_t seqno = 0;
    if (!absl::SimpleAtoi(rest.at(1), &seqno)) return "error: no seqno";
    v1::Position& position = *Report(rest[0]).mutable_stopped()->mutable_grastate();
    position.set_uuid(kStateUuid);
    position.set_seqno(seqno);
    disk_[rest[0]] = position;
  } else if (verb == "recover") {
    const Facts facts = GatherFacts(config_, state_, now_);
    *state_.mutable_durable()->mutable_recovery() = NewRecovery(facts, state_.durable(), rest, "ann: nobody serves");
  } else if (verb == "history") {
    disk_[rest.at(0)].set_uuid(absl::StrFormat("5a1e0000-0000-0000-0000-00000000000%s", rest.at(1)));
  } else if (verb == "flush") {
    Report(rest.at(0)).mutable_process()->set_flush_log_at_trx_commit(rest.at(1) == "1" ? 1 : 2);
  } else if (verb == "request") {
    v1::PromotionRequest& request = *state_.mutable_durable()->mutable_request();
    request.set_group(rest.at(0));
    request.set_force(rest.size() > 1 && rest[1] == "force");
    request.set_reason("ann: the other site is down");
  } else if (verb == "acknowledge") {
    if (RefuseAcknowledge(state_.durable(), rest.at(0)).refused()) return "error: no such side";
    *state_.mutable_durable() = WithAcknowledgement(state_.durable(), rest[0], "ann: it has the orders of today");
  } else if (verb == "release") {
    const Facts facts = GatherFacts(config_, state_, now_);
    if (RefuseRelease(facts, state_.durable(), rest.at(0)).refused()) return "error: not to be released";
    *state_.mutable_durable() = WithRelease(state_.durable(), facts, rest[0]);
  } else if (verb == "pause") {
    v1::Pause& pause = *state_.mutable_durable()->mutable_pause();
    *pause.mutable_until() = ToProto(ToSinceBoot(now_ + absl::Hours(1)));
    pause.set_reason("ann: maintenance");
  } else if (verb == "resume") {
    state_.mutable_durable()->clear_pause();
  } else if (verb == "restart-arbitrator") {
    state_.clear_dbservers();
    *state_.mutable_started_at() = ToProto(ToSinceBoot(now_));
  } else if (!named) {
    return absl::StrFormat("error: what is \"%s\"?", line);
  } else if (verb == "primary" || verb == "nonprimary") {
    View(rest, verb == "primary");
  } else if (verb == "obey") {
    Obey(rest);
  } else if (verb == "restart-arbitrator-without") {
    const auto is_lost = [&](const auto& known) { return std::ranges::find(rest, known.name()) != rest.end(); };
    auto& known = *state_.mutable_dbservers();
    known.erase(std::remove_if(known.begin(), known.end(), is_lost), known.end());
    *state_.mutable_started_at() = ToProto(ToSinceBoot(now_));
  } else {
    for (const std::string& name : rest) {
      v1::DbStatusReport& report = Report(name);
      if (verb == "crash" || verb == "stop") {
        Crash(name, verb == "crash");
      } else if (verb == "start") {
        Start(name);
      } else if (verb == "return") {
        Return(name);
      } else if (verb == "waits") {
        Wait(name);
      } else if (verb == "wants-to-start") {
        report.mutable_process()->set_start_wanted(true);
      } else if (verb == "starting") {
        report.mutable_process()->set_starting(true);
      } else if (verb == "no-view") {
        report.clear_last_primary_view();
      } else if (verb == "position-lost") {
        disk_[name].set_uuid("00000000-0000-0000-0000-000000000000");
        report.mutable_stopped()->mutable_grastate()->set_uuid(kStateUuid);
        report.mutable_stopped()->mutable_grastate()->set_seqno(-1);
      } else if (verb == "bootstrap-flag" || verb == "no-bootstrap-flag") {
        flagged_[name] = verb == "bootstrap-flag";
      } else if (verb == "declare-dead") {
        *state_.mutable_durable()->add_deaths() = DeathOf(GatherFacts(config_, state_, now_), name, "ann: it burns");
      } else if (verb == "wedge") {
        report.set_running(v1::TERNARY_UNKNOWN);
        report.set_primary(v1::TERNARY_UNKNOWN);
        report.mutable_probe()->set_healthy(false);
        report.clear_wsrep();
        report.clear_members();
      } else if (verb == "silent" || verb == "heard") {
        silent_[name] = verb == "silent";
      } else if (verb ==
                 "old-members") {  // the status of the new view, the members of the last one it was not primary in
        report.clear_members();
        report.add_members()->set_uuid(report.wsrep().gcomm_uuid());
      } else if (verb == "unguarded") {
        report.mutable_fence()->set_armed(false);
      } else if (verb == "replace-data") {
        report.mutable_hold()->set_fresh_data(true);
        report.clear_last_primary_view();
      } else if (verb == "ignore_sb") {
        report.mutable_provider_options()->set_ignore_sb(true);
      } else if (verb == "other-configuration") {
        report.set_config_version(config_.version() - 1);
      } else if (verb == "changed-configuration") {
        report.set_config_digest("digest of 7, changed");
      } else if (verb == "shows-primary") {
        report.set_primary(v1::TERNARY_YES);
        report.mutable_wsrep()->set_cluster_status(v1::CLUSTER_STATUS_PRIMARY);
      } else if (verb == "done") {
        Answer(report, v1::ORDER_OUTCOME_DONE, "");
      } else if (verb == "agent-restarted") {
        report.mutable_process()->set_was_primary(false);
        report.mutable_process()->clear_complete_in();
        report.mutable_process()->clear_last_exit();
        report.clear_orders();
        report.clear_departure();
      } else if (verb == "just-settled") {
        *report.mutable_settled_for() = ToProto(absl::ZeroDuration());
      } else if (verb == "not-caught-up") {
        report.mutable_process()->set_complete_in("view:of-before");
      } else if (verb == "refuse-bootstrap") {
        Answer(report, v1::ORDER_OUTCOME_FAILED, "it ended before that took effect");
      } else if (verb == "refuse") {
        Answer(report, v1::ORDER_OUTCOME_REFUSED, "it quotes a report of 3s ago, and 2s are allowed");
      } else {
        return absl::StrFormat("error: what is \"%s\"?", line);
      }
    }
  }
  return "";
}

// What became of the order of the last grant, as its receiver reports it.
void Scenario::Answer(v1::DbStatusReport& report, v1::OrderOutcome outcome, const std::string& detail) {
  const v1::Grant& grant = state_.durable().grant();
  if (grant.bootstrap()) report.clear_orders();  // of recover the last one is reported
  v1::OrderStatus& status = *report.add_orders();
  status.set_verb(grant.bootstrap() ? v1::Message::kRecoverFieldNumber : v1::Message::kMakePrimaryFieldNumber);
  if (grant.bootstrap()) status.set_action(v1::Recover::ACTION_BOOTSTRAP);
  status.set_epoch(grant.epoch());
  status.set_outcome(outcome);
  status.set_detail(detail);
}

// "a1:dc1 a2:dc1 b1:dc2 garb:garbd": the first data centre is the primary one.
void Scenario::Cluster(const Words& nodes) {
  config_.set_cluster("shop");
  config_.set_version(7);
  config_.set_digest("digest of 7");
  config_.mutable_arbitrator()->set_name("arb");
  *config_.mutable_timings()->mutable_fresh_for() = ToProto(absl::Seconds(3));
  v1::Promotion& promotion = *config_.mutable_promotion();
  promotion.set_mode(v1::Promotion::MODE_AUTO);
  promotion.set_eviction(v1::Promotion::SWITCH_ON);
  *promotion.mutable_order_validity() = ToProto(absl::Seconds(2));
  *promotion.mutable_hold_down() = ToProto(absl::Minutes(1));
  *promotion.mutable_longest_hold_down() = ToProto(absl::Minutes(3));
  Words names;
  for (const std::string& node : nodes) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(node, absl::MaxSplits(':', 1));
    names.push_back(parts.first);
    if (absl::StartsWith(parts.second, "garbd")) {
      v1::GarbdConfig& garbd = *config_.add_garbds();
      garbd.set_name(parts.first);
      garbd.set_weight(parts.second == "garbd:3" ? 3 : 1);
      garbds_[parts.first] = NewUuid(parts.first);
      continue;
    }
    v1::DbserverConfig& server = *config_.add_dbservers();
    server.set_name(parts.first);
    server.set_data_centre(parts.second);
    server.set_data_dir("/var/lib/mysql");
    server.mutable_manage()->set_mode(v1::ManageConfig::MODE_SYSTEMD);
    server.mutable_manage()->set_unit("mariadb");
    if (std::ranges::find(config_.data_centres(), parts.second, &v1::DataCentre::name) ==
        config_.data_centres().end()) {
      v1::DataCentre& centre = *config_.add_data_centres();
      centre.set_name(parts.second);
      centre.set_role(config_.data_centres_size() == 1 ? v1::DataCentre::ROLE_PRIMARY : v1::DataCentre::ROLE_SECONDARY);
    }
  }
  for (const std::string& name : names) {
    if (!IsGarbd(name)) Start(name);
  }
  View(names, true);
}

// A process with a new uuid that has seen no component yet.
void Scenario::Start(const std::string& name) {
  v1::DbStatusReport& report = Report(name);
  since_[name] = now_;
  if (disk_[name].uuid().empty()) {
    disk_[name].set_uuid(kStateUuid);
    disk_[name].set_seqno(100);
  }
  report.set_config_version(config_.version());
  report.set_config_digest(config_.digest());
  report.mutable_process()->set_waiting(false);
  report.mutable_process()->set_held(false);
  report.mutable_process()->set_starting(false);
  report.mutable_process()->clear_restart_in();
  report.mutable_process()->set_flush_log_at_trx_commit(1);
  report.clear_last_primary_view();
  report.clear_departure();
  report.clear_settled_for();
  report.clear_members();
  report.clear_stopped();
  report.mutable_process()->set_pid(1000 + ++uuids_);
  report.mutable_process()->set_was_primary(false);
  report.mutable_process()->clear_complete_in();
  report.set_running(v1::TERNARY_YES);
  report.set_primary(v1::TERNARY_NO);
  report.mutable_probe()->set_healthy(true);
  v1::WsrepStatus& wsrep = *report.mutable_wsrep();
  wsrep.set_cluster_status(v1::CLUSTER_STATUS_DISCONNECTED);
  wsrep.set_gcomm_uuid(NewUuid(name));
  wsrep.set_local_state_uuid(kStateUuid);
  wsrep.set_evs_state("CLOSED");
  wsrep.set_last_committed(100);
  report.mutable_provider_options()->set_pc_weight(1);
  report.mutable_drain()->set_state(v1::DRAIN_STATE_SERVING);
}

// A process with the uuid and the view that are on the disk (gvwstate.dat).
void Scenario::Return(const std::string& name) {
  const v1::PrimaryView view = Report(name).last_primary_view();
  Start(name);
  *Report(name).mutable_last_primary_view() = view;
  Report(name).mutable_wsrep()->set_gcomm_uuid(Report(name).process().last_exit().gcomm_uuid());
}

// A process that has its old view, if there was one, and waits for a primary component with it.
void Scenario::Wait(const std::string& name) {
  v1::DbStatusReport& report = Report(name);
  since_[name] = now_;
  report.mutable_process()->set_pid(1000 + ++uuids_);
  report.mutable_process()->set_waiting(true);
  report.mutable_process()->clear_restart_in();
  report.set_running(v1::TERNARY_UNKNOWN);
  report.set_primary(v1::TERNARY_UNKNOWN);
  report.clear_stopped();
}

// These nodes, and nobody else, see one another in a component.
void Scenario::View(const Words& names, bool primary) {
  v1::PrimaryView view;
  view.set_id(absl::StrFormat("view:%d", ++views_));
  for (const std::string& name : names)
    view.add_members(IsGarbd(name) ? garbds_[name] : Report(name).wsrep().gcomm_uuid());
  std::ranges::sort(*view.mutable_members());
  for (const std::string& name : names) {
    if (IsGarbd(name)) continue;
    v1::DbStatusReport& report = Report(name);
    report.set_running(v1::TERNARY_YES);
    report.set_primary(primary ? v1::TERNARY_YES : v1::TERNARY_NO);
    report.set_group(absl::StrJoin(names, "+"));
    report.clear_members();
    for (const std::string& member : names) {
      v1::ViewMember& shown = *report.add_members();
      shown.set_uuid(IsGarbd(member) ? garbds_[member] : Report(member).wsrep().gcomm_uuid());
      shown.set_name(member);
    }
    std::ranges::sort(*report.mutable_members(), {}, &v1::ViewMember::uuid);
    v1::WsrepStatus& wsrep = *report.mutable_wsrep();
    wsrep.set_cluster_status(primary ? v1::CLUSTER_STATUS_PRIMARY : v1::CLUSTER_STATUS_NON_PRIMARY);
    wsrep.set_local_state(primary ? v1::LOCAL_STATE_SYNCED : v1::LOCAL_STATE_INITIALIZED);
    wsrep.set_ready(primary);
    wsrep.set_cluster_conf_id(primary ? static_cast<std::uint64_t>(views_) : kNonPrimaryConfId);
    wsrep.set_cluster_state_uuid(kStateUuid);
    wsrep.set_evs_state("OPERATIONAL");
    *report.mutable_settled_for() = ToProto(absl::Seconds(10));
    if (!primary && report.process().was_primary() && !report.has_departure()) {
      for (const v1::ViewMember& member : report.members()) report.mutable_departure()->add_members(member.uuid());
      *report.mutable_departure()->mutable_unseen() = ToProto(absl::Seconds(1));
    }
    if (!primary) continue;
    report.clear_departure();
    *report.mutable_last_primary_view() = view;
    report.mutable_process()->set_was_primary(true);
    report.mutable_process()->set_complete_in(view.id());
    report.clear_freeze();
  }
}

void Scenario::Crash(const std::string& name, bool by_signal) {
  v1::DbStatusReport& report = Report(name);
  since_[name] = now_;
  report.mutable_process()->set_waiting(false);
  if (by_signal) report.mutable_process()->mutable_restart_in();
  v1::ObservedExit& exit = *report.mutable_process()->mutable_last_exit();
  exit.set_pid(report.process().pid());
  exit.set_signal(by_signal ? 9 : 0);
  exit.set_expected(!by_signal);
  exit.set_gcomm_uuid(report.wsrep().gcomm_uuid());
  exit.mutable_position()->set_uuid(report.wsrep().local_state_uuid());
  exit.mutable_position()->set_seqno(report.wsrep().last_committed());
  report.mutable_process()->set_pid(0);
  report.mutable_process()->set_was_primary(false);
  report.mutable_process()->set_start_wanted(false);
  report.mutable_process()->clear_complete_in();
  report.set_running(v1::TERNARY_NO);
  report.set_primary(v1::TERNARY_NO);
  report.clear_wsrep();
  report.clear_members();
}

// A new report of everybody who is not silent.
void Scenario::Touch() {
  for (v1::DbserverKnowledge& known : *state_.mutable_dbservers()) {
    if (silent_[known.name()]) continue;
    v1::ServerProcess& process = *known.mutable_report()->mutable_process();
    *process.mutable_uptime() = ToProto(now_ - since_[known.name()]);
    if (process.has_last_exit()) *process.mutable_last_exit()->mutable_age() = ToProto(now_ - since_[known.name()]);
    known.mutable_report()->set_nonce(absl::StrFormat("n%d", ++nonces_));
    const v1::DbStatusReport report = known.report();
    *known.mutable_report() = std::exchange(reported_[known.name()], report);
    TakeIn(report, now_, absl::ZeroDuration(), known);
  }
}

// The named, or all, carry out what the last decision orders, as their agents and Galera would.
void Scenario::Obey(const Words& only) {
  const v1::Decision decision = last_;
  for (const v1::Order& order : decision.orders()) {
    const std::string& name = order.receiver().name();
    const bool chosen = only.empty() || std::ranges::find(only, name) != only.end();
    if (chosen && !silent_[name]) ObeyOrder(name, order);
  }
}

void Scenario::ObeyOrder(const std::string& name, const v1::Order& order) {
  v1::DbStatusReport& report = Report(name);
  const auto members_without = [&](const v1::EvictMember& evicted) {
    Words names;
    for (const v1::DbserverKnowledge& known : state_.dbservers()) {
      const std::string& own = known.report().wsrep().gcomm_uuid();
      const bool in_view = std::ranges::find(report.members(), own, &v1::ViewMember::uuid) != report.members().end();
      const bool is_out =
          std::ranges::find(evicted.dead(), own, &v1::EvictMember::Dead::gcomm_uuid) != evicted.dead().end();
      if (in_view && !is_out) names.push_back(known.name());
    }
    for (const auto& [garbd, own] : garbds_) {
      if (std::ranges::find(report.members(), own, &v1::ViewMember::uuid) != report.members().end())
        names.push_back(garbd);
    }
    return names;
  };
  if (order.has_freeze()) {
    report.set_highest_epoch(order.freeze().epoch());
    report.mutable_freeze()->set_frozen(true);
    report.mutable_freeze()->set_epoch(order.freeze().epoch());
  } else if (order.has_hold_down()) {
    const v1::HoldDown& hold = order.hold_down();
    report.clear_hold();
    if (hold.action() == v1::HoldDown::ACTION_RELEASE) return;
    report.mutable_hold()->set_split_id(hold.split_id());
    report.mutable_hold()->set_rebuild(hold.action() == v1::HoldDown::ACTION_REBUILD);
  } else if (order.has_make_primary()) {
    report.set_highest_epoch(order.make_primary().epoch());
    report.mutable_wsrep()->set_evs_evict_list(absl::StrJoin(order.make_primary().counted_out(), ","));
    View(members_without({}), true);
    Answer(Report(name), v1::ORDER_OUTCOME_DONE, "");
  } else if (order.evict_member().clear()) {
    report.mutable_wsrep()->clear_evs_evict_list();
  } else if (order.has_evict_member() && order.evict_member().dead().empty()) {
    report.mutable_wsrep()->set_evs_evict_list(absl::StrJoin(order.evict_member().counted_out(), ","));
  } else if (order.has_evict_member()) {
    const Words left = members_without(order.evict_member());
    View(left, 2 * left.size() > static_cast<std::size_t>(report.members_size()));
  } else if (order.has_recover()) {
    ObeyRecover(name, order.recover());
  }
}

void Scenario::ObeyRecover(const std::string& name, const v1::Recover& order) {
  v1::DbStatusReport& report = Report(name);
  v1::OrderOutcome outcome = v1::ORDER_OUTCOME_DONE;
  if (order.not_yet()) return;
  if (order.action() == v1::Recover::ACTION_COLLECT || order.action() == v1::Recover::ACTION_CLEAR) {
    if (report.process().waiting()) Crash(name, true);
    report.mutable_process()->clear_restart_in();
    report.mutable_process()->set_held(true);
    const bool clean = report.stopped().grastate().seqno() > 0;
    if (!clean) *report.mutable_stopped()->mutable_recovered() = disk_[name];
    if (!report.stopped().has_grastate()) {
      report.mutable_stopped()->mutable_grastate()->set_uuid(disk_[name].uuid());
      report.mutable_stopped()->mutable_grastate()->set_seqno(-1);
    }
    if (order.action() == v1::Recover::ACTION_CLEAR && flagged_[name]) outcome = v1::ORDER_OUTCOME_FAILED;
  } else if (order.action() == v1::Recover::ACTION_BOOTSTRAP) {
    Start(name);
    report.set_highest_epoch(order.epoch());
    View({name}, true);
  } else if (order.action() == v1::Recover::ACTION_END) {
    Crash(name, true);
  } else if (order.without_view()) {
    Words names = {name};
    for (const v1::DbserverKnowledge& known : state_.dbservers()) {
      if (known.report().primary() == v1::TERNARY_YES) names.push_back(known.name());
    }
    std::ranges::sort(names);
    Start(name);
    View(names, true);
  } else if (report.process().has_restart_in()) {
    Wait(name);
  }
  report.clear_orders();
  v1::OrderStatus& status = *report.add_orders();
  status.set_verb(v1::Message::kRecoverFieldNumber);
  status.set_action(order.action());
  status.set_epoch(order.epoch());
  status.set_outcome(outcome);
  if (outcome == v1::ORDER_OUTCOME_FAILED)
    status.set_detail("its configuration files have --wsrep_new_cluster: remove it");
}

std::string Scenario::Decide() {
  Touch();
  last_ = minder::Decide(config_, state_, now_);
  *state_.mutable_durable() = last_.next();
  std::string text = absl::StrFormat("%s %s: %s\n", ShortName(last_.diagnosis()), last_.rule(), last_.reason());
  for (const v1::AuditRecord& record : last_.records()) {
    absl::StrAppend(&text, "  recorded: ", record.text(), "\n");
    for (const std::string& why : record.evidence()) absl::StrAppend(&text, "    ", why, "\n");
  }
  for (const v1::Order& order : last_.orders()) {
    if (const std::string what = Describe(order); !what.empty()) absl::StrAppend(&text, "  ordered: ", what, "\n");
  }
  std::vector<std::string> behind;
  for (const v1::LeftBehind& left : last_.next().left_behind()) behind.push_back(left.dbserver());
  if (!behind.empty()) absl::StrAppend(&text, "  left behind: ", absl::StrJoin(behind, ", "), "\n");
  if (!last_.command().empty()) absl::StrAppend(&text, "  a human may: ", last_.command(), "\n");
  return text;
}

}  // namespace minder
