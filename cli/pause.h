#ifndef MINDER_CLI_PAUSE_H_
#define MINDER_CLI_PAUSE_H_

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/session.h"

namespace minder {

// Keeps the arbitrator's hands off primary components for a while, and the end of that.
ExitCode RunPause(const CommandLine& line, const Session& session);
ExitCode RunResume(const CommandLine& line, const Session& session);

}  // namespace minder

#endif  // MINDER_CLI_PAUSE_H_
