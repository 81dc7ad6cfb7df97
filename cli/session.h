#ifndef MINDER_CLI_SESSION_H_
#define MINDER_CLI_SESSION_H_

#include <string>

#include "absl/time/time.h"
#include "cli/call_guard.h"
#include "cli/control_client.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "google/protobuf/message.h"

namespace minder {

// What every verb works with.
struct Session {
  ControlClient& client;
  CallGuard& guard;
  Output& output;
  std::string address;     // of the arbitrator
  Format format;           // of data on stdout
  absl::Duration timeout;  // that the arbitrator has to answer
};

// Writes an answer to stdout: `human` for table and wide, otherwise the message as JSON or YAML; in a `stream`, JSON
// takes one line and YAML is a document of its own. kOk, or kError with a message on stderr.
ExitCode Show(const Session& session, const google::protobuf::Message& message, const std::string& human,
              bool stream = false);

// The same for a verb that asks no arbitrator.
ExitCode Show(Output& output, Format format, const google::protobuf::Message& message, const std::string& human,
              bool stream = false);

// Marks a call that changes something, so that a repeated one is the same one.
std::string NewRequestId();

// Says on stderr why a call did not succeed, and gives the exit code. To an unknown dbserver it adds the known ones,
// where the arbitrator did not.
ExitCode Fail(const Session& session, const CallResult& result);

// The same for a call that, unless it is a dry run, changes something and may have done so although no answer came.
ExitCode FailOrder(const Session& session, const CallResult& result, bool dry_run = false);

}  // namespace minder

#endif  // MINDER_CLI_SESSION_H_
