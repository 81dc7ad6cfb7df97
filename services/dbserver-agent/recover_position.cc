#include "services/dbserver-agent/recover_position.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "absl/strings/str_format.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/base/subprocess.h"

namespace minder {
namespace {

constexpr absl::Duration kEndsWithin = absl::Seconds(10);  // the kernel takes a large process apart first

std::string LastLine(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

absl::StatusOr<RecoveredPosition> RecoverPosition(std::vector<std::string> command, absl::Duration deadline) {
  command.insert(command.end(), {"--wsrep-recover", "--skip-log-error"});
  MINDER_ASSIGN_OR_RETURN(const SubprocessResult result, RunSubprocess(command, deadline));
  if (result.exit.code != 0 || result.exit.signal != 0) {
    return absl::InternalError(absl::StrFormat("%s --wsrep-recover failed (exit code %d, signal %d): %s", command[0],
                                               result.exit.code, result.exit.signal, LastLine(result.output)));
  }
  MINDER_ASSIGN_OR_RETURN(RecoveredPosition recovered, ParseRecoveredPosition(result.output));
  spdlog::info("recovered position {}", recovered.start_position);
  return recovered;
}

absl::Status KillAndWait(const RunningServer& server) {
  syscall(SYS_pidfd_send_signal, server.pidfd.get(), SIGKILL, nullptr, 0);
  pollfd poll_fd{.fd = server.pidfd.get(), .events = POLLIN, .revents = 0};
  if (poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(kEndsWithin))) > 0) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrFormat("mariadbd (pid %d) does not end", server.pid));
}

}  // namespace minder
