#ifndef MINDER_TESTS_BENCH_NON_PRIMARY_H_
#define MINDER_TESTS_BENCH_NON_PRIMARY_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "tests/lab/lab.h"

namespace minder::bench {

// When the node was first seen non-Primary, asked each millisecond on a session that is open already: to be called
// before the fault, on a thread of its own. DEADLINE_EXCEEDED after 40 s.
absl::StatusOr<BootTime> NonPrimaryAt(const lab::Lab& lab, const std::string& node);

}  // namespace minder::bench

#endif  // MINDER_TESTS_BENCH_NON_PRIMARY_H_
