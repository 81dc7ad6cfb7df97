#include "common/core/rules.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace minder {
namespace {

bool Always(const Facts&) { return true; }

bool IsYes(const Fact& fact) { return fact.value == v1::TERNARY_YES; }

bool NothingMissing(const Facts& f) {
  return IsYes(f.primary_component) && IsYes(f.all_synced) && IsYes(f.none_drained) && IsYes(f.balancers_in_step) &&
         IsYes(f.configuration_agrees) && IsYes(f.quorum_kept) && IsYes(f.servers_sound);
}

std::string WhatIsMissing(const Facts& f) {
  std::vector<std::string> missing;
  for (const Fact* fact : {&f.reports_fresh, &f.all_synced, &f.none_drained, &f.balancers_in_step,
                           &f.configuration_agrees, &f.quorum_kept, &f.servers_sound}) {
    if (!IsYes(*fact)) missing.push_back(fact->detail);
  }
  return absl::StrJoin(missing, "; ");
}

std::string WhyNotPromoted(const Facts& f) { return absl::StrJoin(f.promotion.missing, "; "); }

// Nobody is seen to be primary, and somebody runs whom it concerns.
bool NobodyPrimary(const Facts& f) { return f.somebody_primary.value != v1::TERNARY_YES && IsYes(f.somebody_seen); }

// After a full stop: why nothing is begun without a human, though it could be.
std::string WhyNotRecovered(const Facts& f) {
  if (!f.recovery_refused.empty()) return absl::StrFormat("the last recovery could not go on: %s", f.recovery_refused);
  if (!f.promotes_by_itself) return "promotion is manual";
  if (!IsYes(f.stopped_by_crash)) return f.stopped_by_crash.detail;
  if (IsYes(f.held_down)) return f.held_down.detail;
  return absl::StrJoin(f.recovery.warnings, "; ");
}

std::string HowFarRecovered(const Facts& f) {
  if (!f.recovery.unseen.empty()) return "waits, for nothing is known of " + absl::StrJoin(f.recovery.unseen, "; ");
  return f.recovery_ready.detail;
}

std::string PromotionReason(const Facts& f) {
  return absl::StrFormat("%s can be made primary: %s", f.group_ready.detail, f.others_proven.detail);
}

constexpr std::array kRules = {
    Rule{.id = "R010",
         .diagnosis = v1::DIAGNOSIS_PAUSED,
         .matches = [](const Facts& f) { return IsYes(f.paused); },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("paused %s; nothing new is begun%s", f.paused.detail,
                                      IsYes(f.split_brain) ? ", and " + f.split_brain.detail : "");
             },
         .title = "a human has paused the arbitrator"},
    Rule{.id = "R020",
         .diagnosis = v1::DIAGNOSIS_SPLIT_BRAIN,
         .matches = [](const Facts& f) { return IsYes(f.split_brain); },
         .reason = [](const Facts& f) { return f.split_brain.detail; },
         .title = "two primary components without a common member were seen, and no human has ended that"},
    Rule{.id = "R030",
         .diagnosis = v1::DIAGNOSIS_GRANT_PENDING,
         .matches = [](const Facts& f) { return IsYes(f.grant_open); },
         .reason = [](const Facts& f) { return f.grant_open.detail; },
         .title = "a promotion is under way"},
    Rule{.id = "R100",
         .diagnosis = v1::DIAGNOSIS_HEALTHY,
         .matches = NothingMissing,
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("one primary component, %s, all Synced", f.primary_component.detail);
             },
         .title = "one primary component, and nothing is missing"},
    Rule{.id = "R150",
         .diagnosis = v1::DIAGNOSIS_MEMBER_DEAD,
         .matches = [](const Facts& f) { return IsYes(f.primary_component) && IsYes(f.member_dead); },
         .reason = [](const Facts& f) { return f.member_dead.detail + "; it is evicted"; },
         .action = Action::kEvict,
         .title = "a member of the primary component was seen to exit, and is still waited for"},
    Rule{.id = "R200",
         .diagnosis = v1::DIAGNOSIS_DEGRADED,
         .matches = [](const Facts& f) { return IsYes(f.primary_component); },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("one primary component, %s; %s", f.primary_component.detail, WhatIsMissing(f));
             },
         .title = "one primary component, and something is missing"},
    Rule{.id = "R300",
         .diagnosis = v1::DIAGNOSIS_STARTING,
         .matches = [](const Facts& f) { return f.somebody_primary.value != v1::TERNARY_YES && IsYes(f.starting); },
         .reason = [](const Facts& f) { return f.starting.detail; },
         .title = "the arbitrator has just started and waits for reports"},
    Rule{.id = "R305",
         .diagnosis = v1::DIAGNOSIS_FULL_STOP,
         .matches = [](const Facts& f) { return f.recovery.applies && IsYes(f.recovering); },
         .reason = [](const Facts& f) { return absl::StrFormat("a recovery is under way: %s", HowFarRecovered(f)); },
         .action = Action::kRecover,
         .title = "nobody answers, and a recovery is under way"},
    Rule{.id = "R310",
         .diagnosis = v1::DIAGNOSIS_FULL_STOP,
         .matches = [](const Facts& f) { return IsYes(f.all_stopped) && IsYes(f.reforming); },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("every mariadbd is stopped, or waits; Galera forms the component again: %s",
                                      f.reforming.detail);
             },
         .title = "every mariadbd is stopped or waits, and Galera can form the last component by itself"},
    Rule{.id = "R320",
         .diagnosis = v1::DIAGNOSIS_FULL_STOP,
         .matches =
             [](const Facts& f) {
               return IsYes(f.all_stopped) && IsYes(f.recovery_ready) && WhyNotRecovered(f).empty();
             },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("every mariadbd is stopped, or waits; it is recovered: %s",
                                      f.recovery_ready.detail);
             },
         .action = Action::kRecover,
         .title = "every mariadbd crashed, and Galera does not form its component by itself"},
    Rule{.id = "R330",
         .diagnosis = v1::DIAGNOSIS_FULL_STOP,
         .matches = [](const Facts& f) { return IsYes(f.all_stopped) && IsYes(f.recovery_ready); },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("every mariadbd is stopped, or waits; a human has to recover it: %s",
                                      WhyNotRecovered(f));
             },
         .title = "the same, but a human has to say so"},
    Rule{.id = "R340",
         .diagnosis = v1::DIAGNOSIS_FULL_STOP,
         .matches = [](const Facts& f) { return IsYes(f.all_stopped); },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("every mariadbd is stopped, or waits, and cannot be recovered: %s",
                                      f.recovery_ready.detail);
             },
         .title = "every mariadbd is stopped, and it is not clear whose data counts"},
    Rule{.id = "R350",
         .diagnosis = v1::DIAGNOSIS_NO_PRIMARY_PARTIAL,
         .matches = [](const Facts& f) { return f.recovery.applies; },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("nobody answers, and it is not proven that everybody is stopped: %s",
                                      absl::StrJoin(f.recovery.unseen, "; "));
             },
         .title = "nobody answers, and about somebody nothing is proven"},
    Rule{.id = "R400",
         .diagnosis = v1::DIAGNOSIS_NO_PRIMARY,
         .matches =
             [](const Facts& f) {
               const bool may = f.requested || (f.promotes_by_itself && !IsYes(f.held_down));
               return NobodyPrimary(f) && f.promotion.Possible() && may;
             },
         .reason = PromotionReason,
         .action = Action::kPromote,
         .title = "no primary component, a group is ready, and about each other member there is proof or a promise"},
    Rule{.id = "R410",
         .diagnosis = v1::DIAGNOSIS_NO_PRIMARY,
         .matches = [](const Facts& f) { return NobodyPrimary(f) && f.promotion.Possible(); },
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("%s; %s", PromotionReason(f),
                                      IsYes(f.held_down) ? f.held_down.detail : "promotion is manual");
             },
         .title = "the same, but promotion is manual or held down"},
    Rule{.id = "R420",
         .diagnosis = v1::DIAGNOSIS_NO_PRIMARY,
         .matches = [](const Facts& f) { return NobodyPrimary(f) && IsYes(f.others_proven) && IsYes(f.reports_fresh); },
         .reason = [](const Facts& f) { return absl::StrFormat("nothing is promoted: %s", WhyNotPromoted(f)); },
         .title = "no primary component, everybody is seen, and something forbids a promotion"},
    Rule{.id = "R430",
         .diagnosis = v1::DIAGNOSIS_NO_PRIMARY_PARTIAL,
         .matches = NobodyPrimary,
         .reason = [](const Facts& f) { return absl::StrFormat("nothing is promoted: %s", WhyNotPromoted(f)); },
         .title = "no primary component is seen, and about somebody nothing is proven"},
    Rule{.id = "R900",
         .diagnosis = v1::DIAGNOSIS_UNKNOWN,
         .matches = Always,
         .reason =
             [](const Facts& f) {
               return absl::StrFormat("no one primary component is known (%s); nothing is done",
                                      f.primary_component.detail);
             },
         .title = "what is known allows no diagnosis"},
};

constexpr bool IdsRise() {
  return std::ranges::is_sorted(kRules, std::ranges::less_equal{},
                                [](const Rule& rule) { return std::string_view(rule.id); }) &&
         std::ranges::all_of(kRules, [](const Rule& rule) { return std::string_view(rule.id).size() == 4; });
}
static_assert(IdsRise(), "rule ids are unique and in order");
static_assert(kRules.back().matches == Always, "the last row is the default");

}  // namespace

std::span<const Rule> Rules() { return kRules; }

const Rule& MatchingRule(const Facts& facts) {
  return *std::ranges::find_if(kRules, [&](const Rule& rule) { return rule.matches(facts); });
}

}  // namespace minder
