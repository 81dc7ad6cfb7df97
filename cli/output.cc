#include "cli/output.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace minder {
namespace {

bool IsSet(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

bool IsDumbTerminal() {
  const char* term = std::getenv("TERM");
  return term == nullptr || std::strcmp(term, "dumb") == 0;
}

}  // namespace

Output::Output(bool no_color)
    : terminal_(isatty(STDOUT_FILENO) == 1 && !IsDumbTerminal()),
      color_(terminal_ && !no_color && !IsSet("NO_COLOR")) {}

void Output::Data(const std::string& text) {
  if (!status_.ok()) return;
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written) status_ = absl::ErrnoToStatus(errno, "cannot write to stdout");
}

void Output::Redraw(const std::string& text) { Data("\x1b[H\x1b[2J" + text); }

void Output::Message(const std::string& text) const { Progress("minderctl: " + text + "\n"); }

void Output::Progress(const std::string& lines) const { std::fputs(lines.c_str(), stderr); }

}  // namespace minder
