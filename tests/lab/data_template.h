#ifndef MINDER_TESTS_LAB_DATA_TEMPLATE_H_
#define MINDER_TESTS_LAB_DATA_TEMPLATE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lab/plan.h"

namespace minder::lab {

// Makes, once per MariaDB version, the data directory that every node of every lab starts from, under `cache`, and
// gives its path. It holds the lab's accounts and has been a cluster of one member that was shut down cleanly, so all
// copies have one state uuid and seqno and no node needs a state transfer. It is made on the first host of `plan`,
// whose network has to be there: should the maker die, what it leaves goes with the lab.
absl::StatusOr<std::string> EnsureDataTemplate(const Plan& plan, const std::string& cache);

// Copies the template to each node's host directory and writes its my.cnf. The nodes' gvwstate.dat say that they were
// the members of one primary component, which they form again when all are up (pc.recovery, galera.md section 1: 1.8
// s); one after the other would take 10 s.
absl::Status MakeDataDirectories(const Plan& plan, const std::string& data_template);

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_DATA_TEMPLATE_H_
