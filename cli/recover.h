#ifndef MINDER_CLI_RECOVER_H_
#define MINDER_CLI_RECOVER_H_

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/session.h"

namespace minder {

// Has the cluster recovered from a full stop, and waits until everybody is started; kRefused when it cannot be, or
// cannot go on, kTimedOut at the deadline, after which the recovery goes on all the same. Without --confirm the plan is
// shown and a human types the name of the dbserver that is started first.
ExitCode RunRecover(const CommandLine& line, const Session& session);

}  // namespace minder

#endif  // MINDER_CLI_RECOVER_H_
