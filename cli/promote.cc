#include "cli/promote.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/confirm.h"
#include "cli/print_explain.h"
#include "cli/text.h"
#include "cli/verdict.h"
#include "common/base/clock.h"

namespace minder {
namespace {

constexpr absl::Duration kUsualDeadline = absl::Seconds(30);
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(200);

// Follows a promotion that the arbitrator has taken on, until it has ended.
class Follower {
 public:
  Follower(const Session& session, v1::MakePrimaryResponse response, absl::Duration deadline)
      : session_(session),
        response_(std::move(response)),
        deadline_(deadline),
        end_(clock_.Now() + deadline),
        epoch_(response_.decision().next().grant().epoch()),
        group_(Printable(absl::StrJoin(response_.decision().next().grant().group(), "+"))) {}

  ExitCode Run() {
    while (!session_.guard.interrupted() && clock_.Now() < end_) {
      v1::ExplainResponse explained;
      const CallResult result = session_.client.Explain(std::min(session_.timeout, end_ - clock_.Now()), explained);
      if (result.status.ok()) {
        Tell(explained.decision());
        const v1::DurableState& durable = explained.state().durable();
        if (IsDone(durable)) return Done();
        if (IsOver(durable)) return GivenUp();
      } else if (!WentAway(result) && !absl::IsDeadlineExceeded(result.status)) {
        return Fail(session_, result);
      } else if (!session_.guard.interrupted()) {
        SayThatItIsAway();
      }
      session_.guard.Sleep(std::min(kBetweenLooks, end_ - clock_.Now()));
    }
    return session_.guard.interrupted() ? Interrupted() : DeadlineOver();
  }

 private:
  bool IsDone(const v1::DurableState& durable) const {
    return durable.grant().epoch() == epoch_ && durable.grant().state() == v1::GRANT_STATE_DONE;
  }

  // Abandoned, followed by another one, or never begun because the state had changed.
  bool IsOver(const v1::DurableState& durable) const {
    if (durable.grant().epoch() == epoch_) return durable.grant().state() == v1::GRANT_STATE_ABANDONED;
    return durable.grant().epoch() > epoch_ || !durable.has_request();
  }

  void Tell(const v1::Decision& decision) {
    if (std::exchange(away_, false)) session_.output.Message("the arbitrator is back");
    *response_.mutable_decision() = decision;
    if (std::exchange(told_, decision.reason()) != decision.reason())
      session_.output.Progress(RenderDecision(decision, /*color=*/false));
  }

  void SayThatItIsAway() {
    if (std::exchange(away_, true)) return;
    session_.output.Message(
        absl::StrFormat("the arbitrator at %s does not answer any more; what was ordered goes on; trying again",
                        Printable(session_.address)));
  }

  ExitCode Done() {
    return Show(session_, response_,
                absl::StrFormat("%s is the primary component, at epoch %d\nTo look at it: minderctl status_summary\n",
                                group_, epoch_));
  }

  ExitCode GivenUp() {
    session_.output.Message(
        absl::StrFormat("%s was not made primary: %s; 'minderctl explain' shows what is missing", group_, WhyNot()));
    return ExitCode::kRefused;
  }

  // What the audit trail says about it.
  std::string WhyNot() {
    v1::HistoryRequest request;
    request.set_limit(20);
    v1::HistoryResponse history;
    if (!session_.client.History(request, session_.timeout, history).status.ok()) return "it was given up";
    for (const v1::HistoryEntry& entry : history.entries()) {
      const v1::AuditRecord& record = entry.record();
      if (record.kind() != "grant" || (record.epoch() != epoch_ && record.epoch() != 0)) continue;
      std::string why = record.text();
      if (record.epoch() == 0 && !record.evidence().empty()) why += " (" + absl::StrJoin(record.evidence(), "; ") + ")";
      return Printable(why);
    }
    return "it was given up";
  }

  ExitCode Interrupted() {
    session_.output.Message(
        absl::StrFormat("interrupted; the promotion of %s goes on: 'minderctl explain' shows how far it is", group_));
    return ExitCode::kInterrupted;
  }

  ExitCode DeadlineOver() {
    session_.output.Message(
        absl::StrFormat("%s is not primary after %s (%s); the promotion goes on until it is seen to be done or given "
                        "up: 'minderctl explain' shows how far it is",
                        group_, absl::FormatDuration(deadline_), Printable(response_.decision().reason())));
    if (session_.format == Format::kJson || session_.format == Format::kYaml) Show(session_, response_, "");
    return ExitCode::kTimedOut;
  }

