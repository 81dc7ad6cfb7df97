#include "cli/verdict.h"

#include <string_view>

#include "absl/strings/str_format.h"
#include "cli/text.h"

namespace minder {
namespace {

// "node3 is the last serving node (LAST_SERVING_NODE, rule D2); drain another one first".
std::string ServersWords(const CallResult& result) {
  const v1::ErrorDetail& detail = result.detail;
  std::string text(result.status.message());
  if (text.empty()) text = "the arbitrator refused: " + absl::StatusCodeToString(result.status.code());
  std::string why = detail.reason();
  if (!detail.rule().empty()) why += (why.empty() ? "rule " : ", rule ") + detail.rule();
  if (!why.empty()) text += " (" + why + ")";
  if (!detail.cure().empty()) text += "; " + detail.cure();
  return Printable(text);
}

// The part of gRPC's connection error that a human needs: "... Connection refused" out of two hundred characters.
std::string ConnectError(std::string_view message) {
  constexpr std::string_view kLast = "last error: ";
  if (const std::size_t at = message.rfind(kLast); at != std::string_view::npos)
    message.remove_prefix(at + kLast.size());
  return Printable(message);
}

Verdict Unreachable(const CallResult& result, const std::string& address) {
  return {ExitCode::kUnreachable,
          absl::StrFormat("cannot reach the arbitrator at %s (%s); see that minder-arbitrator runs there, or name "
                          "another with --arbitrator HOST:PORT",
                          Printable(address), ConnectError(std::string(result.status.message())))};
}

Verdict TooSlow(const CallResult& result, const std::string& address, absl::Duration timeout) {
  const std::string limit = absl::FormatDuration(timeout);
  if (result.connected) {
    return {ExitCode::kTimedOut,
            absl::StrFormat("the arbitrator at %s took the question and did not answer within %s; see its log, or give "
                            "it longer with --timeout",
                            Printable(address), limit)};
  }
  return {
      ExitCode::kUnreachable,
      absl::StrFormat("cannot reach the arbitrator at %s (no connection within %s); see that minder-arbitrator runs "
                      "there, or name another with --arbitrator HOST:PORT",
                      Printable(address), limit)};
}

}  // namespace

Verdict Judge(const CallResult& result, const std::string& address, absl::Duration timeout) {
  switch (result.status.code()) {
    case absl::StatusCode::kOk:
      return {};
    case absl::StatusCode::kUnavailable:
      if (result.detail.reason().empty()) return Unreachable(result, address);
      return {ExitCode::kUnreachable, ServersWords(result)};
    case absl::StatusCode::kDeadlineExceeded:
      return TooSlow(result, address, timeout);
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      return {ExitCode::kRefused, ServersWords(result)};
    case absl::StatusCode::kUnimplemented:
      return {ExitCode::kError, absl::StrFormat("what answers at %s does not know this verb; see that it is a "
                                                "minder-arbitrator, of this version or a newer one",
                                                Printable(address))};
    default:
      return {ExitCode::kError, ServersWords(result)};
  }
}

ExitCode JudgeHealth(const v1::StatusSummaryResponse& summary) {
  return summary.diagnosis() == v1::DIAGNOSIS_HEALTHY ? ExitCode::kOk : ExitCode::kNotHealthy;
}

bool WentAway(const CallResult& result) {
  // A server that is shut down ends its calls with either, as its threads happen to run.
  return absl::IsUnavailable(result.status) || absl::IsCancelled(result.status);
}

}  // namespace minder
