#include "services/arbitrator/control_service.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "common/core/lookup.h"
#include "common/core/proto_time.h"
#include "common/core/summary.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/unary_call.h"
#include "google/protobuf/util/message_differencer.h"
#include "minder/v1/services.grpc.pb.h"
#include "services/arbitrator/outlook_stream.h"
#include "services/arbitrator/past_requests.h"
#include "services/arbitrator/primary_service.h"
#include "services/arbitrator/refusal.h"

namespace minder {
namespace {

using google::protobuf::util::MessageDifferencer;

// The answer to RequestStatus leaves this long before the caller's own deadline, or a fifth of the time that it gave.
constexpr absl::Duration kAnswerMargin = absl::Milliseconds(100);
constexpr std::size_t kLongestRequestId = 128;  // it is kept with the drain, and told to every balancer
constexpr absl::Duration kLongestRequestStatus = absl::Seconds(10);

grpc::Status CheckRequestId(const std::string& request_id) {
  if (request_id.size() <= kLongestRequestId) return grpc::Status::OK;
  return Refuse(grpc::StatusCode::INVALID_ARGUMENT,
                {.reason = "REQUEST_ID_TOO_LONG",
                 .rule = "",
                 .message = absl::StrFormat("a request_id may have %d bytes", kLongestRequestId),
                 .cure = "choose a UUID"});
}

std::string RandomId() {
  absl::BitGen random;
  return absl::StrFormat("%016x", absl::Uniform<std::uint64_t>(random));
}

// Somebody else ordered the opposite after this request.
grpc::Status Overtaken(const std::string& reason, const std::string& dbserver, const std::string& what,
                       const std::string& verb) {
  return Refuse(grpc::StatusCode::ABORTED, {.reason = reason,
                                            .rule = "",
                                            .message = absl::StrFormat("%s was %s meanwhile", dbserver, what),
                                            .cure = absl::StrFormat("minderctl %s %s begins anew", verb, dbserver)});
}

class Service : public v1::ControlService::CallbackService {
 public:
  Service(EventLoop& loop, Arbitrator& arbitrator) : loop_(loop), arbitrator_(arbitrator), primary_(loop, arbitrator) {}

  grpc::ServerUnaryReactor* StatusSummary(grpc::CallbackServerContext* context, const v1::StatusSummaryRequest*,
                                          v1::StatusSummaryResponse* response) override {
    return AnswerOnLoop(loop_, context, [this, response] {
      *response = arbitrator_.Look().summary;
      return grpc::Status::OK;
    });
  }

  grpc::ServerUnaryReactor* RequestStatus(grpc::CallbackServerContext* context, const v1::RequestStatusRequest* request,
                                          v1::RequestStatusResponse* response) override;

  grpc::ServerWriteReactor<v1::DrainResponse>* Drain(grpc::CallbackServerContext*,
                                                     const v1::DrainRequest* request) override {
    return new OutlookStream<v1::DrainResponse>(
        loop_, arbitrator_,
        [this, request = *request, last = v1::DrainResponse(), begun = false](
            const Arbitrator::Outlook& outlook) mutable { return NextDrain(request, outlook, last, begun); });
  }

  grpc::ServerWriteReactor<v1::UndrainResponse>* Undrain(grpc::CallbackServerContext*,
                                                         const v1::UndrainRequest* request) override {
    return new OutlookStream<v1::UndrainResponse>(
        loop_, arbitrator_,
        [this, request = *request, last = v1::UndrainResponse(), begun = false](
            const Arbitrator::Outlook& outlook) mutable { return NextUndrain(request, outlook, last, begun); });
  }

  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext*, const v1::WatchRequest*) override {
    return new OutlookStream<v1::WatchResponse>(
        loop_, arbitrator_,
        [last = std::optional<v1::StatusSummaryResponse>()](const Arbitrator::Outlook& outlook) mutable {
          OutlookStream<v1::WatchResponse>::Step step;
          const std::vector<std::string> changes =
              last ? DescribeChanges(*last, outlook.summary) : std::vector<std::string>{};
          if (last && changes.empty()) return step;
          last = outlook.summary;
          v1::WatchResponse& response = step.response.emplace();
          *response.mutable_time() = ToProto(absl::Now());
          *response.mutable_changes() = {changes.begin(), changes.end()};
          *response.mutable_summary() = outlook.summary;
          return step;
        });
  }

