#ifndef MINDER_CLI_PROMOTE_H_
#define MINDER_CLI_PROMOTE_H_

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/session.h"

namespace minder {

// The verbs with which a human decides about primary components. What may make two of them shows its plan and is
// confirmed, on the terminal or by a flag.

// Has a group promoted and waits until it is the primary component; kRefused when it is given up, kTimedOut at the
// deadline, after which the promotion goes on all the same.
ExitCode RunMakePrimary(const CommandLine& line, const Session& session);
// Gives a human's word that a dbserver is dead.
ExitCode RunDeclareDead(const CommandLine& line, const Session& session);

}  // namespace minder

#endif  // MINDER_CLI_PROMOTE_H_
