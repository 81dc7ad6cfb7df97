#ifndef MINDER_CLI_QUERY_H_
#define MINDER_CLI_QUERY_H_

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/session.h"

namespace minder {

// The verbs that change nothing.

// Shows the summary, once (kNotHealthy when it is not HEALTHY) or, with --watch, after every change.
ExitCode RunStatusSummary(const CommandLine& line, const Session& session);
// Shows fresh reports; kTimedOut when a dbserver did not answer.
ExitCode RunRequestStatus(const CommandLine& line, const Session& session);
// Shows the decision of now with all that it rests on.
ExitCode RunExplain(const Session& session);
// Prints the same as JSON, for RunReplay.
ExitCode RunCapture(const Session& session);
// Shows the audit trail; kError when it was tampered with.
ExitCode RunHistory(const CommandLine& line, const Session& session);
// Prints changes until a signal, or until --deadline, which is then the wanted end.
ExitCode RunWatch(const CommandLine& line, const Session& session);
// Prints the names of the dbservers for the completion scripts: within a second or not at all, and nothing on stderr.
ExitCode RunNodes(const Session& session);

}  // namespace minder

#endif  // MINDER_CLI_QUERY_H_
