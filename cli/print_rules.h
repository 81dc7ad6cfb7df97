#ifndef MINDER_CLI_PRINT_RULES_H_
#define MINDER_CLI_PRINT_RULES_H_

#include <string>

#include "minder/v1/services.pb.h"

namespace minder {

// The rules that the core decides by.
v1::RuleTable TheRules();

// For humans: a row a rule.
std::string RenderRules(const v1::RuleTable& table, bool color);

// As a mermaid flowchart: each rule is a question whose "no" leads to the next one.
std::string RenderMermaid(const v1::RuleTable& table);

}  // namespace minder

#endif  // MINDER_CLI_PRINT_RULES_H_
