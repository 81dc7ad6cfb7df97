#ifndef MINDER_SERVICES_DBSERVER_AGENT_PROCESS_LOOKUP_H_
#define MINDER_SERVICES_DBSERVER_AGENT_PROCESS_LOOKUP_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/dbserver-agent/process.h"

namespace minder {

// Takes hold of a running process: its pidfd and when it was started. NOT_FOUND when it does not run (a zombie does
// not).
absl::StatusOr<RunningServer> HoldProcess(pid_t pid);

// Whether the process has opened the files of InnoDB or Aria, as /proc shows them: with a state transfer by file copy
// (every method but mysqldump), mariadbd does that once it is in a primary component and has its state, and takes no
// connection before (MariaDB sql/wsrep_mysqld.cc, wsrep_init_startup). True when it cannot be told.
bool HasOpenedData(pid_t pid);

// Whether the process was started as the first node of a cluster, as its command line says.
bool StartedAsFirstNode(pid_t pid);

// By what a mariadbd is known.
struct ServerTraits {
  std::string pid_file;
  std::string data_dir;
  std::vector<std::string> command;  // as it was started, further arguments may follow; empty when not known
};

// The mariadbd with these traits that runs, nothing when none does. A pid file is a hint that may be stale, absent
// during a start, or name a stranger's process; so that every candidate must be a mariadbd that works in `data_dir` or,
// since it goes there only after a while, was started as `command`, and which is not a --wsrep-recover run. Candidates
// are the pid file's, then all processes.
std::optional<RunningServer> FindMariadbd(const ServerTraits& traits);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_PROCESS_LOOKUP_H_
