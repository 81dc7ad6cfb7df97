#include "cli/split_brain.h"

#include <string>

#include "absl/strings/str_format.h"
#include "cli/confirm.h"
#include "cli/print_explain.h"
#include "cli/text.h"
#include "cli/verdict.h"

namespace minder {
namespace {

std::string RenderAcknowledgement(const v1::AcknowledgeResponse& response) {
  std::string text;
  for (const std::string& step : response.steps()) text += absl::StrFormat("  %s\n", Printable(step));
  return text + "then " + RenderDecision(response.decision(), /*color=*/false);
}

ExitCode ConfirmAcknowledgement(const Session& session, v1::AcknowledgeRequest& request) {
  v1::AcknowledgeRequest dry = request;
  dry.set_validate_only(true);
  v1::AcknowledgeResponse plan;
  const CallResult result = session.client.Acknowledge(dry, session.timeout, plan);
  if (!result.status.ok()) return Fail(session, result);
  session.output.Progress(RenderAcknowledgement(plan));
  session.output.Progress("What only the other side has is lost to the cluster; its data directories are kept.\n");
  request.set_confirm(plan.digest());
  return AskToType(session, request.keep(), absl::StrFormat("--confirm=%s", Printable(plan.digest())));
}

ExitCode ConfirmRelease(const Session& session, v1::ReleaseRequest& request) {
  v1::ReleaseRequest dry = request;
  dry.set_validate_only(true);
  v1::ReleaseResponse plan;
  const CallResult result = session.client.Release(dry, session.timeout, plan);
  if (!result.status.ok()) return Fail(session, result);
  session.output.Progress(absl::StrFormat(
      "%s would go on with the data that it has. If that came from a side that did not stay, the cluster "
      "has rows that differ from node to node, and nothing will show it.\n",
      Printable(request.dbserver())));
  request.set_confirm(request.dbserver());
  return AskToType(session, request.dbserver(), absl::StrFormat("--confirm=%s", Printable(request.dbserver())));
}

}  // namespace

ExitCode RunAcknowledge(const CommandLine& line, const Session& session) {
  v1::AcknowledgeRequest request;
  request.set_request_id(NewRequestId());
  request.set_validate_only(line.dry_run);
  request.set_keep(line.keep);
  request.set_confirm(line.confirm);
  request.set_reason(Signed(line.reason));
  if (line.confirm.empty() && !line.dry_run) {
    if (const ExitCode code = ConfirmAcknowledgement(session, request); code != ExitCode::kOk) return code;
  }
  v1::AcknowledgeResponse response;
  const CallResult result = session.client.Acknowledge(request, session.timeout, response);
  if (!result.status.ok()) return FailOrder(session, result, line.dry_run);
  const std::string text = RenderAcknowledgement(response);
  if (line.dry_run) return Show(session, response, absl::StrFormat("would keep %s:\n%s", Printable(line.keep), text));
  return Show(
      session, response,
      absl::StrFormat("%s stays:\n%sWhat is still to be done: minderctl explain\n", Printable(line.keep), text));
}

ExitCode RunRelease(const CommandLine& line, const Session& session) {
  v1::ReleaseRequest request;
  request.set_request_id(NewRequestId());
  request.set_validate_only(line.dry_run);
  request.set_dbserver(line.node);
  request.set_confirm(line.confirm);
  request.set_reason(Signed(line.reason));
  if (line.confirm.empty() && !line.dry_run) {
    if (const ExitCode code = ConfirmRelease(session, request); code != ExitCode::kOk) return code;
  }
  v1::ReleaseResponse response;
  const CallResult result = session.client.Release(request, session.timeout, response);
  if (!result.status.ok()) return FailOrder(session, result, line.dry_run);
  return Show(session, response,
              absl::StrFormat("%s %s, with the data that it has\nthen %s", Printable(request.dbserver()),
                              line.dry_run ? "would be released" : "is released",
                              RenderDecision(response.decision(), /*color=*/false)));
}

}  // namespace minder
