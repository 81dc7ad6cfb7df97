#include "services/dbserver-agent/report.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/proto_time.h"
#include "common/mysql/galera_variables.h"

namespace minder {
namespace {

// An answer to a question from before the exit proves nothing any more. Nor is one that is given from memory of any
// use, while nothing can be committed.
bool Answered(const Observations& o) {
  const auto& last = o.answer.last;
  const auto& exit = o.process.last_exit;
  return !o.answer.disk_hangs && o.answer.status.ok() && last.has_value() &&
         !(exit.has_value() && last->asked_at < exit->seen_at);
}

// Why there is no answer.
std::string ErrorOf(const Observations& o) {
  if (o.process.presence == Presence::kGone) return "mariadbd is not running";
  if (o.answer.disk_hangs) return "a write in its data directory does not end: look at its disk";
  return o.answer.status.ok() ? "not asked since mariadbd was started" : std::string(o.answer.status.message());
}

// Members as the server itself shows them, else as the last event gave them if that is still the view that the server
// is in.
std::vector<v1::ViewMember> MembersOf(const Observations& o) {
  const ProbeAnswer& answer = *o.answer.last;
  const auto status = answer.wsrep.cluster_status();
  if (status != v1::CLUSTER_STATUS_PRIMARY && status != v1::CLUSTER_STATUS_NON_PRIMARY) return {};
  std::vector<v1::ViewMember> members = answer.members.value_or(o.event_members);
  const bool ours = std::ranges::any_of(members, [&](const auto& m) { return m.uuid() == answer.wsrep.gcomm_uuid(); });
  if (!answer.members.has_value() && (!ours || members.size() != answer.wsrep.cluster_size())) return {};
  std::ranges::sort(members, {}, [](const v1::ViewMember& m) { return m.uuid(); });
  return members;
}

std::string GroupOf(const std::vector<v1::ViewMember>& members) {
  std::vector<std::string> names;
  for (const v1::ViewMember& member : members) names.push_back(member.name());
  std::ranges::sort(names);
  return absl::StrJoin(names, "+");
}

v1::Ternary PrimaryOf(v1::ClusterStatus status) {
  switch (status) {
    case v1::CLUSTER_STATUS_PRIMARY:
      return v1::TERNARY_YES;
    case v1::CLUSTER_STATUS_NON_PRIMARY:
    case v1::CLUSTER_STATUS_DISCONNECTED:
      return v1::TERNARY_NO;
    default:
      return v1::TERNARY_UNKNOWN;
  }
}

v1::ObservedExit ExitOf(const SeenExit& seen, BootTime now) {
  v1::ObservedExit exit;
  exit.set_pid(seen.pid);
  exit.set_status_known(seen.status.has_value());
  exit.set_code(seen.status.value_or(ExitStatus()).code);
  exit.set_signal(seen.status.value_or(ExitStatus()).signal);
  exit.set_expected(seen.expected);
  *exit.mutable_age() = ToProto(now - seen.seen_at);
  exit.set_gcomm_uuid(seen.gcomm_uuid);
  if (seen.position.has_value()) *exit.mutable_position() = *seen.position;
  return exit;
}

// It has neither answered nor opened its data, and has not begun to form a primary component either.
bool Waits(const Observations& o) {
  const bool unopened = o.process.presence == Presence::kRunning && o.process.pid == o.answer.waiting_pid;
  const std::string view = o.answer.last_primary_view ? o.answer.last_primary_view->id() : "";
  return unopened && !Answered(o) && view == o.process.view_at_start;
}

v1::ServerProcess ProcessOf(const Observations& o, BootTime now) {
  const ObservedProcess& observed = o.process;
  v1::ServerProcess process;
  if (observed.presence == Presence::kRunning) {
    process.set_pid(observed.pid);
    *process.mutable_uptime() = ToProto(now - observed.started_at);
  }
  if (o.answer.last.has_value()) process.set_version(o.answer.last->version);
  if (observed.last_exit.has_value()) *process.mutable_last_exit() = ExitOf(*observed.last_exit, now);
  process.set_restarts(observed.restarts);
  process.set_was_primary(process.pid() != 0 && process.pid() == o.answer.primary_pid);
  if (process.was_primary()) process.set_complete_in(o.answer.complete_in);
  process.set_waiting(Waits(o));
  process.set_held(observed.held);
  process.set_starting(observed.starting);
  process.set_start_wanted(observed.presence == Presence::kGone && observed.start_wanted && !observed.held);
  if (o.answer.last.has_value()) process.set_flush_log_at_trx_commit(o.answer.last->flush_log_at_trx_commit);
  if (observed.restart_at.has_value()) {
    *process.mutable_restart_in() = ToProto(std::max(*observed.restart_at - now, absl::ZeroDuration()));
  }
  process.set_start_error(CleanUtf8(observed.start_error));
  return process;
}

v1::ProbeStatus ProbeStatusOf(const Observations& o, BootTime now) {
  v1::ProbeStatus probe;
  probe.set_healthy(Answered(o));
  if (!probe.healthy()) probe.set_error(CleanUtf8(ErrorOf(o)));
  if (probe.healthy()) probe.set_note(CleanUtf8(o.answer.note));
  if (!o.answer.last.has_value()) return probe;
  *probe.mutable_latency() = ToProto(o.answer.last->latency);
  *probe.mutable_age() = ToProto(now - o.answer.last->asked_at);
  return probe;
}

void AddAnswer(const Observations& o, v1::DbStatusReport& report) {
  const ProbeAnswer& answer = *o.answer.last;
  *report.mutable_wsrep() = answer.wsrep;
  *report.mutable_provider_options() = answer.provider_options;
  const std::vector<v1::ViewMember> members = MembersOf(o);
  report.mutable_members()->Assign(members.begin(), members.end());
  report.set_group(GroupOf(members));
  for (const v1::OpenTransaction& transaction : answer.open_transactions) {
    v1::OpenTransaction* shown = report.add_open_transactions();
    *shown = transaction;
    shown->mutable_age()->set_nanos(0);
  }
  report.set_open_transaction_count(answer.open_transaction_count);
  report.set_connections(answer.connections);
  report.set_read_only(answer.read_only);
  report.set_wsrep_node_name(answer.wsrep_node_name);
}

// running and primary, each of three values: an answer proves life, only an exit or a search proves the end of it.
void SetState(const Observations& o, v1::DbStatusReport& report) {
  if (Answered(o)) {
    report.set_running(v1::TERNARY_YES);
    report.set_primary(PrimaryOf(o.answer.last->wsrep.cluster_status()));
  } else if (o.process.presence == Presence::kGone) {
    report.set_running(v1::TERNARY_NO);
    report.set_primary(v1::TERNARY_NO);
  } else {
    report.set_running(v1::TERNARY_UNKNOWN);
    report.set_primary(v1::TERNARY_UNKNOWN);
  }
}

}  // namespace

SeenExit SeenExitOf(pid_t pid, BootTime now, const std::optional<ProbeAnswer>& last) {
  SeenExit exit{.pid = pid, .status = {}, .expected = false, .seen_at = now, .gcomm_uuid = "", .position = {}};
  if (!last.has_value()) return exit;
  exit.gcomm_uuid = last->wsrep.gcomm_uuid();
  v1::Position& position = exit.position.emplace();
  position.set_uuid(last->wsrep.local_state_uuid());
  position.set_seqno(last->wsrep.last_committed());
  return exit;
}

pid_t CompletePid(pid_t before, pid_t pid, const v1::WsrepStatus& answer) {
  if (answer.cluster_status() != v1::CLUSTER_STATUS_PRIMARY) return before;
  const v1::LocalState state = answer.local_state();
  return state == v1::LOCAL_STATE_SYNCED || state == v1::LOCAL_STATE_DONOR ? pid : 0;
}

void TakeIn(const ProbeAnswer& answer, pid_t pid, const std::optional<v1::PrimaryView>& view_before,
            ObservedAnswer& observed) {
  observed.last = answer;
  observed.primary_pid = CompletePid(observed.primary_pid, pid, answer.wsrep);
  const auto& view = observed.last_primary_view;
  // Between two readings of one view the answer is of that view, and of no later one.
  const bool in_view = answer.wsrep.cluster_status() == v1::CLUSTER_STATUS_PRIMARY && observed.primary_pid != 0 &&
                       view && view_before && view->id() == view_before->id();
  if (in_view) observed.complete_in = view->id();
}

std::string NoteOn(const ProbeAnswer& answer, const std::string& dbserver) {
  std::vector<std::string> notes;
  if (answer.notify_hook && !NotifyHookSafe(answer.version)) {
    notes.push_back(absl::StrFormat(
        "mariadbd %s runs wsrep_notify_cmd with names that peers choose (CVE-2026-49261): unset it or upgrade",
        answer.version));
  }
  if (!answer.wsrep_node_name.empty() && answer.wsrep_node_name != dbserver) {
    notes.push_back(absl::StrFormat("its wsrep_node_name is '%s' and not %s: set it, or correct the configuration",
                                    answer.wsrep_node_name, dbserver));
  }
  return absl::StrJoin(notes, "; ");
}

v1::DbStatusReport BuildReport(const Observations& observations, BootTime now) {
  v1::DbStatusReport report;
  SetState(observations, report);
  *report.mutable_probe() = ProbeStatusOf(observations, now);
  *report.mutable_process() = ProcessOf(observations, now);
  if (Answered(observations)) AddAnswer(observations, report);
  if (report.running() == v1::TERNARY_NO) {
    *report.mutable_stopped() = observations.process.stopped;
    if (!observations.last_seen_view.id().empty())
      *report.mutable_stopped()->mutable_last_seen_view() = observations.last_seen_view;
  }
  *report.mutable_drain() = observations.drain;
  if (!observations.hold.split_id().empty()) *report.mutable_hold() = observations.hold;
  report.mutable_orders()->Assign(observations.orders.begin(), observations.orders.end());
  if (observations.answer.last_primary_view.has_value())
    *report.mutable_last_primary_view() = *observations.answer.last_primary_view;
  *report.mutable_lease() = observations.lease;
  *report.mutable_fence() = observations.fence;
  report.set_highest_epoch(observations.highest_epoch);
  report.set_config_version(observations.config_version);
  report.set_config_digest(observations.config_digest);
  // That no process runs is watched all the time, so it is never old; everything else is as old as the last question.
  const bool gone = report.running() == v1::TERNARY_NO;
  *report.mutable_age() = ToProto(
      gone || observations.answer.asked_at == BootTime() ? absl::ZeroDuration() : now - observations.answer.asked_at);
  return report;
}

}  // namespace minder
