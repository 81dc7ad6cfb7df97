#include "services/dbserver-agent/bootstrap_leftovers.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/subprocess.h"
#include "common/config/bootstrap_flag.h"

namespace minder {
namespace {

constexpr absl::Duration kPrintDeadline = absl::Seconds(10);

// What starts mariadbd with another priority or the like stands before it.
bool IsMariadbd(absl::string_view argument) {
  const absl::string_view name = argument.substr(argument.rfind('/') + 1);
  return name == "mariadbd" || name == "mysqld";
}

}  // namespace

bool IsAboutDefaults(absl::string_view argument) {
  return absl::StartsWith(argument, "--defaults") || absl::StartsWith(argument, "--no-defaults");
}

absl::Status CheckDefaults(const std::vector<std::string>& command) {
  // Options about defaults come first, and among them this one last.
  const auto program = std::find_if(command.begin(), command.end(), IsMariadbd);
  const auto options = program == command.end() ? command.begin() + 1 : program + 1;
  std::vector<std::string> print(command.begin(), std::find_if_not(options, command.end(), IsAboutDefaults));
  print.push_back("--print-defaults");
  const std::string shown = absl::StrJoin(print, " ");
  MINDER_ASSIGN_OR_RETURN(const SubprocessResult result, RunSubprocess(print, kPrintDeadline));
  if (result.exit.code != 0 || result.exit.signal != 0)
    return absl::FailedPreconditionError(absl::StrFormat(
        "whether its configuration files would start a cluster of its own cannot be told, for `%s` fails: %s", shown,
        absl::StripAsciiWhitespace(result.output)));
  return CheckOptions(absl::StrSplit(result.output, absl::ByAnyChar(" \n"), absl::SkipEmpty()),
                      absl::StrFormat("in its configuration files (see `%s`)", shown));
}

absl::Status CheckOptions(const std::vector<std::string>& options, absl::string_view where) {
  const std::string flag = FindBootstrapFlag(options);
  if (flag.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s is %s, which would start a cluster of its own: remove it; a wsrep_cluster_address names every node", where,
      flag));
}

}  // namespace minder
