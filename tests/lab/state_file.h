#ifndef MINDER_TESTS_LAB_STATE_FILE_H_
#define MINDER_TESTS_LAB_STATE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lab/plan.h"

namespace minder::lab {

// What is kept in <lab directory>/state.yaml, so that another process can act on the lab. Process ids are not: the
// namespaces tell them.
struct LabState {
  Plan plan;
  bool complete = false;  // it came up once; otherwise it is a left-over to be removed
};

absl::Status SaveState(const LabState& state);
// NOT_FOUND when the directory has no lab.
absl::StatusOr<LabState> LoadState(const std::string& directory);

// Reserves an id that no lab of this machine has, makes its data directory and saves the state, as one step among all
// labs. Removes labs first whose directory is gone or names another id: nobody could take them down any more.
absl::StatusOr<Plan> ReservePlan(Plan plan);

// Removes all that belongs to the plan's id, data directory last. Fine when it is gone already.
absl::Status RemoveLab(const Plan& plan);

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_STATE_FILE_H_
