#include "tests/bench/results.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "common/base/check.h"

namespace minder::bench {
namespace {

std::string Number(std::optional<double> value) { return value ? absl::StrFormat("%.4g", *value) : "null"; }

std::optional<double> Ratio(const Result& result) {
  if (!result.baseline_value || *result.baseline_value == 0) return std::nullopt;
  return result.value / *result.baseline_value;
}

}  // namespace

std::string ToJson(const std::vector<Result>& results) {
  std::string json = "[\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Result& r = results[i];
    json += absl::StrFormat(
        "  {\"name\": \"%s\", \"value\": %s, \"unit\": \"%s\", \"baseline\": %s, \"baseline_value\": %s, \"ratio\": "
        "%s, "
        "\"limit\": %s, \"ok\": %s}%s\n",
        r.name, Number(r.value), r.unit, r.baseline.empty() ? "null" : "\"" + r.baseline + "\"",
        Number(r.baseline_value), Number(Ratio(r)), Number(r.limit), r.ok() ? "true" : "false",
        i + 1 < results.size() ? "," : "");
  }
  return json + "]\n";
}

std::string ToTable(const std::vector<Result>& results) {
  std::string table =
      absl::StrFormat("%-32s %10s %10s %-8s %12s  %s\n", "NAME", "VALUE", "LIMIT", "OK", "BASELINE", "AGAINST");
  for (const Result& r : results) {
    const std::string baseline = r.baseline.empty() ? "-" : r.baseline_value ? Number(r.baseline_value) : "never";
    table += absl::StrFormat("%-32s %10s %10s %-8s %12s  %s\n", r.name, Number(r.value) + " " + r.unit, Number(r.limit),
                             r.ok() ? "ok" : "MISSED", baseline, r.baseline);
  }
  return table;
}

absl::Duration Percentile(std::vector<absl::Duration> samples, double share) {
  MINDER_CHECK(!samples.empty());
  std::ranges::sort(samples);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
  return samples[std::clamp<std::size_t>(rank, 1, samples.size()) - 1];
}

}  // namespace minder::bench
