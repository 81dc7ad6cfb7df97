#ifndef MINDER_SERVICES_DBSERVER_AGENT_PROCESS_H_
#define MINDER_SERVICES_DBSERVER_AGENT_PROCESS_H_

#include <sys/types.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/subprocess.h"
#include "common/base/unique_fd.h"
#include "minder/v1/status.pb.h"

namespace minder {

// A mariadbd that runs. The pidfd makes it this very process, whatever becomes of its number.
struct RunningServer {
  pid_t pid = 0;
  UniqueFd pidfd;
  BootTime started_at;
};

// How a mariadbd ended.
struct Ending {
  std::optional<ExitStatus> status;  // nothing when we are not its parent and nobody can say
  bool asked_for = false;  // a clean shutdown: by minder, by systemd, or by a human who is not to be overruled
};

// Manages one mariadbd. All calls block, each for a bounded time: for a worker.
class ServerProcess {
 public:
  virtual ~ServerProcess() = default;

  // The server that runs now, nothing when it is certain that none does. An error means: not known.
  virtual absl::StatusOr<std::optional<RunningServer>> Find() = 0;

  // Starts it, never with a bootstrap flag. After an unclean stop it first recovers the position from InnoDB.
  // FAILED_PRECONDITION, and not started, when its own configuration has such a flag, or when the position on disk is
  // beyond `not_beyond`, if that is given.
  virtual absl::StatusOr<RunningServer> Start(const std::optional<v1::Position>& not_beyond) = 0;

  // Starts it as the first node of the cluster, this once, with its last view moved aside. FAILED_PRECONDITION when it
  // runs, or holds no data; an error of any other kind leaves open whether it starts.
  virtual absl::StatusOr<RunningServer> Bootstrap() = 0;

  // Ends a server that waits for a primary component, and so has not opened its data. FAILED_PRECONDITION when it has.
  virtual absl::Status EndWaiting() = 0;

  // Has ReadStopped know the position of a stopped server, also of one that crashed.
  virtual absl::Status Collect() = 0;

  // Takes away what would make the next start a bootstrap. FAILED_PRECONDITION names what only a human can take away.
  virtual absl::Status ClearBootstrap() = 0;

  // Asks it to stop and waits; DEADLINE_EXCEEDED when it has not ended after `deadline`.
  virtual absl::Status Stop(absl::Duration deadline) = 0;

  // How `pid`, whose pidfd has shown its end, ended.
  virtual Ending HowEnded(pid_t pid) = 0;

  // What lies on disk; only while it is stopped.
  virtual v1::StoppedState ReadStopped() = 0;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_PROCESS_H_
