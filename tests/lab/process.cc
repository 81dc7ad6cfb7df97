#include "tests/lab/process.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/base/subprocess.h"
#include "tests/lab/wait_for.h"

namespace minder::lab {
namespace {

bool IsIn(const struct stat& space, pid_t pid) {
  struct stat info;
  return stat(absl::StrCat("/proc/", pid, "/ns/net").c_str(), &info) == 0 && info.st_ino == space.st_ino &&
         info.st_dev == space.st_dev;
}

bool StatNamespace(const std::string& name, struct stat* space) {
  return stat(absl::StrCat("/run/netns/", name).c_str(), space) == 0;
}

std::string Slurp(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

// One that is gone, or a zombie, is in no namespace. One that is just ending has no program any more, and may still
// hold its locks.
Process Describe(pid_t pid) {
  Process process;
  process.pid = pid;
  const std::string directory = absl::StrCat("/proc/", pid);
  std::error_code error;
  process.program = std::filesystem::read_symlink(directory + "/exe", error).string();
  // A program that was built anew since is still the same party.
  process.program = std::string(absl::StripSuffix(process.program, " (deleted)"));
  const std::string stat = Slurp(directory + "/stat");
  std::istringstream after_name(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
  after_name >> process.state >> process.parent;
  process.arguments = absl::StrSplit(Slurp(directory + "/cmdline"), '\0', absl::SkipEmpty());
  return process;
}

std::vector<Process> AllIn(const std::string& network_namespace) {
  std::vector<Process> found;
  struct stat space;
  if (!StatNamespace(network_namespace, &space)) return found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    pid_t pid = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &pid) && IsIn(space, pid)) found.push_back(Describe(pid));
  }
  return found;
}

absl::Status AwaitEnd(const UniqueFd& pidfd, pid_t pid, absl::Duration deadline) {
  pollfd ended{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, static_cast<int>(absl::ToInt64Milliseconds(deadline))) <= 0) {
    return absl::DeadlineExceededError(absl::StrFormat("killed process %d has not ended", pid));
  }
  Reap(pid).IgnoreError();  // when this process had started it
  return absl::OkStatus();
}

}  // namespace

std::vector<Process> ProcessesIn(const std::string& network_namespace) {
  std::vector<Process> found = AllIn(network_namespace);
  std::erase_if(found, [](const Process& p) { return p.program.empty() || p.state == 'Z'; });
  return found;
}

absl::Status AwaitEnds(const std::string& network_namespace, absl::Duration deadline) {
  const auto none_ends = [&] {
    const std::vector<Process> all = AllIn(network_namespace);
    const bool ends = std::ranges::any_of(all, [](const Process& p) { return p.program.empty() && p.state != 'Z'; });
    return ends ? absl::UnavailableError("some still end") : absl::OkStatus();
  };
  return WaitFor(none_ends, deadline, absl::StrFormat("the end of what ends in %s", network_namespace));
}

std::optional<Process> FindProcess(const std::string& network_namespace, const std::string& program) {
  std::vector<Process> all = ProcessesIn(network_namespace);
  std::erase_if(all, [&](const Process& p) {
    return p.program != program || absl::StrContains(absl::StrJoin(p.arguments, " "), "--wsrep-recover");
  });
  for (const Process& process : all) {
    const auto is_parent = [&](const Process& other) { return other.pid == process.parent; };
    if (std::none_of(all.begin(), all.end(), is_parent)) return process;
  }
  return std::nullopt;
}

absl::Status Signal(const std::string& network_namespace, pid_t pid, int signal) {
  MINDER_ASSIGN_OR_RETURN(const UniqueFd pidfd, OpenPidfd(pid));
  struct stat space;
  if (!StatNamespace(network_namespace, &space) || !IsIn(space, pid)) {
    return absl::NotFoundError(absl::StrFormat("process %d is not in %s any more", pid, network_namespace));
  }
  if (syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0) return absl::OkStatus();
  if (errno == ESRCH) return absl::NotFoundError(absl::StrFormat("process %d is gone", pid));
  return absl::ErrnoToStatus(errno, absl::StrFormat("cannot signal process %d", pid));
}

absl::Status Kill(const std::string& network_namespace, pid_t pid, absl::Duration deadline) {
  MINDER_ASSIGN_OR_RETURN(const UniqueFd pidfd, OpenPidfd(pid));
  MINDER_RETURN_IF_ERROR(Signal(network_namespace, pid, SIGKILL));
  return AwaitEnd(pidfd, pid, deadline);
}

absl::Status EndAllIn(const std::string& network_namespace, absl::Duration deadline) {
  // Again, because a process may have started another before its end.
  const auto none_left = [&]() -> absl::Status {
    const std::vector<Process> processes = ProcessesIn(network_namespace);
    for (const Process& process : processes) {
      const absl::Status killed = Kill(network_namespace, process.pid, deadline);
      if (!absl::IsNotFound(killed)) MINDER_RETURN_IF_ERROR(killed);
    }
    return processes.empty() ? absl::OkStatus() : absl::UnavailableError("some still run");
  };
  return WaitFor(none_left, deadline, absl::StrFormat("the end of all processes in %s", network_namespace));
}

absl::StatusOr<std::string> RunCommand(const std::vector<std::string>& argv, absl::Duration deadline) {
  MINDER_ASSIGN_OR_RETURN(SubprocessResult result, RunSubprocess(argv, deadline));
  if (result.exit.code == 0 && result.exit.signal == 0) return std::move(result.output);
  const std::string first_line = result.output.substr(0, result.output.find('\n'));
  return absl::InternalError(absl::StrFormat("%s: %s", absl::StrJoin(argv, " "), first_line));
}

}  // namespace minder::lab
