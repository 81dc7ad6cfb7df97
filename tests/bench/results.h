#ifndef MINDER_TESTS_BENCH_RESULTS_H_
#define MINDER_TESTS_BENCH_RESULTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace minder::bench {

// One line of build/bench/results.json: what was measured, beside what it is measured against in the same run.
struct Result {
  std::string name;
  double value = 0;
  std::string unit = "ms";
  std::string baseline{};                  // what it is compared with; empty when with nothing
  std::optional<double> baseline_value{};  // nothing when the baseline never got there
  double limit = 0;                        // value must not be above it
  std::string why{};                       // what the values are made of

  bool ok() const { return value <= limit; }
};

// A list of {name, value, unit, baseline, baseline_value, ratio, limit, ok, why}; baseline_value and ratio are null
// where there is none, and so is why.
std::string ToJson(const std::vector<Result>& results);

// The same for humans, aligned.
std::string ToTable(const std::vector<Result>& results);

// The smallest value that at least `share` of the samples do not exceed (nearest rank); samples must not be empty.
absl::Duration Percentile(std::vector<absl::Duration> samples, double share);

// Rounds of one measurement; infinite where it never got there. The worst one, nothing when that is infinite.
using Rounds = std::vector<absl::Duration>;
std::optional<absl::Duration> Worst(const Rounds& rounds);

// For `why`: "rounds of 12, 15, 130 ms", "of 500: median 1, p99 6, worst 9 ms".
std::string InRounds(const Rounds& rounds);
std::string Spread(const std::vector<absl::Duration>& samples);

}  // namespace minder::bench

#endif  // MINDER_TESTS_BENCH_RESULTS_H_