  grpc::ServerUnaryReactor* MakePrimary(grpc::CallbackServerContext* context, const v1::MakePrimaryRequest* request,
                                        v1::MakePrimaryResponse* response) override {
    return AnswerOnLoop(loop_, context, [=, this] { return primary_.MakePrimary(*request, *response); });
  }
  grpc::ServerUnaryReactor* DeclareDead(grpc::CallbackServerContext* context, const v1::DeclareDeadRequest* request,
                                        v1::DeclareDeadResponse* response) override {
    return AnswerOnLoop(loop_, context, [=, this] { return primary_.DeclareDead(*request, *response); });
  }
  grpc::ServerUnaryReactor* Recover(grpc::CallbackServerContext* context, const v1::RecoverRequest* request,
                                    v1::RecoverResponse* response) override {
    return AnswerOnLoop(loop_, context, [=, this] { return primary_.Recover(*request, *response); });
  }
  grpc::ServerUnaryReactor* Acknowledge(grpc::CallbackServerContext* context, const v1::AcknowledgeRequest* request,
                                        v1::AcknowledgeResponse* response) override {
    return AnswerOnLoop(loop_, context, [=, this] { return primary_.Acknowledge(*request, *response); });
  }
  grpc::ServerUnaryReactor* Release(grpc::CallbackServerContext* context, const v1::ReleaseRequest* request,
                                    v1::ReleaseResponse* response) override {
    return AnswerOnLoop(loop_, context, [=, this] { return primary_.Release(*request, *response); });
  }
  grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext* context, const v1::ExplainRequest*,
                                    v1::ExplainResponse* response) override {
    return AnswerOnLoop(loop_, context, [=, this] { return primary_.Explain(*response); });
  }
  grpc::ServerUnaryReactor* History(grpc::CallbackServerContext* context, const v1::HistoryRequest* request,
                                    v1::HistoryResponse* response) override {
    return AnswerOnLoop(loop_, context, [=, this] { return primary_.History(*request, *response); });
  }
  grpc::ServerUnaryReactor* Pause(grpc::CallbackServerContext* context, const v1::PauseRequest* request,
                                  v1::PauseResponse* response) override {
    return AnswerOnLoop(loop_, context, [=, this] { return primary_.Pause(*request, *response); });
  }
  grpc::ServerUnaryReactor* Resume(grpc::CallbackServerContext* context, const v1::ResumeRequest* request,
                                   v1::ResumeResponse* response) override {
    return AnswerOnLoop(loop_, context, [=, this] { return primary_.Resume(*request, *response); });
  }

 private:
  OutlookStream<v1::DrainResponse>::Step NextDrain(const v1::DrainRequest& request, const Arbitrator::Outlook& outlook,
                                                   v1::DrainResponse& last, bool& begun);
  OutlookStream<v1::UndrainResponse>::Step NextUndrain(const v1::UndrainRequest& request,
                                                       const Arbitrator::Outlook& outlook, v1::UndrainResponse& last,
                                                       bool& begun);
  const v1::DrainRecord* RecordOf(const std::string& dbserver) const {
    const auto& drains = arbitrator_.state().durable().drains();
    const auto it = std::ranges::find(drains, dbserver, &v1::DrainRecord::dbserver);
    return it == drains.end() ? nullptr : &*it;
  }

  EventLoop& loop_;
  Arbitrator& arbitrator_;
  PrimaryService primary_;
};

