#include "tests/lab/recovery.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "tests/lab/network.h"
#include "tests/lab/process.h"

namespace minder::lab {

absl::StatusOr<std::string> PositionToStartAt(const Plan& plan, const std::string& node) {
  const std::string home = plan.HostDirectory(node);
  MINDER_ASSIGN_OR_RETURN(const std::string saved, ReadFile(home + "/data/grastate.dat"));
  if (!absl::StrContains(absl::StrReplaceAll(saved, {{" ", ""}}), "seqno:-1\n")) return "";
  const std::string log = home + "/run/recover.log";
  MINDER_RETURN_IF_ERROR(RunCommand(OnHost(plan, node,
                                           {"/usr/sbin/mariadbd", absl::StrFormat("--defaults-file=%s/my.cnf", home),
                                            "--wsrep-recover", "--log-error=" + log}),
                                    absl::Seconds(60))
                             .status());
  MINDER_ASSIGN_OR_RETURN(const std::string text, ReadFile(log));
  std::error_code error;
  std::filesystem::remove(log, error);
  const std::string label = "WSREP: Recovered position: ";
  const std::size_t at = text.rfind(label);
  if (at == std::string::npos) return "";
  const std::string position = text.substr(at + label.size(), text.find('\n', at) - at - label.size());
  return position.substr(0, position.find(','));  // without a GTID after it
}

}  // namespace minder::lab
