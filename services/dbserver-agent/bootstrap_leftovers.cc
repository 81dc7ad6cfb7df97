#include "services/dbserver-agent/bootstrap_leftovers.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/subprocess.h"
#include "common/config/bootstrap_flag.h"

namespace minder {
namespace {

constexpr absl::Duration kPrintDeadline = absl::Seconds(10);

}  // namespace

absl::Status CheckDefaults(const std::vector<std::string>& command) {
  std::vector<std::string> print = command;
  // Options about defaults come first, and among them this one last.
  const auto at = std::find_if(print.begin() + 1, print.end(), [](const std::string& argument) {
    return !absl::StartsWith(argument, "--defaults") && !absl::StartsWith(argument, "--no-defaults");
  });
  print.insert(at, "--print-defaults");
  MINDER_ASSIGN_OR_RETURN(const SubprocessResult result, RunSubprocess(print, kPrintDeadline));
  if (result.exit.code != 0 || result.exit.signal != 0)
    return absl::FailedPreconditionError(absl::StrFormat("%s cannot read its defaults: %s", command[0], result.output));
  const std::string flag = FindBootstrapFlag(absl::StrSplit(result.output, absl::ByAnyChar(" \n"), absl::SkipEmpty()));
  if (flag.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrFormat("its configuration files have %s, which would start a cluster of its own: remove it", flag));
}

}  // namespace minder
