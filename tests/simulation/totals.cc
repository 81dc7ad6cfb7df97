#include "tests/simulation/totals.h"

#include "absl/strings/str_format.h"
#include "common/core/rules.h"

namespace minder {
void Totals::Add(const SimulationResult& result) {
  ++seeds;
  failed += result.failure.empty() ? 0 : 1;
  promoted += result.promotions > 0 ? 1 : 0;
  promotions += static_cast<std::uint64_t>(result.promotions);
  bootstraps += static_cast<std::uint64_t>(result.bootstraps);
  evictions += static_cast<std::uint64_t>(result.evictions);
  writes += static_cast<std::uint64_t>(result.writes);
  lost_by_galera += static_cast<std::uint64_t>(result.lost_by_galera);
  humans += result.human ? 1 : 0;
  if (!result.refusal.empty()) ++refused, ++refusals[result.refusal];
  for (const auto& [rule, count] : result.rules) ++rules[rule];
}

std::string WhyRefusesTooMuch(const Totals& totals) {
  if (totals.refused <= 2 * totals.promoted) return "";
  return absl::StrFormat("%d of %d seeds ended with a refusal, and %d saw a promotion: see --refusals", totals.refused,
                         totals.seeds, totals.promoted);
}

std::vector<std::string> WhyProvesNothing(const Totals& totals) {
  std::vector<std::string> why;
  if (const std::string refuses = WhyRefusesTooMuch(totals); !refuses.empty()) why.push_back(refuses);
  for (const Rule& rule : Rules()) {
    if (!totals.rules.contains(rule.id)) why.push_back(absl::StrFormat("no seed hit %s: %s", rule.id, rule.title));
  }
  return why;
}

}  // namespace minder
