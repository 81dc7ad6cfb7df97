#include "services/arbitrator/primary_service.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/core/decide.h"
#include "common/core/explain.h"
#include "common/core/proto_time.h"
#include "common/core/recovery.h"
#include "common/core/recovery_plan.h"
#include "common/core/recovery_request.h"
#include "common/core/requests.h"
#include "common/core/split_brain.h"
#include "common/rpc/grpc_status.h"
#include "services/arbitrator/refusal.h"

namespace minder {
namespace {

constexpr std::size_t kRememberedAnswers = 64;
constexpr absl::Duration kLongestPause = absl::Hours(24 * 30);
constexpr std::uint32_t kUsualHistory = 100;
constexpr std::size_t kLongestReason = 500;

grpc::Status Invalid(const std::string& reason, const std::string& message, const std::string& cure) {
  return Refuse(grpc::StatusCode::INVALID_ARGUMENT, {.reason = reason, .rule = "", .message = message, .cure = cure});
}

// A reason is kept on the record for ever.
grpc::Status CheckReason(const std::string& reason, bool needed) {
  if (reason.empty() && needed)
    return Invalid("REASON_MISSING", "a reason is needed, and is kept on the record", "say it with --reason=WHY");
  if (reason.size() <= kLongestReason) return grpc::Status::OK;
  return Invalid("REASON_TOO_LONG", absl::StrFormat("a reason may have %d bytes", kLongestReason), "say it in short");
}

grpc::Status CheckGroup(const v1::Configuration& config, const std::string& group) {
  const std::vector<std::string> names = absl::StrSplit(group, '+');
  for (const std::string& name : names) {
    if (grpc::Status status = CheckKnown(config, name); !status.ok()) return status;
  }
  return grpc::Status::OK;
}

grpc::Status Refused(const Refusal& refusal) {
  if (!refusal.refused()) return grpc::Status::OK;
  const bool stale = refusal.reason == kStateChanged;
  return Refuse(stale ? grpc::StatusCode::ABORTED : grpc::StatusCode::FAILED_PRECONDITION, refusal);
}

// `what` is to be confirmed by the name of the dbserver.
template <typename Request>
Refusal NotConfirmed(const Request& request, const std::string& what) {
  if (request.confirm() == request.dbserver()) return {};
  return {.reason = "CONFIRM_MISSING",
          .rule = "",
          .message = absl::StrFormat("that %s %s has to be confirmed by its name", request.dbserver(), what),
          .cure = absl::StrFormat("--confirm=%s", request.dbserver())};
}

Refusal NotConfirmed(const v1::AcknowledgeRequest& request, const std::string& digest) {
  if (request.confirm() == digest) return {};
  return {.reason = request.confirm().empty() ? "CONFIRM_MISSING" : kStateChanged,
          .rule = "",
          .message = absl::StrFormat("which side stays has to be confirmed for the state of now, which is %s", digest),
          .cure = absl::StrFormat("look at minderctl explain, then: minderctl acknowledge --keep=%s --confirm=%s "
                                  "--reason=WHY",
                                  request.keep(), digest)};
}

}  // namespace

template <typename Response, typename Work>
grpc::Status PrimaryService::Once(const std::string& request_id, Response& response, Work work) {
  const std::string key = request_id.empty() ? "" : response.GetTypeName() + "/" + request_id;
  const auto it = std::ranges::find(answers_, key, &std::pair<std::string, std::string>::first);
  if (!key.empty() && it != answers_.end()) {
    response.ParseFromString(it->second);
    return grpc::Status::OK;
  }
  grpc::Status status = work();
  if (key.empty() || !status.ok()) return status;
  answers_.emplace_back(key, response.SerializeAsString());
  if (answers_.size() > kRememberedAnswers) answers_.pop_front();
  return status;
}

grpc::Status PrimaryService::MakePrimary(const v1::MakePrimaryRequest& request, v1::MakePrimaryResponse& response) {
  const v1::Configuration& config = arbitrator_.config();
  if (grpc::Status status = CheckGroup(config, request.group()); !status.ok()) return status;
  if (grpc::Status status = CheckReason(request.reason(), false); !status.ok()) return status;
  v1::PromotionRequest wanted;
  wanted.set_group(request.group());
  wanted.set_force(request.force());
  wanted.set_reason(request.reason());
  const auto consider = [&]() -> grpc::Status {
    const v1::ArbitratorState& state = arbitrator_.state();
    response.set_digest(DigestOf(config, state, GatherFacts(config, state, loop_.Now())));
    return Refused(RefuseMakePrimary(config, state, loop_.Now(), wanted));
  };
  if (request.validate_only()) {
    if (grpc::Status status = consider(); !status.ok()) return status;
    *response.mutable_decision() = Decide(config, WithRequest(arbitrator_.state(), wanted), loop_.Now());
    return grpc::Status::OK;
  }
  return Once(request.request_id(), response, [&]() -> grpc::Status {
    if (grpc::Status status = consider(); !status.ok()) return status;
    if (grpc::Status status = Refused(RefuseForce(wanted, request.confirm(), response.digest())); !status.ok())
      return status;
    if (const absl::Status status = arbitrator_.RecordRequest(wanted); !status.ok()) return NotRecorded(status);
    *response.mutable_decision() = arbitrator_.Look().decision;
    return grpc::Status::OK;
  });
}

grpc::Status PrimaryService::DeclareDead(const v1::DeclareDeadRequest& request, v1::DeclareDeadResponse& response) {
  if (grpc::Status status = CheckReason(request.reason(), true); !status.ok()) return status;
  const auto consider = [&]() -> grpc::Status {
    const Facts facts = arbitrator_.Look().facts;
    if (grpc::Status status = Refused(RefuseDeath(facts, request.dbserver())); !status.ok()) return status;
    *response.mutable_death() = DeathOf(facts, request.dbserver(), request.reason());
    const auto known = std::ranges::find(facts.deaths, response.death().gcomm_uuid(), &v1::Death::gcomm_uuid);
    if (known != facts.deaths.end()) *response.mutable_death() = *known;
    return grpc::Status::OK;
  };
  const auto is_new = [&] {
    return std::ranges::find(arbitrator_.state().durable().deaths(), response.death().gcomm_uuid(),
                             &v1::Death::gcomm_uuid) == arbitrator_.state().durable().deaths().end();
  };
  if (request.validate_only()) {
    if (grpc::Status status = consider(); !status.ok()) return status;
    *response.mutable_decision() =
        Decide(arbitrator_.config(), WithDeath(arbitrator_.state(), response.death()), loop_.Now());
    return grpc::Status::OK;
  }
  return Once(request.request_id(), response, [&]() -> grpc::Status {
    if (grpc::Status status = consider(); !status.ok()) return status;
    if (grpc::Status status = Refused(NotConfirmed(request, "is dead")); !status.ok()) return status;
    if (is_new()) {
      const absl::Status status = arbitrator_.RecordDeath(response.death(), request.reason());
      if (!status.ok()) return NotRecorded(status);
    }
    *response.mutable_decision() = arbitrator_.Look().decision;
    return grpc::Status::OK;
  });
}

grpc::Status PrimaryService::Recover(const v1::RecoverRequest& request, v1::RecoverResponse& response) {
  const v1::Configuration& config = arbitrator_.config();
  for (const std::string& name : request.without()) {
    if (grpc::Status status = CheckKnown(config, name); !status.ok()) return status;
  }
  if (grpc::Status status = CheckReason(request.reason(), !request.without().empty()); !status.ok()) return status;
  v1::Recovery wanted;
  const auto consider = [&] {
    const v1::ArbitratorState& state = arbitrator_.state();
    const Facts facts = GatherFacts(config, state, loop_.Now());
    wanted = NewRecovery(facts, state.durable(), {request.without().begin(), request.without().end()},
                         request.reason().empty() ? "a human" : request.reason());
    *response.mutable_plan() = Describe(GatherFacts(config, WithRecovery(state, wanted), loop_.Now()).recovery);
    response.set_digest(PlanDigest(config, state.durable(), response.plan()));
    return RefuseRecover(config, state, loop_.Now(), wanted);
  };
  if (request.validate_only()) {
    const Refusal refusal = consider();
    // What keeps it from being done is a part of the plan, and why a plan is asked for.
    if (response.plan().nodes().empty()) return Refused(refusal);
    response.mutable_plan()->set_cure(refusal.cure);
    if (refusal.refused() && response.plan().missing().empty()) response.mutable_plan()->add_missing(refusal.message);
    const v1::ArbitratorState& state = arbitrator_.state();
    *response.mutable_decision() = Decide(config, refusal.refused() ? state : WithRecovery(state, wanted), loop_.Now());
    return grpc::Status::OK;
  }
  return Once(request.request_id(), response, [&]() -> grpc::Status {
    if (grpc::Status status = Refused(consider()); !status.ok()) return status;
    if (grpc::Status status = Refused(RefuseUnconfirmed(wanted, request.confirm(), response.digest())); !status.ok())
      return status;
    if (const absl::Status status = arbitrator_.RecordRecovery(wanted); !status.ok()) return NotRecorded(status);
    return grpc::Status::OK;
  });
}

grpc::Status PrimaryService::Acknowledge(const v1::AcknowledgeRequest& request, v1::AcknowledgeResponse& response) {
  if (grpc::Status status = CheckReason(request.reason(), true); !status.ok()) return status;
  const v1::Configuration& config = arbitrator_.config();
  const auto consider = [&] {
    const v1::DurableState& durable = arbitrator_.state().durable();
    response.set_digest(SplitBrainDigest(arbitrator_.Look().facts, durable));
    return Refused(RefuseAcknowledge(durable, request.keep()));
  };
  const auto answer = [&](const v1::ArbitratorState& state) {
    const Facts facts = GatherFacts(config, state, loop_.Now());
    *response.mutable_decision() = Decide(config, state, facts, loop_.Now());
    for (std::string& line : ExplainSplitBrain(facts, response.decision().next())) response.add_steps(std::move(line));
    return grpc::Status::OK;
  };
  if (request.validate_only()) {
    if (grpc::Status status = consider(); !status.ok()) return status;
    v1::ArbitratorState state = arbitrator_.state();
    *state.mutable_durable() = WithAcknowledgement(state.durable(), request.keep(), request.reason());
    return answer(state);
  }
  return Once(request.request_id(), response, [&]() -> grpc::Status {
    if (grpc::Status status = consider(); !status.ok()) return status;
    if (grpc::Status status = Refused(NotConfirmed(request, response.digest())); !status.ok()) return status;
    const absl::Status recorded = arbitrator_.RecordAcknowledgement(request.keep(), request.reason());
    return recorded.ok() ? answer(arbitrator_.state()) : NotRecorded(recorded);
  });
}

grpc::Status PrimaryService::Release(const v1::ReleaseRequest& request, v1::ReleaseResponse& response) {
  if (grpc::Status status = CheckKnown(arbitrator_.config(), request.dbserver()); !status.ok()) return status;
  if (grpc::Status status = CheckReason(request.reason(), true); !status.ok()) return status;
  const auto consider = [&] {
    return Refused(RefuseRelease(arbitrator_.Look().facts, arbitrator_.state().durable(), request.dbserver()));
  };
  if (request.validate_only()) {
    if (grpc::Status status = consider(); !status.ok()) return status;
    v1::ArbitratorState state = arbitrator_.state();
    *state.mutable_durable() = WithRelease(state.durable(), arbitrator_.Look().facts, request.dbserver());
    *response.mutable_decision() = Decide(arbitrator_.config(), state, loop_.Now());
    return grpc::Status::OK;
  }
  return Once(request.request_id(), response, [&]() -> grpc::Status {
    if (grpc::Status status = consider(); !status.ok()) return status;
    if (grpc::Status status = Refused(NotConfirmed(request, "is to be released")); !status.ok()) return status;
    const absl::Status recorded = arbitrator_.RecordRelease(request.dbserver(), request.reason());
    if (!recorded.ok()) return NotRecorded(recorded);
    *response.mutable_decision() = arbitrator_.Look().decision;
    return grpc::Status::OK;
  });
}

grpc::Status PrimaryService::Explain(v1::ExplainResponse& response) const {
  response = minder::Explain(arbitrator_.config(), arbitrator_.state(), loop_.Now());
  if (!arbitrator_.store_error().empty())
    response.add_missing(
        absl::StrFormat("nothing can be recorded, so nothing is ordered: %s", arbitrator_.store_error()));
  return grpc::Status::OK;
}

grpc::Status PrimaryService::History(const v1::HistoryRequest& request, v1::HistoryResponse& response) {
  const auto history = arbitrator_.History(request.limit() == 0 ? kUsualHistory : request.limit(), request.before());
  if (!history.ok()) return ToGrpc(history.status());
  response = *history;
  return grpc::Status::OK;
}

grpc::Status PrimaryService::Pause(const v1::PauseRequest& request, v1::PauseResponse& response) {
  if (grpc::Status status = CheckReason(request.reason(), true); !status.ok()) return status;
  const absl::Duration duration = FromProto(request.duration());
  if (duration <= absl::ZeroDuration() || duration > kLongestPause)
    return Invalid("BAD_DURATION", "a pause takes more than nothing and at most 30 days", "pause for 1h, and again");
  const auto set_until = [&] { *response.mutable_until() = ToProto(absl::Now() + duration); };
  if (request.validate_only()) {
    set_until();
    return grpc::Status::OK;
  }
  return Once(request.request_id(), response, [&]() -> grpc::Status {
    set_until();
    v1::Pause pause;
    *pause.mutable_until() = ToProto(ToSinceBoot(loop_.Now() + duration));
    pause.set_reason(request.reason());
    const absl::Status status = arbitrator_.RecordPause(pause);
    return status.ok() ? grpc::Status::OK : NotRecorded(status);
  });
}

grpc::Status PrimaryService::Resume(const v1::ResumeRequest& request, v1::ResumeResponse& response) {
  if (request.validate_only()) return grpc::Status::OK;
  return Once(request.request_id(), response, [&]() -> grpc::Status {
    if (!arbitrator_.state().durable().has_pause()) return grpc::Status::OK;
    const absl::Status status = arbitrator_.RecordResume();
    return status.ok() ? grpc::Status::OK : NotRecorded(status);
  });
}

}  // namespace minder
