#ifndef MINDER_CLI_OFFLINE_H_
#define MINDER_CLI_OFFLINE_H_

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/settings.h"

namespace minder {

// The verbs that ask no arbitrator: the mind is a part of minderctl.

// Prints the rule table, or with --mermaid a flowchart of it.
ExitCode RunRules(const CommandLine& line, Output& output, Format format);
// explain --file: decides anew what `capture` wrote; says so when the arbitrator had decided otherwise.
ExitCode RunReplay(const CommandLine& line, Output& output, Format format);

}  // namespace minder

#endif  // MINDER_CLI_OFFLINE_H_
