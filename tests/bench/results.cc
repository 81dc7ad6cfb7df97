#include "tests/bench/results.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/check.h"

namespace minder::bench {
namespace {

std::string Number(std::optional<double> value) { return value ? absl::StrFormat("%.4g", *value) : "null"; }

std::optional<double> Ratio(const Result& result) {
  if (!result.baseline_value || *result.baseline_value == 0) return std::nullopt;
  return result.value / *result.baseline_value;
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", " "}}), "\"");
}

std::string InMs(absl::Duration duration) {
  return duration == absl::InfiniteDuration() ? "never" : absl::StrFormat("%.4g", absl::ToDoubleMilliseconds(duration));
}

}  // namespace

std::string ToJson(const std::vector<Result>& results) {
  std::string json = "[\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Result& r = results[i];
    absl::StrAppendFormat(
        &json,
        "  {\"name\": %s, \"value\": %s, \"unit\": %s, \"baseline\": %s, \"baseline_value\": %s, \"ratio\": %s, "
        "\"limit\": %s, \"ok\": %s, \"why\": %s}%s\n",
        Quoted(r.name), Number(r.value), Quoted(r.unit), r.baseline.empty() ? "null" : Quoted(r.baseline),
        Number(r.baseline_value), Number(Ratio(r)), Number(r.limit), r.ok() ? "true" : "false",
        r.why.empty() ? "null" : Quoted(r.why), i + 1 < results.size() ? "," : "");
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
    if (!r.why.empty()) table += absl::StrFormat("  %s\n", r.why);
  }
  return table;
}

absl::Duration Percentile(std::vector<absl::Duration> samples, double share) {
  MINDER_CHECK(!samples.empty());
  std::ranges::sort(samples);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
  return samples[std::clamp<std::size_t>(rank, 1, samples.size()) - 1];
}

std::optional<absl::Duration> Worst(const Rounds& rounds) {
  MINDER_CHECK(!rounds.empty());
  const absl::Duration worst = std::ranges::max(rounds);
  return worst == absl::InfiniteDuration() ? std::nullopt : std::optional(worst);
}

std::string InRounds(const Rounds& rounds) {
  std::vector<std::string> texts;
  for (const absl::Duration round : rounds) texts.push_back(InMs(round));
  return absl::StrFormat("rounds of %s ms", absl::StrJoin(texts, ", "));
}

std::string Spread(const std::vector<absl::Duration>& samples) {
  return absl::StrFormat("of %d: median %s, p99 %s, worst %s ms", samples.size(), InMs(Percentile(samples, 0.5)),
                         InMs(Percentile(samples, 0.99)), InMs(Percentile(samples, 1)));
}

}  // namespace minder::bench
