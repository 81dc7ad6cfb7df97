#include "cli/query.h"

#include <functional>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/persistent_call.h"
#include "cli/print_explain.h"
#include "cli/print_status.h"
#include "cli/text.h"
#include "cli/verdict.h"

namespace minder {
namespace {

std::string Summary(const v1::StatusSummaryResponse& summary, const Session& session) {
  return RenderSummary(summary, session.format == Format::kWide, session.output.color());
}

// Follows the Watch stream; `show` says whether it could show a response.
ExitCode FollowChanges(const CommandLine& line, const Session& session,
                       const std::function<ExitCode(const v1::WatchResponse&)>& show) {
  PersistentCall call(session, line.deadline.value_or(absl::InfiniteDuration()), "changes meanwhile are not shown");
  ExitCode shown = ExitCode::kOk;
  const CallResult result = call.Run([&](const StreamLimits& limits) {
    CallResult attempt = session.client.Watch(limits, [&](const v1::WatchResponse& response) {
      call.Answered();
      shown = show(response);
      return shown == ExitCode::kOk;
    });
    if (shown != ExitCode::kOk) {
      attempt.status = absl::OkStatus();  // our own end of it
      return attempt;
    }
    // An arbitrator that is shut down in peace ends the stream in peace.
    if (attempt.status.ok()) attempt.status = absl::UnavailableError("the arbitrator ended the stream");
    return attempt;
  });
  if (session.guard.interrupted()) return ExitCode::kInterrupted;
  if (shown != ExitCode::kOk) return shown;
  return absl::IsDeadlineExceeded(result.status) && result.answered ? ExitCode::kOk : Fail(session, result);
}

ExitCode WatchSummary(const CommandLine& line, const Session& session) {
  const bool human = session.format == Format::kTable || session.format == Format::kWide;
  bool first = true;
  return FollowChanges(line, session, [&](const v1::WatchResponse& response) {
    const std::string text = Summary(response.summary(), session);
    if (human && session.output.terminal()) {
      session.output.Redraw(text);
      return session.output.status().ok() ? ExitCode::kOk : ExitCode::kError;
    }
    const ExitCode code = Show(session, response.summary(), (first ? "" : "\n") + text, /*stream=*/true);
    first = false;
    return code;
  });
}

// As many entries as are wanted, and there are; one answer holds those that fit into a message.
CallResult AllHistory(std::uint32_t limit, const Session& session, v1::HistoryResponse& response) {
  v1::HistoryRequest request;
  request.set_limit(limit);
  while (true) {
    v1::HistoryResponse part;
    CallResult result = session.client.History(request, session.timeout, part);
    if (!result.status.ok() || part.entries().empty()) return result;
    const bool is_older = request.before() == 0 || part.entries(0).number() < request.before();
    if (!is_older) return result;  // an arbitrator that knows of no `before`
    response.MergeFrom(part);
    request.set_before(part.entries().rbegin()->number());
    const auto have = static_cast<std::uint32_t>(response.entries_size());
    if (have >= limit || request.before() == 1) return result;
    request.set_limit(limit - have);
  }
}

}  // namespace

ExitCode RunStatusSummary(const CommandLine& line, const Session& session) {
  if (line.watch) return WatchSummary(line, session);
  v1::StatusSummaryResponse summary;
  const CallResult result = session.client.StatusSummary(session.timeout, summary);
  if (!result.status.ok()) return Fail(session, result);
  const ExitCode shown = Show(session, summary, Summary(summary, session));
  return shown == ExitCode::kOk ? JudgeHealth(summary) : shown;
}

ExitCode RunRequestStatus(const CommandLine& line, const Session& session) {
  v1::RequestStatusRequest request;
  request.set_dbserver(line.node);
  v1::RequestStatusResponse response;
  const CallResult result = session.client.RequestStatus(request, session.timeout, response);
  if (!result.status.ok()) return Fail(session, result);
  const ExitCode shown = Show(session, response, RenderReports(response, session.output.color()));
  if (shown != ExitCode::kOk || response.silent().empty()) return shown;
  session.output.Message(absl::StrFormat("no report in time from %s; see that minder-dbserver runs there",
                                         Printable(absl::StrJoin(response.silent(), ", "))));
  return ExitCode::kTimedOut;
}

ExitCode RunExplain(const Session& session) {
  v1::ExplainResponse response;
  const CallResult result = session.client.Explain(session.timeout, response);
  if (!result.status.ok()) return Fail(session, result);
  return Show(session, response, RenderExplain(response, session.output.color()));
}

ExitCode RunCapture(const Session& session) {
  v1::ExplainResponse response;
  const CallResult result = session.client.Explain(session.timeout, response);
  if (!result.status.ok()) return Fail(session, result);
  return Show(session.output, Format::kJson, response, "");
}

ExitCode RunHistory(const CommandLine& line, const Session& session) {
  v1::HistoryResponse response;
  const CallResult result = AllHistory(line.limit, session, response);
  if (!result.status.ok()) return Fail(session, result);
  const bool wide = session.format == Format::kWide;
  const ExitCode shown = Show(session, response, RenderHistory(response, absl::LocalTimeZone(), wide));
  if (shown != ExitCode::kOk || response.broken_at() == 0) return shown;
  session.output.Message(absl::StrFormat(
      "the chain of hashes is broken at entry %d: it, or one before it, was changed or removed by another program",
      response.broken_at()));
  return ExitCode::kError;
}

ExitCode RunWatch(const CommandLine& line, const Session& session) {
  return FollowChanges(line, session, [&](const v1::WatchResponse& response) {
    const std::string text = RenderChanges(response, absl::LocalTimeZone(), session.output.color());
    return Show(session, response, text, /*stream=*/true);
  });
}

ExitCode RunNodes(const Session& session) {
  v1::StatusSummaryResponse summary;
  const CallResult result = session.client.StatusSummary(absl::Seconds(1), summary);
  for (const v1::NodeSummary& node : summary.nodes()) session.output.Data(Printable(node.name()) + "\n");
  return Judge(result, session.address, absl::Seconds(1)).code;
}

}  // namespace minder
