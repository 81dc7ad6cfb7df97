#include "cli/print_rules.h"

#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/table.h"
#include "common/core/names.h"
#include "common/core/rules.h"

namespace minder {
namespace {

const char* NameOf(Action action) {
  switch (action) {
    case Action::kNothing:
      return "nothing";
    case Action::kEvict:
      return "evict";
    case Action::kPromote:
      return "promote";
    case Action::kRecover:
      return "recover";
  }
  return "";
}

// Mermaid has no escapes within quotes but its own.
std::string Quoted(const std::string& text) { return "\"" + absl::StrReplaceAll(text, {{"\"", "#quot;"}}) + "\""; }

}  // namespace

v1::RuleTable TheRules() {
  v1::RuleTable table;
  for (const Rule& rule : Rules()) {
    v1::RuleSummary& row = *table.add_rules();
    row.set_id(rule.id);
    row.set_diagnosis(rule.diagnosis);
    row.set_title(rule.title);
    row.set_action(NameOf(rule.action));
  }
  return table;
}

std::string RenderRules(const v1::RuleTable& table, bool color) {
  std::vector<std::vector<Cell>> rows;
  for (const v1::RuleSummary& rule : table.rules())
    rows.push_back({{rule.id()}, {ShortName(rule.diagnosis())}, {rule.action()}, {rule.title()}});
  return RenderTable({"RULE", "DIAGNOSIS", "DOES", "WHEN"}, rows, color);
}

std::string RenderMermaid(const v1::RuleTable& table) {
  std::string text = "flowchart TD\n";
  for (int i = 0; i < table.rules_size(); ++i) {
    const v1::RuleSummary& rule = table.rules(i);
    const std::string& id = rule.id();
    const std::string does = rule.action() == "nothing" ? "" : ": " + rule.action();
    text += absl::StrFormat("  %s{%s}\n", id, Quoted(id + ": " + rule.title() + "?"));
    text += absl::StrFormat("  %s -- yes --> %s_is[%s]\n", id, id, Quoted(ShortName(rule.diagnosis()) + does));
    if (i + 1 < table.rules_size()) text += absl::StrFormat("  %s -- no --> %s\n", id, table.rules(i + 1).id());
  }
  return text;
}

}  // namespace minder
