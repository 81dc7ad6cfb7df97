#include "cli/print_explain.h"

#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/core/names.h"
#include "common/core/proto_time.h"

namespace minder {
namespace {

using Lines = google::protobuf::RepeatedPtrField<std::string>;

// A list under a title; nothing when the list is empty.
std::string List(const std::string& title, const Lines& lines) {
  if (lines.empty()) return "";
  std::string text = title + "\n";
  for (const std::string& line : lines) text += absl::StrFormat("  %s\n", Printable(line));
  return text;
}

Cell ValueCell(v1::Ternary value) { return {ShortName(value)}; }

std::string RenderEvidence(const v1::Decision& decision, bool color) {
  std::vector<std::vector<Cell>> rows;
  for (const v1::Evidence& evidence : decision.evidence())
    rows.push_back({{evidence.fact()}, ValueCell(evidence.value()), {evidence.detail()}});
  return RenderTable({"FACT", "VALUE", "DETAIL"}, rows, color);
}

// "b1: make_primary"; that balancers know the drains is not worth a line.
Lines OrdersOf(const v1::Decision& decision) {
  Lines lines;
  for (const v1::Order& order : decision.orders()) {
    if (order.verb_case() == v1::Order::VERB_NOT_SET || order.has_routing_intent()) continue;
    *lines.Add() = absl::StrFormat("%s: %s", order.receiver().name(),
                                   v1::Order::descriptor()->FindFieldByNumber(order.verb_case())->name());
  }
  return lines;
}

}  // namespace

std::string RenderDecision(const v1::Decision& decision, bool color) {
  const Tone tone = decision.diagnosis() == v1::DIAGNOSIS_HEALTHY ? Tone::kGood : Tone::kWarn;
  return absl::StrFormat("%s (rule %s, epoch %d): %s\n", Paint(ShortName(decision.diagnosis()), tone, color),
                         Printable(decision.rule()), decision.next().epoch(), Printable(decision.reason()));
}

std::string RenderExplain(const v1::ExplainResponse& response, bool color) {
  const v1::Decision& decision = response.decision();
  std::string text =
      absl::StrFormat("%s %s", Printable(response.configuration().cluster()), RenderDecision(decision, color));
  text += absl::StrFormat("digest of this state: %s\n\n", Printable(response.digest()));
  text += RenderEvidence(decision, color) + "\n";
  text += List("Split brain:", response.split_brain());
  if (response.has_recovery()) text += RenderRecovery(response.recovery(), color) + "\n";
  text += List("Proven for a promotion:", response.present());
  text += List("Missing for a promotion:", response.missing());
  const Lines orders = OrdersOf(decision);
  text += orders.empty() ? "Nothing is ordered.\n" : List("Ordered:", orders);
  const bool forced = response.command().find("--force") != std::string::npos;
  if (!response.command().empty()) {
    text +=
        absl::StrFormat("A human may%s:\n  %s\n", forced ? ", once it is certain that no other node is primary" : "",
                        Printable(response.command()));
  }
  return text;
}

std::string RenderPromotion(const v1::Decision& decision, const std::string& digest) {
  const v1::Grant& grant = decision.next().grant();
  std::string text = absl::StrFormat("make %s primary, at epoch %d, on state %s:\n",
                                     Printable(absl::StrJoin(grant.group(), "+")), grant.epoch(), Printable(digest));
  for (const std::string& evidence : grant.evidence()) text += absl::StrFormat("  %s\n", Printable(evidence));
  if (grant.evidence().empty()) text += "  there are no others\n";
  return text;
}

std::string RenderRecovery(const v1::RecoveryPlan& plan, bool color) {
  std::vector<std::vector<Cell>> rows;
  for (const v1::RecoveryNode& node : plan.nodes()) {
    const v1::Position& position = node.position();
    const std::string shown =
        node.has_position() ? absl::StrFormat("%s:%d", position.uuid(), position.seqno()) : "unknown";
    const bool is_source = node.dbserver() == plan.source();
    rows.push_back({{node.dbserver()}, {node.state()}, {shown, is_source ? Tone::kGood : Tone::kPlain}, {node.note()}});
  }
  std::string text = RenderTable({"NODE", "STATE", "POSITION", "NOTE"}, rows, color);
  text += List("Missing for a recovery:", plan.missing());
  text += List("Before the positions are trusted:", plan.warnings());
  text += List("A recovery would:", plan.steps());
  if (!plan.cure().empty()) text += absl::StrFormat("A human may: %s\n", Printable(plan.cure()));
  return text;
}

std::string RenderHistory(const v1::HistoryResponse& response, absl::TimeZone zone, bool wide) {
  std::vector<std::string> header = {"NO", "TIME", "KIND", "EPOCH"};
  if (wide) header.insert(header.end(), {"HASH", "EVIDENCE"});
  header.push_back("WHAT");
  std::vector<std::vector<Cell>> rows;
  for (const v1::HistoryEntry& entry : response.entries()) {
    const v1::AuditRecord& record = entry.record();
    std::vector<Cell> row = {{absl::StrFormat("%d", entry.number())},
                             {absl::FormatTime("%Y-%m-%d %H:%M:%E3S", FromProto(entry.time()), zone)},
                             {record.kind()},
                             {record.epoch() == 0 ? "" : absl::StrFormat("%d", record.epoch())}};
    if (wide) row.insert(row.end(), {Cell{entry.hash()}, Cell{absl::StrJoin(record.evidence(), "; ")}});
    row.push_back({record.text()});
    rows.push_back(std::move(row));
  }
  return RenderTable(header, rows, /*color=*/false);
}

}  // namespace minder
