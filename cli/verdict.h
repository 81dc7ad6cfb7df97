#ifndef MINDER_CLI_VERDICT_H_
#define MINDER_CLI_VERDICT_H_

#include <string>

#include "absl/time/time.h"
#include "cli/control_client.h"
#include "cli/exit_code.h"

namespace minder {

// What a call came to: the exit code, and one line that names the thing and the cure; the line is empty when all is
// well.
struct Verdict {
  ExitCode code = ExitCode::kOk;
  std::string message;
};

// Judges a call to the arbitrator at `address` that had `timeout` to answer.
Verdict Judge(const CallResult& result, const std::string& address, absl::Duration timeout);

// kOk for HEALTHY, otherwise kNotHealthy.
ExitCode JudgeHealth(const v1::StatusSummaryResponse& summary);

// True when the arbitrator went away under the call, so that an idempotent one may be made again.
bool WentAway(const CallResult& result);

}  // namespace minder

#endif  // MINDER_CLI_VERDICT_H_
