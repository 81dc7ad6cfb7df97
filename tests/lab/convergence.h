#ifndef MINDER_TESTS_LAB_CONVERGENCE_H_
#define MINDER_TESTS_LAB_CONVERGENCE_H_

#include "absl/status/status.h"
#include "tests/lab/lab.h"

namespace minder::lab {

// Invariant I5, once nobody writes: all nodes show the same state uuid and the same last committed seqno, and the
// tables of the schema `lab` and their checksums are the same on each. UNAVAILABLE while a node is behind, DATA_LOSS
// when it is not and holds something else; both name two nodes and what they show. For WaitFor.
absl::Status Converged(const Lab& lab);

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_CONVERGENCE_H_
