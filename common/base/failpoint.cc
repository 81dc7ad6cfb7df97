#include "common/base/failpoint.h"

#ifdef MINDER_FAILPOINTS

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace minder {
namespace {

absl::Status Act(const std::string& point, const std::string& action) {
  std::fprintf(stderr, "failpoint %s: %s\n", point.c_str(), action.c_str());
  if (action == "exit") _exit(kFailpointExit);
  if (action == "stop") raise(SIGSTOP);
  return action == "error" ? absl::UnavailableError("failpoint " + point) : absl::OkStatus();
}

}  // namespace

absl::Status Failpoint(FailpointName name, std::string_view what) {
  const char* wanted = std::getenv("MINDER_FAILPOINTS");
  if (wanted == nullptr) return absl::OkStatus();
  const std::string point(name.name());
  const std::string exact = absl::StrFormat("%s/%s", point, what);
  for (const auto& entry : absl::StrSplit(wanted, ',')) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(entry, absl::MaxSplits('=', 1));
    if (parts.first == point || parts.first == exact) return Act(exact, parts.second);
  }
  return absl::OkStatus();
}

}  // namespace minder

#endif
