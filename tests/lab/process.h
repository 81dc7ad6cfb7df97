#ifndef MINDER_TESTS_LAB_PROCESS_H_
#define MINDER_TESTS_LAB_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace minder::lab {

// A process found in one of the lab's network namespaces. The namespace itself is the record of what belongs to a lab:
// it cannot go stale as a file of process ids does, and what an agent started is in it too.
struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';     // of /proc/PID/stat: T is stopped
  std::string program;  // full path of its program
  std::vector<std::string> arguments;
};

// All processes of the network namespace but zombies; none when there is no such namespace.
std::vector<Process> ProcessesIn(const std::string& network_namespace);

// Waits for those that are just ending, which still have their locks and sockets.
absl::Status AwaitEnds(const std::string& network_namespace, absl::Duration deadline);

// The one that runs `program` there: not its children, nor a `mariadbd --wsrep-recover`, which is no server.
std::optional<Process> FindProcess(const std::string& network_namespace, const std::string& program);

// Sends a signal through a pidfd, after looking again that the process is still in that namespace: its id may have been
// given to another. NOT_FOUND when it is gone.
absl::Status Signal(const std::string& network_namespace, pid_t pid, int signal);

// SIGKILLs a process and waits until it has ended; reaps it when it is a child of ours. NOT_FOUND when it was gone
// already.
absl::Status Kill(const std::string& network_namespace, pid_t pid, absl::Duration deadline);

// SIGKILLs all processes of the namespace, again until none is left. DEADLINE_EXCEEDED after `deadline`.
absl::Status EndAllIn(const std::string& network_namespace, absl::Duration deadline);

// Runs argv and gives its output. An exit code other than 0 is INTERNAL, with the command and its first line of output.
absl::StatusOr<std::string> RunCommand(const std::vector<std::string>& argv,
                                       absl::Duration deadline = absl::Seconds(20));

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_PROCESS_H_
