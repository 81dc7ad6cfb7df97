#ifndef MINDER_SERVICES_DBSERVER_AGENT_INSTANCE_LOCK_H_
#define MINDER_SERVICES_DBSERVER_AGENT_INSTANCE_LOCK_H_

#include <string>

#include "absl/status/statusor.h"
#include "common/base/unique_fd.h"

namespace minder {

// Makes `state_dir` and takes its lock, which the kernel gives back with the descriptor, also after kill -9.
// ALREADY_EXISTS when another agent has it: two would both manage the one mariadbd.
absl::StatusOr<UniqueFd> LockStateDir(const std::string& state_dir);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_INSTANCE_LOCK_H_
