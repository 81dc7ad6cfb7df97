#ifndef MINDER_TESTS_BENCH_PRIMARY_H_
#define MINDER_TESTS_BENCH_PRIMARY_H_

#include <vector>

#include "absl/status/status.h"
#include "tests/bench/results.h"

namespace minder::bench {

// How long writes stand still when a member dies or the cluster splits: with minder, and in the same run with Galera
// alone or with a human who has the bare SQL ready.
absl::Status MeasurePrimary(std::vector<Result>& results);

// How long all servers need from the end of the last one of them to all Synced, as a ratio to a bare restart of all.
absl::Status MeasureFullStop(std::vector<Result>& results);

}  // namespace minder::bench

#endif  // MINDER_TESTS_BENCH_PRIMARY_H_