  const Session& session_;
  v1::MakePrimaryResponse response_;
  const BootClock clock_;
  const absl::Duration deadline_;
  const BootTime end_;
  const std::uint64_t epoch_;
  const std::string group_;  // Printable
  std::string told_;
  bool away_ = false;
};

// Shows the plan of a forced promotion and has it confirmed; puts the digest into `request`.
ExitCode ConfirmForce(const Session& session, v1::MakePrimaryRequest& request) {
  v1::MakePrimaryRequest dry = request;
  dry.set_validate_only(true);
  v1::MakePrimaryResponse plan;
  const CallResult result = session.client.MakePrimary(dry, session.timeout, plan);
  if (!result.status.ok()) return Fail(session, result);
  session.output.Progress(RenderPromotion(plan.decision(), plan.digest()));
  session.output.Progress("If one of the others is primary after all, there will be two primary components.\n");
  request.set_confirm(plan.digest());
  return AskToType(session, absl::StrJoin(plan.decision().next().grant().group(), "+"),
                   absl::StrFormat("--confirm=%s", Printable(plan.digest())));
}

std::string RenderDeath(const v1::DeclareDeadResponse& response, const std::string& verb) {
  return absl::StrFormat("%s (gcomm uuid %s) %s as dead: %s\n", Printable(response.death().dbserver()),
                         Printable(response.death().gcomm_uuid()), verb, Printable(response.death().proof())) +
         "then " + RenderDecision(response.decision(), /*color=*/false);
}

ExitCode ConfirmDeath(const Session& session, v1::DeclareDeadRequest& request) {
  v1::DeclareDeadRequest dry = request;
  dry.set_validate_only(true);
  v1::DeclareDeadResponse plan;
  const CallResult result = session.client.DeclareDead(dry, session.timeout, plan);
  if (!result.status.ok()) return Fail(session, result);
  session.output.Progress(RenderDeath(plan, "would count"));
  session.output.Progress("If it runs after all, there may be two primary components.\n");
  request.set_confirm(request.dbserver());
  return AskToType(session, request.dbserver(), absl::StrFormat("--confirm=%s", Printable(request.dbserver())));
}

}  // namespace

ExitCode RunMakePrimary(const CommandLine& line, const Session& session) {
  v1::MakePrimaryRequest request;
  request.set_request_id(NewRequestId());
  request.set_validate_only(line.dry_run);
  request.set_group(line.node);
  request.set_force(line.force);
  request.set_confirm(line.confirm);
  request.set_reason(Signed(line.reason));
  if (line.force && line.confirm.empty() && !line.dry_run) {
    if (const ExitCode code = ConfirmForce(session, request); code != ExitCode::kOk) return code;
  }
  v1::MakePrimaryResponse response;
  const CallResult result = session.client.MakePrimary(request, session.timeout, response);
  if (!result.status.ok()) return FailOrder(session, result, line.dry_run);
  const std::string plan = RenderPromotion(response.decision(), response.digest());
  if (line.dry_run) return Show(session, response, "would " + plan);
  session.output.Progress(plan);
  return Follower(session, std::move(response), line.deadline.value_or(kUsualDeadline)).Run();
}

ExitCode RunDeclareDead(const CommandLine& line, const Session& session) {
  v1::DeclareDeadRequest request;
  request.set_request_id(NewRequestId());
  request.set_validate_only(line.dry_run);
  request.set_dbserver(line.node);
  request.set_confirm(line.confirm);
  request.set_reason(Signed(line.reason));
  if (line.confirm.empty() && !line.dry_run) {
    if (const ExitCode code = ConfirmDeath(session, request); code != ExitCode::kOk) return code;
  }
  v1::DeclareDeadResponse response;
  const CallResult result = session.client.DeclareDead(request, session.timeout, response);
  if (!result.status.ok()) return FailOrder(session, result, line.dry_run);
  const std::string next = response.decision().command().empty() ? "minderctl explain" : response.decision().command();
  return Show(session, response,
              line.dry_run ? RenderDeath(response, "would count")
                           : RenderDeath(response, "counts") + "What to type next: " + Printable(next) + "\n");
}

}  // namespace minder
