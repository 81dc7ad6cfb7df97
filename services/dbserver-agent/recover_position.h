#ifndef MINDER_SERVICES_DBSERVER_AGENT_RECOVER_POSITION_H_
#define MINDER_SERVICES_DBSERVER_AGENT_RECOVER_POSITION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mysql/grastate.h"
#include "services/dbserver-agent/process.h"

namespace minder {

// The position of a stopped server, by `command` (mariadbd and its arguments) --wsrep-recover. Its log goes to stderr,
// whatever log_error says, so that no file has to be writable for the mysql user (galera.md section 3). Blocks.
absl::StatusOr<RecoveredPosition> RecoverPosition(std::vector<std::string> command, absl::Duration deadline);

// SIGKILL, and waits until it has ended. Blocks, for some seconds at most.
absl::Status KillAndWait(const RunningServer& server);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_RECOVER_POSITION_H_