OutlookStream<v1::DrainResponse>::Step Service::NextDrain(const v1::DrainRequest& request,
                                                          const Arbitrator::Outlook& outlook, v1::DrainResponse& last,
                                                          bool& begun) {
  const std::string& dbserver = request.dbserver();
  if (!begun) {
    if (grpc::Status status = CheckKnown(arbitrator_.config(), dbserver); !status.ok()) return {.finish = status};
    if (Holds(arbitrator_.state().durable().ended_drains(), dbserver, request.request_id()))
      return {.finish = Overtaken("UNDRAINED", dbserver, "undrained", "drain")};
    const v1::DrainRecord* record = RecordOf(dbserver);
    const bool drained_already = record != nullptr && !record->ending();
    if (const Refusal refusal = RefuseDrain(outlook.facts, dbserver); !drained_already && refusal.refused()) {
      return {.finish = Refuse(grpc::StatusCode::FAILED_PRECONDITION, refusal)};
    }
    const std::vector<std::string> plan = DrainSteps(outlook.facts, dbserver);
    last.set_dbserver(dbserver);
    if (request.validate_only()) {
      *last.mutable_plan() = {plan.begin(), plan.end()};
      return {.response = last, .finish = grpc::Status::OK};
    }
    if (grpc::Status status = CheckRequestId(request.request_id()); !status.ok()) return {.finish = status};
    const std::string id = request.request_id().empty() ? RandomId() : request.request_id();
    if (const absl::Status status = arbitrator_.RecordDrain(dbserver, id); !status.ok())
      return {.finish = NotRecorded(status)};
    begun = true;
    last = DrainProgress(arbitrator_.Look().facts, dbserver);
    v1::DrainResponse first = last;
    *first.mutable_plan() = {plan.begin(), plan.end()};
    return {.response = first};
  }
  const v1::DrainRecord* record = RecordOf(dbserver);
  if (record == nullptr || record->ending()) return {.finish = Overtaken("UNDRAINED", dbserver, "undrained", "drain")};
  const v1::DrainResponse progress = DrainProgress(outlook.facts, dbserver);
  OutlookStream<v1::DrainResponse>::Step step;
  if (!MessageDifferencer::Equals(progress, last)) step.response = last = progress;
  if (progress.state() == v1::DRAIN_STATE_DRAINED) step.finish = grpc::Status::OK;
  return step;
}

OutlookStream<v1::UndrainResponse>::Step Service::NextUndrain(const v1::UndrainRequest& request,
                                                              const Arbitrator::Outlook& outlook,
                                                              v1::UndrainResponse& last, bool& begun) {
  const std::string& dbserver = request.dbserver();
  const v1::DrainRecord* record = RecordOf(dbserver);
  const bool drained = record != nullptr && !record->ending();
  if (drained && (begun || Holds(arbitrator_.state().durable().undrains(), dbserver, request.request_id())))
    return {.finish = Overtaken("DRAINED_AGAIN", dbserver, "drained again", "undrain")};
  if (!begun) {
    if (grpc::Status status = CheckKnown(arbitrator_.config(), dbserver); !status.ok()) return {.finish = status};
    if (grpc::Status status = CheckRequestId(request.request_id()); !status.ok()) return {.finish = status};
    const std::vector<std::string> plan = UndrainSteps(outlook.facts, dbserver);
    last = UndrainProgress(outlook.facts, dbserver);
    v1::UndrainResponse first = last;
    *first.mutable_plan() = {plan.begin(), plan.end()};
    if (request.validate_only()) return {.response = first, .finish = grpc::Status::OK};
    if (record != nullptr || last.state() > v1::DRAIN_STATE_SERVING) {
      if (const absl::Status status = arbitrator_.RecordUndrain(dbserver, request.request_id()); !status.ok())
        return {.finish = NotRecorded(status)};
      first.set_done(false);
      last.set_done(false);
    }
    begun = true;
    OutlookStream<v1::UndrainResponse>::Step step{.response = first};
    if (first.done()) step.finish = grpc::Status::OK;
    return step;
  }
  v1::UndrainResponse progress = UndrainProgress(outlook.facts, dbserver);
  progress.set_done(progress.done() && record == nullptr);
  OutlookStream<v1::UndrainResponse>::Step step;
  if (!MessageDifferencer::Equals(progress, last)) step.response = last = progress;
  if (progress.done()) step.finish = grpc::Status::OK;
  return step;
}

// One call that is answered later, on the loop, unless it is cancelled before: by its caller, or because the server
// goes, which waits for it.
class LateAnswer : public grpc::ServerUnaryReactor {
 public:
  explicit LateAnswer(v1::RequestStatusResponse* response) : response_(response) {}

