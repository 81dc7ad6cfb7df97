#ifndef MINDER_SERVICES_DBSERVER_AGENT_PROCESS_LOOKUP_H_
#define MINDER_SERVICES_DBSERVER_AGENT_PROCESS_LOOKUP_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "services/dbserver-agent/process.h"

namespace minder {

// Takes hold of a running process: its pidfd and when it was started. NOT_FOUND when it does not run (a zombie does
// not).
absl::StatusOr<RunningServer> HoldProcess(pid_t pid);

// The mariadbd that runs on `data_dir`, nothing when none does. A pid file is a hint that may be stale, absent during a
// start, or name a stranger's process; so that every candidate must be a mariadbd whose working directory is `data_dir`
// and which is not a --wsrep-recover run. Candidates are `pid_file`'s, then all processes.
std::optional<RunningServer> FindMariadbd(const std::string& pid_file, const std::string& data_dir);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_PROCESS_LOOKUP_H_
