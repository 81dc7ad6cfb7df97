#include "cli/offline.h"

#include <iostream>
#include <iterator>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "cli/print_explain.h"
#include "cli/print_rules.h"
#include "cli/session.h"
#include "cli/text.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/core/explain.h"
#include "common/core/names.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"

namespace minder {
namespace {

constexpr std::size_t kLargestCapture = 64 << 20;

absl::StatusOr<std::string> ReadCapture(const std::string& file) {
  if (file != "-") return ReadFile(file, kLargestCapture);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

absl::StatusOr<v1::ExplainResponse> ParseCapture(const std::string& file) {
  MINDER_ASSIGN_OR_RETURN(const std::string text, ReadCapture(file));
  v1::ExplainResponse captured;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &captured);
  const std::string name = file == "-" ? "stdin" : file;
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s is no capture of this version (%s); write one with 'minderctl capture'", name, status.ToString()));
  }
  if (!captured.has_state() || !captured.has_configuration() || !captured.has_decided_at()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s has no state, configuration and time; write one with 'minderctl capture'", name));
  }
  return captured;
}

}  // namespace

ExitCode RunRules(const CommandLine& line, Output& output, Format format) {
  const v1::RuleTable table = TheRules();
  if (!line.mermaid) return Show(output, format, table, RenderRules(table, output.color()));
  output.Data(RenderMermaid(table));
  return ExitCode::kOk;
}

ExitCode RunReplay(const CommandLine& line, Output& output, Format format) {
  const auto captured = ParseCapture(line.file);
  if (!captured.ok()) {
    output.Message(Printable(std::string(captured.status().message())));
    return ExitCode::kError;
  }
  const v1::ExplainResponse replayed = Replay(*captured);
  const ExitCode shown = Show(output, format, replayed, RenderExplain(replayed, output.color()));
  using google::protobuf::util::MessageDifferencer;
  if (captured->has_decision() && !MessageDifferencer::Equals(replayed.decision(), captured->decision())) {
    output.Message(absl::StrFormat("the arbitrator had decided otherwise: %s by %s; it was of another version",
                                   ShortName(captured->decision().diagnosis()),
                                   Printable(captured->decision().rule())));
  }
  return shown;
}

}  // namespace minder
