#include "cli/recover.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/confirm.h"
#include "cli/print_explain.h"
#include "cli/text.h"
#include "cli/verdict.h"
#include "common/base/clock.h"

namespace minder {
namespace {

constexpr absl::Duration kUsuallyOverWithin = absl::Minutes(5);
constexpr absl::Duration kBetweenQuestions = absl::Milliseconds(200);

std::string RenderRecoverPlan(const v1::RecoverResponse& response, bool color) {
  return absl::StrFormat("plan %s:\n", Printable(response.digest())) + RenderRecovery(response.plan(), color);
}

bool IsPrimaryThere(const v1::Decision& decision) {
  return decision.diagnosis() == v1::DIAGNOSIS_HEALTHY || decision.diagnosis() == v1::DIAGNOSIS_DEGRADED;
}

// Follows a recovery until it is over.
ExitCode FollowRecovery(const Session& session, v1::RecoverResponse response, absl::Duration deadline) {
  const BootClock clock;
  const BootTime end = clock.Now() + deadline;
  std::string told;
  while (!session.guard.interrupted() && clock.Now() < end) {
    v1::ExplainResponse explained;
    const CallResult result = session.client.Explain(std::min(session.timeout, end - clock.Now()), explained);
    if (!result.status.ok() && !WentAway(result) && !absl::IsDeadlineExceeded(result.status))
      return Fail(session, result);
    if (result.status.ok()) {
      *response.mutable_decision() = explained.decision();
      const v1::Recovery& recovery = explained.state().durable().recovery();
      if (std::exchange(told, explained.decision().reason()) != explained.decision().reason())
        session.output.Progress(RenderDecision(explained.decision(), /*color=*/false));
      if (recovery.state() == v1::RECOVERY_STATE_REFUSED) {
        session.output.Message(
            absl::StrFormat("the recovery cannot go on: %s; 'minderctl recover --dry-run' shows what can be done",
                            Printable(recovery.refused())));
        return ExitCode::kRefused;
      }
      if (recovery.state() == v1::RECOVERY_STATE_UNSPECIFIED && IsPrimaryThere(explained.decision()))
        return Show(session, response, "the cluster is up again\nTo look at it: minderctl status_summary\n");
    }
    session.guard.Sleep(std::min(kBetweenQuestions, end - clock.Now()));
  }
  if (session.guard.interrupted()) {
    session.output.Message("interrupted; the recovery goes on: 'minderctl explain' shows how far it is");
    return ExitCode::kInterrupted;
  }
  session.output.Message(
      absl::StrFormat("the recovery was not over after %s; it goes on: 'minderctl explain' shows how far it is",
                      absl::FormatDuration(deadline)));
  return ExitCode::kTimedOut;
}

// Shows the plan and has it confirmed; puts the digest into `request`.
ExitCode ConfirmRecovery(const Session& session, v1::RecoverRequest& request) {
  v1::RecoverRequest dry = request;
  dry.set_validate_only(true);
  v1::RecoverResponse plan;
  const CallResult result = session.client.Recover(dry, session.timeout, plan);
  if (!result.status.ok()) return Fail(session, result);
  session.output.Progress(RenderRecoverPlan(plan, /*color=*/false));
  if (!plan.plan().missing().empty()) {
    session.output.Message("nothing was done: something is missing for a recovery");
    return ExitCode::kRefused;
  }
  request.set_confirm(plan.digest());
  return AskToType(session, plan.plan().source().empty() ? "recover" : plan.plan().source(),
                   absl::StrFormat("--confirm=%s", Printable(plan.digest())));
}

}  // namespace

ExitCode RunRecover(const CommandLine& line, const Session& session) {
  v1::RecoverRequest request;
  request.set_request_id(NewRequestId());
  request.set_validate_only(line.dry_run);
  request.mutable_without()->Assign(line.without.begin(), line.without.end());
  request.set_confirm(line.confirm);
  request.set_reason(Signed(line.reason));
  if (line.confirm.empty() && !line.dry_run) {
    if (const ExitCode code = ConfirmRecovery(session, request); code != ExitCode::kOk) return code;
  }
  v1::RecoverResponse response;
  const CallResult result = session.client.Recover(request, session.timeout, response);
  if (!result.status.ok()) return FailOrder(session, result, line.dry_run);
  if (line.dry_run) {
    const ExitCode shown = Show(session, response, RenderRecoverPlan(response, session.output.color()));
    return shown == ExitCode::kOk && !response.plan().missing().empty() ? ExitCode::kRefused : shown;
  }
  return FollowRecovery(session, std::move(response), line.deadline.value_or(kUsuallyOverWithin));
}

}  // namespace minder
