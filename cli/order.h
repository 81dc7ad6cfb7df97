#ifndef MINDER_CLI_ORDER_H_
#define MINDER_CLI_ORDER_H_

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/session.h"

namespace minder {

// The verbs that change something and take a while: they give the order, follow its progress on stderr and end when it
// is carried out. The order is the arbitrator's: it stays in force when minderctl ends earlier, and one request id
// makes it the same order after a reconnect.
ExitCode RunDrain(const CommandLine& line, const Session& session);
ExitCode RunUndrain(const CommandLine& line, const Session& session);

}  // namespace minder

#endif  // MINDER_CLI_ORDER_H_
