#ifndef MINDER_CLI_EXIT_CODE_H_
#define MINDER_CLI_EXIT_CODE_H_

namespace minder {

// What scripts may rely on; shown in `minderctl --help`.
enum class ExitCode {
  kOk = 0,
  kError = 1,
  kUsage = 2,
  kUnreachable = 3,
  kRefused = 4,     // by a rule
  kNotHealthy = 5,  // status_summary only
  kTimedOut = 6,
  kInterrupted = 130,
};

}  // namespace minder

#endif  // MINDER_CLI_EXIT_CODE_H_
