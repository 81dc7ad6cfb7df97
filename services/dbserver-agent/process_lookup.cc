#include "services/dbserver-agent/process_lookup.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"

namespace minder {
namespace {

std::string ProcPath(pid_t pid, const char* name) { return absl::StrFormat("/proc/%d/%s", pid, name); }

// "" when the process is gone, which may happen between open and read: no stream, whose buffer throws then.
std::string ReadProc(pid_t pid, const char* name) { return ReadFile(ProcPath(pid, name)).value_or(""); }

// Fields of /proc/PID/stat from the third on; the second, the name, may hold anything, so they are counted from its
// end.
std::vector<std::string> StatFields(pid_t pid) {
  const std::string stat = ReadProc(pid, "stat");
  const std::size_t end_of_name = stat.rfind(") ");
  if (end_of_name == std::string::npos) return {};
  return absl::StrSplit(stat.substr(end_of_name + 2), ' ');
}

bool HasEnded(const UniqueFd& pidfd) {
  pollfd poll_fd{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  return poll(&poll_fd, 1, 0) > 0;
}

bool WorksIn(pid_t pid, const std::string& directory) {
  struct stat wanted {};
  struct stat actual {};
  return stat(directory.c_str(), &wanted) == 0 && stat(ProcPath(pid, "cwd").c_str(), &actual) == 0 &&
         wanted.st_dev == actual.st_dev && wanted.st_ino == actual.st_ino;
}

bool WasStartedAs(const std::string& cmdline, const std::vector<std::string>& command) {
  return !command.empty() && absl::StartsWith(cmdline, absl::StrJoin(command, std::string(1, '\0')) + '\0');
}

bool IsMariadbd(pid_t pid, const ServerTraits& traits) {
  std::error_code error;
  const std::string name = std::filesystem::read_symlink(ProcPath(pid, "exe"), error).filename().string();
  // " (deleted)" may follow: the package was upgraded under the running server.
  if (!absl::StartsWith(name, "mariadbd") && !absl::StartsWith(name, "mysqld")) return false;
  const std::string cmdline = ReadProc(pid, "cmdline");
  if (absl::StrContains(absl::StrReplaceAll(cmdline, {{"_", "-"}}), "--wsrep-recover")) return false;
  return WorksIn(pid, traits.data_dir) || WasStartedAs(cmdline, traits.command);
}

// The pidfd comes first and is looked at again last: what was checked in between is then that very process.
std::optional<RunningServer> Check(pid_t pid, const ServerTraits& traits) {
  auto server = HoldProcess(pid);
  if (!server.ok() || !IsMariadbd(pid, traits) || HasEnded(server->pidfd)) return std::nullopt;
  return *std::move(server);
}

pid_t PidIn(const std::string& pid_file) {
  const auto content = ReadFile(pid_file, 64);
  pid_t pid = 0;
  if (!content.ok() || !absl::SimpleAtoi(*content, &pid) || pid <= 0) return 0;
  return pid;
}

}  // namespace

absl::StatusOr<RunningServer> HoldProcess(pid_t pid) {
  RunningServer server;
  server.pid = pid;
  MINDER_ASSIGN_OR_RETURN(server.pidfd, OpenPidfd(pid));
  const std::vector<std::string> fields = StatFields(pid);
  double ticks = 0;
  // Fields 3, state, and 22, start in clock ticks since boot (proc(5)).
  if (fields.size() < 20 || fields[0] == "Z" || !absl::SimpleAtod(fields[19], &ticks) || HasEnded(server.pidfd)) {
    return absl::NotFoundError(absl::StrFormat("no process %d", pid));
  }
  server.started_at = SinceBoot(absl::Seconds(ticks / static_cast<double>(sysconf(_SC_CLK_TCK))));
  return server;
}

bool HasOpenedData(pid_t pid) {
  constexpr std::array<absl::string_view, 3> kDataFiles = {"ibdata1", "ib_logfile0", "aria_log_control"};
  std::error_code error;
  bool any = false;
  for (std::filesystem::directory_iterator it(ProcPath(pid, "fd"), error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    const std::string name = std::filesystem::read_symlink(it->path(), gone).filename().string();
    if (std::find(kDataFiles.begin(), kDataFiles.end(), name) != kDataFiles.end()) return true;
    any = true;
  }
  return error || !any;
}

bool StartedAsFirstNode(pid_t pid) {
  const std::string cmdline = absl::StrReplaceAll(ReadProc(pid, "cmdline"), {{"_", "-"}});
  return absl::StrContains(cmdline, "--wsrep-new-cluster");
}

std::optional<RunningServer> FindMariadbd(const ServerTraits& traits) {
  if (const pid_t pid = PidIn(traits.pid_file); pid > 0) {
    if (auto server = Check(pid, traits)) return server;
  }
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(it->path().filename().string(), &pid)) continue;
    if (auto server = Check(pid, traits)) return server;
  }
  return std::nullopt;
}

}  // namespace minder