  void Give(const v1::RequestStatusResponse& response, const grpc::Status& status) {
    std::lock_guard lock(mutex_);
    if (std::exchange(finished_, true)) return;
    *response_ = response;
    Finish(status);
  }
  void OnCancel() override {
    std::lock_guard lock(mutex_);
    if (!std::exchange(finished_, true)) Finish({grpc::StatusCode::CANCELLED, "the caller went away"});
  }
  void OnDone() override { self_.reset(); }

  // gRPC has it until OnDone, whoever else does.
  static std::shared_ptr<LateAnswer> Make(v1::RequestStatusResponse* response) {
    auto answer = std::make_shared<LateAnswer>(response);
    answer->self_ = answer;
    return answer;
  }

 private:
  std::mutex mutex_;
  bool finished_ = false;
  v1::RequestStatusResponse* const response_;  // gRPC's, until the call is finished
  std::shared_ptr<LateAnswer> self_;
};

// Ends when every asked dbserver has reported after the question, or shortly before the caller's deadline.
class StatusCollector : public std::enable_shared_from_this<StatusCollector> {
 public:
  StatusCollector(EventLoop& loop, Arbitrator& arbitrator, std::shared_ptr<LateAnswer> answer)
      : loop_(loop), arbitrator_(arbitrator), answer_(std::move(answer)) {}
  ~StatusCollector() {
    if (!finished_) answer_->Give({}, {grpc::StatusCode::UNAVAILABLE, "shutting down"});
  }

  // On the loop. Keeps itself alive until the end.
  void Begin(const v1::RequestStatusRequest& request, absl::Duration wait) {
    if (!request.dbserver().empty()) {
      if (grpc::Status status = CheckKnown(arbitrator_.config(), request.dbserver()); !status.ok())
        return Finish(status);
      asked_.insert(request.dbserver());
    } else {
      for (const v1::DbserverConfig& node : arbitrator_.config().dbservers()) asked_.insert(node.name());
    }
    since_ = loop_.Now();
    subscription_ = arbitrator_.Subscribe([self = shared_from_this()] { self->Check(false); });
    timer_ = loop_.After(wait, [self = shared_from_this()] { self->Check(true); });
    for (const std::string& name : asked_) arbitrator_.RequestStatus(name);
  }

 private:
  void Check(bool time_is_over) {
    if (finished_) return;
    response_.Clear();
    for (const std::string& name : asked_) {
      const v1::DbserverKnowledge* known = FindByName(arbitrator_.state().dbservers(), name);
      if (known == nullptr || SinceBoot(FromProto(known->received_at())) < since_) response_.add_silent(name);
      if (known != nullptr) *response_.add_dbservers() = *known;
    }
    if (response_.silent().empty() || time_is_over) Finish(grpc::Status::OK);
  }

  void Finish(const grpc::Status& status) {
    finished_ = true;
    const auto self = shared_from_this();
    arbitrator_.Unsubscribe(subscription_);
    loop_.Cancel(timer_);
    answer_->Give(response_, status);
  }

  EventLoop& loop_;
  Arbitrator& arbitrator_;
  std::shared_ptr<LateAnswer> answer_;
  v1::RequestStatusResponse response_;
  std::set<std::string> asked_;
  BootTime since_;
  std::uint64_t subscription_ = 0;
  EventLoop::TimerId timer_ = 0;
  bool finished_ = false;
};

grpc::ServerUnaryReactor* Service::RequestStatus(grpc::CallbackServerContext* context,
                                                 const v1::RequestStatusRequest* request,
                                                 v1::RequestStatusResponse* response) {
  const absl::Duration left = absl::FromChrono(context->deadline()) - absl::Now();
  const absl::Duration wait = std::min(left - std::max(left / 5, kAnswerMargin), kLongestRequestStatus);
  const std::shared_ptr<LateAnswer> answer = LateAnswer::Make(response);
  LateAnswer* const reactor = answer.get();
  auto collector = std::make_shared<StatusCollector>(loop_, arbitrator_, answer);
  loop_.Post([collector, request = *request, wait] { collector->Begin(request, wait); });
  return reactor;
}

}  // namespace

std::unique_ptr<grpc::Service> MakeControlService(EventLoop& loop, Arbitrator& arbitrator) {
  return std::make_unique<Service>(loop, arbitrator);
}

}  // namespace minder
