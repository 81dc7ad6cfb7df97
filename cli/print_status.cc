#include "cli/print_status.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/core/names.h"
#include "common/core/proto_time.h"

namespace minder {
namespace {

absl::Duration ToDuration(const google::protobuf::Duration& d) {
  return absl::Seconds(d.seconds()) + absl::Nanoseconds(d.nanos());
}

Tone ToneOf(v1::Diagnosis diagnosis) {
  switch (diagnosis) {
    case v1::DIAGNOSIS_HEALTHY:
      return Tone::kGood;
    case v1::DIAGNOSIS_DEGRADED:
    case v1::DIAGNOSIS_STARTING:
    case v1::DIAGNOSIS_PAUSED:
    case v1::DIAGNOSIS_GRANT_PENDING:
      return Tone::kWarn;
    default:
      return Tone::kBad;
  }
}

Cell TernaryCell(v1::Ternary value) {
  const Tone tone = value == v1::TERNARY_YES ? Tone::kPlain : value == v1::TERNARY_NO ? Tone::kBad : Tone::kWarn;
  return {ShortName(value), tone};
}

Cell LocalStateCell(v1::LocalState state) {
  return {ShortName(state), state == v1::LOCAL_STATE_SYNCED ? Tone::kPlain : Tone::kWarn};
}

Cell DrainCell(v1::DrainState state) {
  return {ShortName(state), state == v1::DRAIN_STATE_SERVING ? Tone::kPlain : Tone::kWarn};
}

Cell SeqnoCell(std::int64_t seqno) { return {seqno < 0 ? "" : absl::StrFormat("%d", seqno)}; }

Cell CountCell(std::uint64_t count) { return {absl::StrFormat("%d", count)}; }

Cell AgeCell(const v1::NodeSummary& node) {
  if (!node.has_report_age()) return {"never", Tone::kWarn};
  return {ShortDuration(ToDuration(node.report_age()))};
}

Cell BalancersCell(const v1::NodeSummary& node) {
  std::vector<std::string> words;
  for (const v1::BackendSummary& backend : node.backends()) {
    words.push_back(
        absl::StrFormat("%s:%s%s", backend.dbclient(), ShortName(backend.state()), backend.stale() ? "(stale)" : ""));
  }
  return {absl::StrJoin(words, " ")};
}

std::uint64_t Sessions(const v1::NodeSummary& node) {
  std::uint64_t sessions = 0;
  for (const v1::BackendSummary& backend : node.backends()) sessions += backend.sessions();
  return sessions;
}

std::vector<Cell> NodeRow(const v1::NodeSummary& node, bool wide) {
  std::vector<Cell> row = {{node.name()},
                           {node.data_centre()},
                           TernaryCell(node.running()),
                           TernaryCell(node.primary()),
                           LocalStateCell(node.local_state()),
                           SeqnoCell(node.seqno()),
                           DrainCell(node.drain_state()),
                           CountCell(node.weight()),
                           AgeCell(node),
                           BalancersCell(node)};
  if (wide) {
    const std::vector<Cell> more = {
        {node.group()}, CountCell(Sessions(node)), CountCell(node.open_transactions()), CountCell(node.connections())};
    row.insert(row.end(), more.begin(), more.end());
  }
  row.push_back({node.note(), Tone::kWarn});
  return row;
}

std::string Headline(const v1::StatusSummaryResponse& summary, bool color) {
  return absl::StrFormat("%s %s (rule %s, epoch %d): %s", Printable(summary.cluster()),
                         Paint(ShortName(summary.diagnosis()), ToneOf(summary.diagnosis()), color),
                         summary.rule().empty() ? "none" : Printable(summary.rule()), summary.epoch(),
                         Printable(summary.reason()));
}

std::vector<Cell> ReportRow(const v1::DbserverKnowledge& knowledge, bool answered) {
  const v1::DbStatusReport& report = knowledge.report();
  const v1::ProbeStatus& probe = report.probe();
  return {{knowledge.name()},
          answered ? Cell{"yes"} : Cell{"no", Tone::kBad},
          TernaryCell(report.running()),
          TernaryCell(report.primary()),
          {report.group()},
          LocalStateCell(report.wsrep().local_state()),
          SeqnoCell(report.has_wsrep() ? report.wsrep().last_committed() : -1),
          DrainCell(report.drain().state()),
          CountCell(report.open_transaction_count()),
          CountCell(report.connections()),
          {report.process().version()},
          {probe.healthy()         ? probe.note()
           : probe.error().empty() ? "no probe was answered"
                                   : probe.error(),
           Tone::kWarn}};
}

}  // namespace

std::string RenderSummary(const v1::StatusSummaryResponse& summary, bool wide, bool color) {
  std::vector<std::string> header = {"NAME",  "DC",    "RUNNING", "PRIMARY", "STATE",
                                     "SEQNO", "DRAIN", "WEIGHT",  "AGE",     "BALANCERS"};
  if (wide) header.insert(header.end(), {"GROUP", "SESSIONS", "TRANSACTIONS", "CONNECTIONS"});
  header.push_back("NOTE");
  std::vector<std::vector<Cell>> rows;
  for (const v1::NodeSummary& node : summary.nodes()) rows.push_back(NodeRow(node, wide));
  const std::string command =
      summary.command().empty() ? "" : absl::StrFormat("A human may: %s\n", Printable(summary.command()));
  return Headline(summary, color) + "\n" + command + RenderTable(header, rows, color);
}

std::string RenderReports(const v1::RequestStatusResponse& response, bool color) {
  const auto& silent = response.silent();
  std::vector<std::vector<Cell>> rows;
  for (const v1::DbserverKnowledge& knowledge : response.dbservers()) {
    const bool answered = std::find(silent.begin(), silent.end(), knowledge.name()) == silent.end();
    rows.push_back(ReportRow(knowledge, answered));
  }
  return RenderTable({"NAME", "ANSWERED", "RUNNING", "PRIMARY", "GROUP", "STATE", "SEQNO", "DRAIN", "TRANSACTIONS",
                      "CONNECTIONS", "VERSION", "PROBE"},
                     rows, color);
}

std::string RenderChanges(const v1::WatchResponse& response, absl::TimeZone zone, bool color) {
  const absl::Time time = FromProto(response.time());
  const std::string prefix = absl::FormatTime("%Y-%m-%d %H:%M:%S ", time, zone);
  if (response.changes().empty()) return prefix + Headline(response.summary(), color) + "\n";
  std::string lines;
  for (const std::string& change : response.changes()) lines += prefix + Printable(change) + "\n";
  return lines;
}

}  // namespace minder
