#include "cli/session.h"

#include <random>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/print_json.h"
#include "cli/text.h"
#include "cli/verdict.h"

namespace minder {
namespace {

absl::StatusOr<std::string> Render(Format format, const google::protobuf::Message& message, const std::string& human,
                                   bool stream) {
  switch (format) {
    case Format::kJson:
      return stream ? ToJsonLine(message) : ToJson(message);
    case Format::kYaml: {
      auto yaml = ToYaml(message);
      if (yaml.ok() && stream) yaml = "---\n" + *yaml;
      return yaml;
    }
    case Format::kTable:
    case Format::kWide:
      break;
  }
  return human;
}

// "; the dbservers are node1, node2", or nothing when the arbitrator does not say.
std::string KnownNodes(const Session& session) {
  v1::StatusSummaryResponse summary;
  if (!session.client.StatusSummary(session.timeout, summary).status.ok() || summary.nodes().empty()) return "";
  std::vector<std::string> names;
  for (const v1::NodeSummary& node : summary.nodes()) names.push_back(Printable(node.name()));
  return "; the dbservers are " + absl::StrJoin(names, ", ");
}

}  // namespace

ExitCode Show(Output& output, Format format, const google::protobuf::Message& message, const std::string& human,
              bool stream) {
  const auto text = Render(format, message, human, stream);
  if (!text.ok()) {
    output.Message(Printable(std::string(text.status().message())));
    return ExitCode::kError;
  }
  output.Data(*text);
  return output.status().ok() ? ExitCode::kOk : ExitCode::kError;
}

ExitCode Show(const Session& session, const google::protobuf::Message& message, const std::string& human, bool stream) {
  return Show(session.output, session.format, message, human, stream);
}

std::string NewRequestId() {
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(), random());
}

ExitCode Fail(const Session& session, const CallResult& result) {
  if (session.guard.interrupted()) {
    session.output.Message("interrupted");
    return ExitCode::kInterrupted;
  }
  Verdict verdict = Judge(result, session.address, session.timeout);
  if (absl::IsNotFound(result.status) && result.detail.cure().empty()) verdict.message += KnownNodes(session);
  session.output.Message(verdict.message);
  return verdict.code;
}

ExitCode FailOrder(const Session& session, const CallResult& result, bool dry_run) {
  const ExitCode code = Fail(session, result);
  const bool unknown = absl::IsDeadlineExceeded(result.status) || WentAway(result);
  if (!dry_run && result.connected && unknown)
    session.output.Message("it may have been taken on all the same: 'minderctl explain' shows it");
  return code;
}

}  // namespace minder
