#ifndef MINDER_SERVICES_DBSERVER_AGENT_CHILD_PROCESS_H_
#define MINDER_SERVICES_DBSERVER_AGENT_CHILD_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "services/dbserver-agent/process.h"

namespace minder {

// The agent is the parent of mariadbd: containers and the lab. mariadbd has a session of its own and outlives the
// agent; the next agent finds it again.
struct ChildProcessOptions {
  std::vector<std::string> command;  // mariadbd and its arguments; INVALID_ARGUMENT when a bootstrap flag is among them
  std::string pid_file;
  std::string data_dir;
  std::string output;  // file to which its stdout and stderr go
  // InnoDB may have much to recover after a crash of a large server.
  absl::Duration recover_deadline = absl::Minutes(30);
};
absl::StatusOr<std::unique_ptr<ServerProcess>> MakeChildProcess(ChildProcessOptions options);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_CHILD_PROCESS_H_
