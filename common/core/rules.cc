#include "common/core/rules.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace minder {
namespace {

bool IsYes(const Fact& fact) { return fact.value == v1::TERNARY_YES; }

bool NothingMissing(const Facts& f) {
  return IsYes(f.primary_component) && IsYes(f.all_synced) && IsYes(f.none_drained) && IsYes(f.balancers_in_step) &&
         IsYes(f.configuration_agrees);
}

std::string WhatIsMissing(const Facts& f) {
  std::vector<std::string> missing;
  for (const Fact* fact :
       {&f.reports_fresh, &f.all_synced, &f.none_drained, &f.balancers_in_step, &f.configuration_agrees}) {
    if (!IsYes(*fact)) missing.push_back(fact->detail);
  }
  return absl::StrJoin(missing, "; ");
}

constexpr std::array kRules = {
    Rule{.id = "R100",
         .diagnosis = v1::DIAGNOSIS_HEALTHY,
         .matches = NothingMissing,
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("one primary component, %s, all Synced", f.primary_component.detail);
             }},
    Rule{.id = "R200",
         .diagnosis = v1::DIAGNOSIS_DEGRADED,
         .matches = [](const Facts& f) { return IsYes(f.primary_component); },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("one primary component, %s; %s", f.primary_component.detail, WhatIsMissing(f));
             }},
    Rule{.id = "R900",
         .diagnosis = v1::DIAGNOSIS_UNKNOWN,
         .matches = [](const Facts&) { return true; },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("no one primary component is known (%s); nothing is done",
                                      f.primary_component.detail);
             }},
};

constexpr bool IdsRise() {
  return std::ranges::is_sorted(kRules, std::ranges::less_equal{},
                                [](const Rule& rule) { return std::string_view(rule.id); }) &&
         std::ranges::all_of(kRules, [](const Rule& rule) { return std::string_view(rule.id).size() == 4; });
}
static_assert(IdsRise(), "rule ids are unique and in order");
static_assert(std::string_view(kRules.back().id) == "R900", "the last row is the default");

}  // namespace

std::span<const Rule> Rules() { return kRules; }

const Rule& MatchingRule(const Facts& facts) {
  return *std::ranges::find_if(kRules, [&](const Rule& rule) { return rule.matches(facts); });
}

}  // namespace minder
