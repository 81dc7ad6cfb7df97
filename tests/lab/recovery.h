#ifndef MINDER_TESTS_LAB_RECOVERY_H_
#define MINDER_TESTS_LAB_RECOVERY_H_

#include <string>

#include "absl/status/statusor.h"
#include "tests/lab/plan.h"

namespace minder::lab {

// The UUID:SEQNO a stopped node is to be started at, from `mariadbd --wsrep-recover` (galera.md section 3), so that it
// asks for IST, not SST.
// "" when its grastate.dat tells the position, as after a clean shutdown, or when there is none.
absl::StatusOr<std::string> PositionToStartAt(const Plan& plan, const std::string& node);

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_RECOVERY_H_
