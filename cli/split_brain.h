#ifndef MINDER_CLI_SPLIT_BRAIN_H_
#define MINDER_CLI_SPLIT_BRAIN_H_

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/session.h"

namespace minder {

// The verbs with which a human ends a split brain. Both show what follows and are confirmed, on the terminal or by a
// flag.

// Says which side stays.
ExitCode RunAcknowledge(const CommandLine& line, const Session& session);
// Lets a dbserver go on with the data that it has.
ExitCode RunRelease(const CommandLine& line, const Session& session);

}  // namespace minder

#endif  // MINDER_CLI_SPLIT_BRAIN_H_
