#include "common/core/summary.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/names.h"
#include "common/core/position.h"
#include "common/core/proto_time.h"
#include "common/core/rejoin.h"
#include "common/core/same_configuration.h"

namespace minder {
namespace {

std::string Ago(const google::protobuf::Duration& age) {
  return absl::FormatDuration(absl::Trunc(FromProto(age), absl::Milliseconds(1)));
}

std::string HowItEnded(const v1::ObservedExit& exit) {
  if (exit.signal() != 0) return absl::StrFormat("ended by signal %d", exit.signal());
  return exit.status_known() ? absl::StrFormat("exited with code %d", exit.code()) : "ended";
}

// What a human should know of a node beyond its columns.
std::string NoteOn(const NodeFacts& node, const Facts& facts, const v1::Configuration& config) {
  if (node.report == nullptr) return "its agent has never reported to this arbitrator";
  std::vector<std::string> notes;
  const v1::DbStatusReport& report = *node.report;
  if (!node.fresh) notes.push_back("its agent is silent; what it last said is not believed");
  if (node.fresh && !report.probe().healthy() && !report.probe().error().empty())
    notes.push_back(report.probe().error());
  if (node.fresh && node.running != v1::TERNARY_YES && report.process().has_last_exit()) {
    const v1::ObservedExit& exit = report.process().last_exit();
    notes.push_back(absl::StrFormat("mariadbd %d %s %s ago", exit.pid(), HowItEnded(exit), Ago(exit.age())));
  }
  if (node.fresh && report.process().starting()) {
    notes.push_back("it is being started");
  } else if (node.fresh && report.process().has_restart_in()) {
    const std::string joins = WhoJoins(facts);
    const bool waits = !joins.empty() && FromProto(report.process().restart_in()) == absl::ZeroDuration();
    notes.push_back(waits ? absl::StrFormat("is started when %s has joined", joins)
                          : absl::StrFormat("restart in %s", Ago(report.process().restart_in())));
  }
  if (node.waiting) notes.push_back("waits for a primary component, and serves nobody");
  if (node.fresh && report.process().held()) notes.push_back("held down by a recovery");
  if (node.fresh && !report.process().start_error().empty()) notes.push_back(report.process().start_error());
  if (node.fresh && node.drain == nullptr && report.drain().state() > v1::DRAIN_STATE_SERVING) {
    notes.push_back(absl::StrFormat(
        "drained by an order that this arbitrator does not know; minderctl undrain %s ends it", node.config->name()));
  }
  const std::string other = WhyOtherConfiguration(config, report);
  if (node.fresh && !other.empty()) notes.push_back(other);
  if (!node.contradiction.empty()) notes.push_back("cannot be believed: " + node.contradiction);
  if (node.lost) {
    notes.push_back("held down, to be rebuilt: minderctl explain has the commands");
  } else if (node.fresh && report.has_hold()) {
    const bool known = facts.split && facts.split->id() == report.hold().split_id();
    notes.push_back(known
                        ? "held down after split brain: is not started by itself"
                        : absl::StrFormat("held down by an order that this arbitrator does not know; minderctl release "
                                          "%s --reason=WHY ends it",
                                          node.config->name()));
  }
  if (node.fresh && !report.probe().note().empty()) {
    notes.push_back(report.probe().note());
  } else if (node.fresh && !report.wsrep_node_name().empty() && report.wsrep_node_name() != node.config->name()) {
    notes.push_back(absl::StrFormat("its wsrep_node_name is '%s'", report.wsrep_node_name()));
  }
  return absl::StrJoin(notes, "; ");
}

v1::BackendSummary SummariseBackend(const BalancerFacts& balancer, const std::string& dbserver) {
  v1::BackendSummary summary;
  summary.set_dbclient(balancer.config->name());
  summary.set_stale(!balancer.fresh);
  if (balancer.report == nullptr) {
    summary.set_reason("its agent has never reported to this arbitrator");
    return summary;
  }
  const auto it = std::ranges::find(balancer.report->backends(), dbserver, &v1::Backend::dbserver);
  if (it != balancer.report->backends().end()) {
    summary.set_state(it->actual());
    summary.set_weight(it->weight());
    summary.set_sessions(it->sessions());
    summary.set_reason(it->reason());
  }
  if (!balancer.report->reachable()) summary.set_reason(balancer.report->error());
  return summary;
}

std::int64_t SeqnoOf(const v1::DbStatusReport& report) {
  if (report.has_wsrep()) return report.wsrep().last_committed();
  const bool known = report.stopped().has_recovered() || report.stopped().has_grastate();
  return known ? PositionOf(report.stopped()).seqno() : -1;
}

v1::NodeSummary SummariseNode(const NodeFacts& node, const Facts& facts, const v1::Configuration& config) {
  v1::NodeSummary summary;
  summary.set_name(node.config->name());
  summary.set_data_centre(node.config->data_centre());
  summary.set_running(node.running);
  summary.set_primary(node.primary);
  summary.set_seqno(-1);
  summary.set_note(NoteOn(node, facts, config));
  for (const BalancerFacts& balancer : facts.balancers) {
    *summary.add_backends() = SummariseBackend(balancer, node.config->name());
  }
  if (node.report == nullptr) return summary;
  *summary.mutable_report_age() = ToProto(node.age);
  summary.set_seqno(SeqnoOf(*node.report));
  summary.set_weight(node.report->provider_options().pc_weight());
  summary.set_drain_state(node.report->drain().state());
  if (!node.fresh) return summary;
  summary.set_group(node.report->group());
  summary.set_local_state(node.report->wsrep().local_state());
  summary.set_open_transactions(node.report->open_transaction_count());
  summary.set_connections(node.report->connections());
  return summary;
}

// "node3: primary yes -> unknown" for each column that differs.
void DescribeNodeChanges(const v1::NodeSummary& before, const v1::NodeSummary& after,
                         std::vector<std::string>& changes) {
  const auto compare = [&](const char* column, const std::string& was, const std::string& is) {
    if (was != is) changes.push_back(absl::StrFormat("%s: %s %s -> %s", after.name(), column, was, is));
  };
  compare("running", ShortName(before.running()), ShortName(after.running()));
  compare("primary", ShortName(before.primary()), ShortName(after.primary()));
  compare("group", before.group().empty() ? "unknown" : before.group(),
          after.group().empty() ? "unknown" : after.group());
  compare("state", ShortName(before.local_state()), ShortName(after.local_state()));
  compare("drain", ShortName(before.drain_state()), ShortName(after.drain_state()));
  compare("weight", absl::StrFormat("%d", before.weight()), absl::StrFormat("%d", after.weight()));
  for (const v1::BackendSummary& backend : after.backends()) {
    const auto it = std::ranges::find(before.backends(), backend.dbclient(), &v1::BackendSummary::dbclient);
    if (it == before.backends().end()) continue;
    compare(backend.dbclient().c_str(), ShortName(it->state()) + (it->stale() ? " (stale)" : ""),
            ShortName(backend.state()) + (backend.stale() ? " (stale)" : ""));
  }
}

}  // namespace

v1::StatusSummaryResponse Summarise(const v1::Configuration& config, const v1::ArbitratorState& state,
                                    const Facts& facts, const v1::Decision& decision) {
  v1::StatusSummaryResponse summary;
  summary.set_cluster(config.cluster());
  summary.set_diagnosis(decision.diagnosis());
  summary.set_rule(decision.rule());
  summary.set_reason(decision.reason());
  summary.set_epoch(state.durable().epoch());
  summary.set_config_version(config.version());
  for (const NodeFacts& node : facts.nodes) *summary.add_nodes() = SummariseNode(node, facts, config);
  return summary;
}

std::vector<std::string> DescribeChanges(const v1::StatusSummaryResponse& before,
                                         const v1::StatusSummaryResponse& after) {
  std::vector<std::string> changes;
  for (const v1::NodeSummary& node : after.nodes()) {
    const auto it = std::ranges::find(before.nodes(), node.name(), &v1::NodeSummary::name);
    if (it != before.nodes().end()) DescribeNodeChanges(*it, node, changes);
  }
  if (before.diagnosis() != after.diagnosis()) {
    changes.push_back(absl::StrFormat("diagnosis %s -> %s: %s", ShortName(before.diagnosis()),
                                      ShortName(after.diagnosis()), after.reason()));
  }
  return changes;
}

}  // namespace minder
