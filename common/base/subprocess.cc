#include "common/base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"

extern char** environ;

namespace minder {
namespace {

constexpr std::size_t kMaxOutput = 1 << 20;

// posix_spawn rather than fork: the callers have gRPC's threads. Signals that the caller blocked or ignored are back to
// default in the child.
absl::StatusOr<pid_t> SpawnWith(const std::vector<std::string>& argv, int input_fd, int output_fd) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input_fd >= 0) {
    posix_spawn_file_actions_adddup2(&actions, input_fd, STDIN_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrFormat("cannot start %s", argv[0]));
  return pid;
}

// Reads until end of file; false when the deadline came first.
bool ReadUntil(int fd, BootTime deadline, std::string& output) {
  const BootClock clock;
  std::array<char, 16384> buffer;
  while (true) {
    const absl::Duration left = deadline - clock.Now();
    if (left <= absl::ZeroDuration()) return false;
    pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) <= 0) continue;
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n == 0 || (n < 0 && errno != EINTR)) return true;
    if (n > 0 && output.size() < kMaxOutput) output.append(buffer.data(), n);
  }
}

bool WaitUntil(pid_t pid, BootTime deadline) {
  const auto pidfd = OpenPidfd(pid);
  if (!pidfd.ok()) return true;
  pollfd poll_fd{.fd = pidfd->get(), .events = POLLIN, .revents = 0};
  const absl::Duration left = std::max(deadline - BootClock().Now(), absl::ZeroDuration());
  return poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) > 0;
}

}  // namespace

absl::StatusOr<SubprocessResult> RunSubprocess(const std::vector<std::string>& argv, absl::Duration deadline) {
  const BootTime until = BootClock().Now() + deadline;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  MINDER_ASSIGN_OR_RETURN(const pid_t pid, SpawnWith(argv, -1, writer.get()));
  writer.reset();
  SubprocessResult result;
  const bool ended = ReadUntil(reader.get(), until, result.output) && WaitUntil(pid, until);
  if (!ended) kill(-pid, SIGKILL);
  int wait_status = 0;
  while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) {
    return absl::DeadlineExceededError(
        absl::StrFormat("%s had not ended after %s and was killed", argv[0], absl::FormatDuration(deadline)));
  }
  result.exit = {.code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0,
                 .signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0};
  return result;
}

absl::StatusOr<Spawned> Spawn(const std::vector<std::string>& argv, const std::string& log_path, int input) {
  const std::string path = log_path.empty() ? "/dev/null" : log_path;
  UniqueFd log(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log.ok()) return absl::ErrnoToStatus(errno, absl::StrFormat("cannot write %s", path));
  Spawned spawned;
  MINDER_ASSIGN_OR_RETURN(spawned.pid, SpawnWith(argv, input, log.get()));
  MINDER_ASSIGN_OR_RETURN(spawned.pidfd, OpenPidfd(spawned.pid));
  return spawned;
}

absl::StatusOr<UniqueFd> OpenPidfd(pid_t pid) {
  UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (fd.ok()) return fd;
  if (errno == ESRCH || errno == EINVAL) return absl::NotFoundError(absl::StrFormat("no process %d", pid));
  return absl::ErrnoToStatus(errno, absl::StrFormat("cannot watch process %d", pid));
}

absl::StatusOr<ExitStatus> Reap(pid_t pid) {
  int wait_status = 0;
  if (waitpid(pid, &wait_status, WNOHANG) != pid) {
    return absl::FailedPreconditionError(absl::StrFormat("process %d is no child that has ended", pid));
  }
  return ExitStatus{.code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0,
                    .signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0};
}

}  // namespace minder
