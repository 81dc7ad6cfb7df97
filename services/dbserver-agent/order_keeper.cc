#include "services/dbserver-agent/order_keeper.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "google/protobuf/util/json_util.h"

namespace minder {
namespace {

absl::StatusOr<v1::AgentPromise> LoadPromise(const std::string& path) {
  v1::AgentPromise promise;
  const auto text = ReadFile(path);
  if (absl::IsNotFound(text.status())) return promise;
  MINDER_RETURN_IF_ERROR(text.status());
  if (google::protobuf::util::JsonStringToMessage(*text, &promise).ok()) return promise;
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s cannot be understood, and it holds promises: put a backup back, or remove it when no promotion is under way",
      path));
}

std::string Serialize(const v1::AgentPromise& promise) {
  std::string text;
  MINDER_CHECK(google::protobuf::util::MessageToJsonString(promise, &text).ok());
  return text + "\n";
}

v1::OrderStatus StatusOf(int verb, std::uint64_t epoch, const std::string& nonce, v1::OrderOutcome outcome) {
  v1::OrderStatus status;
  status.set_verb(static_cast<std::uint32_t>(verb));
  status.set_epoch(epoch);
  status.set_nonce(nonce);
  status.set_outcome(outcome);
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OrderKeeper>> OrderKeeper::Open(EventLoop& loop, const Options& options,
                                                               Handlers handlers) {
  MINDER_ASSIGN_OR_RETURN(v1::AgentPromise promise, LoadPromise(options.state_dir + "/promise.json"));
  return std::unique_ptr<OrderKeeper>(new OrderKeeper(loop, options, std::move(promise), std::move(handlers)));
}

OrderKeeper::OrderKeeper(EventLoop& loop, const Options& options, v1::AgentPromise promise, Handlers handlers)
    : loop_(loop),
      options_(options),
      path_(options.state_dir + "/promise.json"),
      handlers_(std::move(handlers)),
      promise_(std::move(promise)),
      shown_(promise_) {}

OwnState OrderKeeper::Own() const {
  return {.sightings = sightings_,
          .highest_epoch = std::max(promise_.highest_epoch(), refused_epoch_),
          .config_version = options_.config_version,
          .order_validity = options_.order_validity};
}

void OrderKeeper::On(const v1::Freeze& order) {
  if (promise_.freeze().frozen() && promise_.freeze().epoch() == order.epoch()) return;
  if (const std::string why = WhyRefused(order, Own(), loop_.Now()); !why.empty())
    return Refuse(v1::Message::kFreezeFieldNumber, order.epoch(), order.nonce(), why);
  spdlog::info("promises not to bootstrap at epoch {} or below", order.epoch());
  v1::AgentPromise next = promise_;
  next.set_highest_epoch(std::max(next.highest_epoch(), order.epoch()));
  next.mutable_freeze()->set_frozen(true);
  next.mutable_freeze()->set_epoch(order.epoch());
  const Sightings::Sighting& quoted = *sightings_.Find(order.nonce());
  const bool as_quoted = quoted.non_primary && quoted.state == sightings_.newest()->state;
  next.mutable_freeze()->set_view_id(as_quoted ? last_report_.last_primary_view().id() : "");
  Write(std::move(next), [this](const absl::Status&) { handlers_.on_change(); });
}

void OrderKeeper::On(const v1::MakePrimary& order) {
  if (promise_.make_primary().epoch() == order.epoch()) return;  // the same again; its outcome is shown
  constexpr int kVerb = v1::Message::kMakePrimaryFieldNumber;
  if (const std::string why = WhyRefused(order, Own(), loop_.Now()); !why.empty())
    return Refuse(kVerb, order.epoch(), order.nonce(), why);
  spdlog::warn("makes {} primary, as ordered at epoch {}", order.group(), order.epoch());
  const Sightings::Sighting quoted = *sightings_.Find(order.nonce());
  ordered_in_ = quoted.state;
  carrying_out_ = true;
  ends_with_view_ = false;
  v1::AgentPromise next = promise_;
  next.set_highest_epoch(order.epoch());
  next.clear_freeze();
  *next.mutable_make_primary() = StatusOf(kVerb, order.epoch(), order.nonce(), v1::ORDER_OUTCOME_STARTED);
  const BootTime not_after = quoted.observed_at + options_.order_validity;
  Write(std::move(next), [this, not_after](const absl::Status& written) {
    if (!written.ok()) {
      carrying_out_ = false;
      return Conclude(promise_.make_primary(), absl::FailedPreconditionError(written.message()));
    }
    worker_.Do([this, not_after, status = promise_.make_primary()] {
      absl::Status outcome = Failpoint("agent.before_promotion");
      if (outcome.ok()) outcome = handlers_.make_primary(not_after);
      Failpoint("agent.after_promotion").IgnoreError();
      loop_.Post([this, outcome, status] {
        carrying_out_ = false;
        Conclude(status, outcome);
      });
    });
  });
}

void OrderKeeper::On(const v1::EvictMember& order) {
  constexpr int kVerb = v1::Message::kEvictMemberFieldNumber;
  if (order.SerializeAsString() == last_eviction_) return;
  if (const std::string why = WhyRefused(order, Own(), loop_.Now()); !why.empty())
    return Refuse(kVerb, order.epoch(), order.nonce(), why);
  last_eviction_ = order.SerializeAsString();
  for (const v1::EvictMember::Dead& dead : order.dead())
    spdlog::warn("evicts {} ({}), whose process has ended", dead.dbserver(), dead.gcomm_uuid());
  outcomes_[kVerb] = StatusOf(kVerb, order.epoch(), order.nonce(), v1::ORDER_OUTCOME_STARTED);
  worker_.Do([this, order, seen = last_report_, mine = ++evictions_] {
    const absl::Status outcome = handlers_.evict(order, seen, [this, mine] { return evictions_ != mine; });
    loop_.Post([this, order, outcome] {
      Conclude(StatusOf(kVerb, order.epoch(), order.nonce(), v1::ORDER_OUTCOME_STARTED), outcome);
    });
  });
}

void OrderKeeper::On(const v1::Recover& order) {
  constexpr int kVerb = v1::Message::kRecoverFieldNumber;
  if (const std::string why = WhyRefused(order, Own(), loop_.Now()); !why.empty())
    return Refuse(kVerb, order.epoch(), order.nonce(), why);
  outcomes_[kVerb] = StatusOf(kVerb, order.epoch(), order.nonce(), v1::ORDER_OUTCOME_DONE);
  handlers_.start_without_view(order.gone_uuid(),
                               order.has_not_beyond() ? std::optional(order.not_beyond()) : std::nullopt);
}

// A refused order stays refused: it may come twice, and its sender counts on the first answer.
void OrderKeeper::Refuse(int verb, std::uint64_t epoch, const std::string& nonce, const std::string& why) {
  const auto last = outcomes_.find(verb);
  const bool said = last != outcomes_.end() && last->second.detail() == why && last->second.epoch() == epoch;
  if (!said) spdlog::warn("refuses an order (verb {}, epoch {}): {}", verb, epoch, why);
  outcomes_[verb] = StatusOf(verb, epoch, nonce, v1::ORDER_OUTCOME_REFUSED);
  outcomes_[verb].set_detail(why);
  if (verb == v1::Message::kMakePrimaryFieldNumber) refused_epoch_ = std::max(refused_epoch_, epoch);
  if (!said) handlers_.on_change();
}

void OrderKeeper::Conclude(v1::OrderStatus status, const absl::Status& outcome) {
  const bool is_promotion = status.verb() == v1::Message::kMakePrimaryFieldNumber;
  status.set_detail(std::string(outcome.message()));
  if (outcome.ok()) {
    status.set_outcome(v1::ORDER_OUTCOME_DONE);
  } else if (absl::IsAborted(outcome) && is_promotion) {
    ends_with_view_ = true;
  } else if (absl::IsFailedPrecondition(outcome) || !is_promotion) {
    status.set_outcome(v1::ORDER_OUTCOME_FAILED);
  }
  if (!outcome.ok()) spdlog::error("an order (verb {}, epoch {}): {}", status.verb(), status.epoch(), status.detail());
  if (!is_promotion) {
    outcomes_[static_cast<int>(status.verb())] = status;
    return handlers_.on_change();
  }
  v1::AgentPromise next = promise_;
  *next.mutable_make_primary() = status;
  Write(std::move(next), [this](const absl::Status&) { handlers_.on_change(); });
}

bool OrderKeeper::InDoubt() const {
  return promise_.make_primary().outcome() == v1::ORDER_OUTCOME_STARTED && !carrying_out_;
}

void OrderKeeper::OnReported(const v1::DbStatusReport& report, BootTime observed_at) {
  sightings_.Add(report, observed_at);
  last_report_ = report;
  if (report.primary() == v1::TERNARY_YES) return OnPrimarySeen();
  if (!InDoubt()) return;
  // What was sent to a view does not outlive it (gcomm: messages are delivered in the view that they were sent in), and
  // what a server has not begun does not outlive the server.
  const bool other_view =
      ends_with_view_ && sightings_.newest()->non_primary && sightings_.newest()->state != ordered_in_;
  if (other_view || report.running() == v1::TERNARY_NO)
    Conclude(promise_.make_primary(), absl::FailedPreconditionError("the view ended before it took effect"));
}

// A primary component ends the promise, and the doubt.
void OrderKeeper::OnPrimarySeen() {
  v1::AgentPromise next = promise_;
  next.mutable_freeze()->set_frozen(false);
  if (InDoubt()) {
    next.mutable_make_primary()->set_outcome(v1::ORDER_OUTCOME_DONE);
    next.mutable_make_primary()->clear_detail();
  }
  const bool same = next.freeze().frozen() == promise_.freeze().frozen() &&
                    next.make_primary().outcome() == promise_.make_primary().outcome();
  if (!same) Write(std::move(next), [this](const absl::Status&) { handlers_.on_change(); });
}

// Writes happen in their order; what cannot be written is taken back.
void OrderKeeper::Write(v1::AgentPromise next, std::function<void(const absl::Status&)> then) {
  promise_ = next;
  worker_.Do([this, next = std::move(next), then = std::move(then)] {
    const absl::Status written = WriteFileDurably(path_, Serialize(next));
    loop_.Post([this, next, then, written] {
      if (written.ok()) {
        shown_ = next;
      } else {
        spdlog::error("orders: {}", std::string(written.message()));
        promise_ = shown_;
      }
      then(written);
    });
  });
}

std::vector<v1::OrderStatus> OrderKeeper::outcomes() const {
  std::vector<v1::OrderStatus> all;
  for (const auto& [verb, status] : outcomes_) all.push_back(status);
  const bool newer_refused = outcomes_.contains(v1::Message::kMakePrimaryFieldNumber) &&
                             outcomes_.at(v1::Message::kMakePrimaryFieldNumber).epoch() > shown_.make_primary().epoch();
  if (shown_.has_make_primary() && !newer_refused) all.push_back(shown_.make_primary());
  return all;
}

}  // namespace minder
