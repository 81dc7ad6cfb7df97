#include "cli/confirm.h"

#include <poll.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>

#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "cli/text.h"

namespace minder {
namespace {

// One line from the terminal, which hands over whole lines; nothing at its end or on a signal.
std::optional<std::string> ReadLine(const CallGuard& guard) {
  while (!guard.interrupted()) {
    pollfd terminal{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (poll(&terminal, 1, /*timeout_ms=*/50) <= 0) continue;  // so that a signal is seen
    char text[256];
    const ssize_t size = read(STDIN_FILENO, text, sizeof(text));
    if (size <= 0) return std::nullopt;
    return std::string(absl::StripSuffix(std::string(text, size), "\n"));
  }
  return std::nullopt;
}

}  // namespace

ExitCode AskToType(const Session& session, const std::string& name, const std::string& flag) {
  if (isatty(STDIN_FILENO) != 1) {
    session.output.Message(absl::StrFormat(
        "this has to be confirmed, and there is no terminal to ask on; nothing was done; confirm it with %s", flag));
    return ExitCode::kUsage;
  }
  session.output.Progress(absl::StrFormat("Type %s to go on: ", Printable(name)));
  const std::optional<std::string> typed = ReadLine(session.guard);
  if (typed == name) return ExitCode::kOk;
  if (!typed) session.output.Progress("\n");
  if (session.guard.interrupted()) {
    session.output.Message("interrupted; nothing was done");
    return ExitCode::kInterrupted;
  }
  session.output.Message("not confirmed; nothing was done");
  return ExitCode::kError;
}

std::string Signed(const std::string& reason) {
  const char* behind_sudo = getuid() == 0 ? std::getenv("SUDO_USER") : nullptr;
  const passwd* entry = getpwuid(getuid());
  const std::string who = behind_sudo != nullptr ? behind_sudo
                          : entry != nullptr     ? entry->pw_name
                                                 : absl::StrFormat("uid %d", getuid());
  return reason.empty() ? who : absl::StrFormat("%s: %s", who, reason);
}

}  // namespace minder
