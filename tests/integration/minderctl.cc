#include "tests/integration/minderctl.h"

#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "google/protobuf/util/json_util.h"

namespace minder::lab {
namespace {

std::vector<std::string> CommandLine(const Lab& lab, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {lab.plan().bin_directory + "/minderctl", "--arbitrator",
                                   lab.plan().ArbitratorAddress()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

CtlResult Run(const std::vector<std::string>& argv) {
  const auto result = RunSubprocess(argv, absl::Minutes(1));
  if (!result.ok()) return {.code = 127, .output = std::string(result.status().message())};
  return {.code = result->exit.code, .output = result->output};
}

absl::Status Failed(const CtlResult& result) {
  return absl::UnavailableError(absl::StrFormat("minderctl exited with %d: %s", result.code, result.output));
}

template <typename Response>
absl::StatusOr<Response> Parsed(const CtlResult& result) {
  Response response;
  if (google::protobuf::util::JsonStringToMessage(result.output, &response).ok()) return response;
  return Failed(result);
}

}  // namespace

CtlResult Minderctl(const Lab& lab, const std::vector<std::string>& arguments) {
  return Run(CommandLine(lab, arguments));
}

std::future<CtlResult> MinderctlLater(const Lab& lab, const std::vector<std::string>& arguments) {
  return std::async(std::launch::async, Run, CommandLine(lab, arguments));
}

absl::StatusOr<v1::StatusSummaryResponse> Summary(const Lab& lab) {
  return Parsed<v1::StatusSummaryResponse>(Minderctl(lab, {"status_summary", "-o", "json"}));
}

std::string InBrief(const absl::StatusOr<v1::StatusSummaryResponse>& summary) {
  if (!summary.ok()) return std::string(summary.status().message());
  std::string brief =
      absl::StrFormat("%s by %s: %s", v1::Diagnosis_Name(summary->diagnosis()), summary->rule(), summary->reason());
  for (const v1::NodeSummary& node : summary->nodes()) {
    if (!node.note().empty()) absl::StrAppend(&brief, "; ", node.name(), ": ", node.note());
  }
  return brief;
}

absl::StatusOr<v1::HistoryResponse> History(const Lab& lab) {
  const CtlResult result = Minderctl(lab, {"history", "--limit", "100000", "-o", "json"});
  if (result.code != 0) return Failed(result);
  return Parsed<v1::HistoryResponse>(result);
}

absl::StatusOr<v1::NodeSummary> SummaryOf(const Lab& lab, const std::string& node) {
  MINDER_ASSIGN_OR_RETURN(const v1::StatusSummaryResponse summary, Summary(lab));
  for (const v1::NodeSummary& entry : summary.nodes()) {
    if (entry.name() == node) return entry;
  }
  return absl::UnavailableError(absl::StrFormat("%s is not in the summary", node));
}

absl::Status MoveAsideWhoIsBeyond(const Lab& lab, const v1::StatusSummaryResponse& summary) {
  for (const v1::NodeSummary& node : summary.nodes()) {
    if (!absl::StrContains(node.note(), kBeyond) || lab.Find(node.name()).ok()) continue;
    std::cerr << "moves the data of " << node.name() << " aside\n";
    MINDER_RETURN_IF_ERROR(lab.MoveDataAside(node.name()));
  }
  return absl::OkStatus();
}

}  // namespace minder::lab
