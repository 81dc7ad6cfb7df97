#ifndef MINDER_COMMON_BASE_SUBPROCESS_H_
#define MINDER_COMMON_BASE_SUBPROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/unique_fd.h"

namespace minder {

// How a process ended: `code` when `signal` is 0.
struct ExitStatus {
  int code = 0;
  int signal = 0;
};

struct SubprocessResult {
  ExitStatus exit;
  std::string output;  // stdout and stderr together, cut to its first 1 MB
};

// Runs argv[0], found on the PATH, with no shell and no input, and waits for it. DEADLINE_EXCEEDED when it has not
// ended after `deadline`; its process group is then killed. NOT_FOUND when there is no such program. An exit code other
// than 0 is not an error here. Blocks: for workers.
absl::StatusOr<SubprocessResult> RunSubprocess(const std::vector<std::string>& argv, absl::Duration deadline);

// A started process and a pidfd that becomes readable when it ends.
struct Spawned {
  pid_t pid = 0;
  UniqueFd pidfd;
};

// Starts argv[0] in a session of its own, so that it outlives the caller, with stdout and stderr appended to `log_path`
// ("" for /dev/null), and `input`, if given, as stdin.
absl::StatusOr<Spawned> Spawn(const std::vector<std::string>& argv, const std::string& log_path, int input = -1);

// pidfd of a running process; NOT_FOUND when there is none with this id.
absl::StatusOr<UniqueFd> OpenPidfd(pid_t pid);

// Reaps a child that has ended, and says how. FAILED_PRECONDITION when it is no child of ours or still runs.
absl::StatusOr<ExitStatus> Reap(pid_t pid);

}  // namespace minder

#endif  // MINDER_COMMON_BASE_SUBPROCESS_H_
