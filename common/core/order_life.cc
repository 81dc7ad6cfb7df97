#include "common/core/order_life.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"

namespace minder {
namespace {

constexpr int kMakePrimary = v1::Message::kMakePrimaryFieldNumber;
constexpr int kFreeze = v1::Message::kFreezeFieldNumber;

v1::OrderStatus StatusOf(int verb, std::uint64_t epoch, const std::string& nonce, v1::OrderOutcome outcome) {
  v1::OrderStatus status;
  status.set_verb(static_cast<std::uint32_t>(verb));
  status.set_epoch(epoch);
  status.set_nonce(nonce);
  status.set_outcome(outcome);
  return status;
}

template <typename Order>
v1::OrderStatus RefusedOrder(int verb, const Order& order) {
  return StatusOf(verb, order.epoch(), order.nonce(), v1::ORDER_OUTCOME_REFUSED);
}

v1::OrderStatus RefusedRecover(const v1::Recover& order) {
  v1::OrderStatus status = RefusedOrder(v1::Message::kRecoverFieldNumber, order);
  status.set_action(order.action());
  return status;
}

OrderEffects Changed(std::string log = "") {
  OrderEffects effects;
  effects.changed = true;
  if (!log.empty()) effects.log.push_back(std::move(log));
  return effects;
}

// What the end of an order says by its error.
OrderEvent EventOf(const absl::Status& error) {
  if (absl::IsFailedPrecondition(error)) return OrderEvent::kUndone;
  return absl::IsAborted(error) ? OrderEvent::kWithoutEffect : OrderEvent::kUnclear;
}

bool IsSameButView(v1::AgentPromise a, v1::AgentPromise b) {
  a.clear_last_seen_view();
  b.clear_last_seen_view();
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

OrderLife::OrderLife(const Options& options, v1::AgentPromise promise)
    : options_(options), promise_(std::move(promise)), shown_(promise_) {
  OrderEffects nothing;
  TakeUp(nothing);
}

OwnState OrderLife::Own() const {
  return {.sightings = sightings_,
          .highest_epoch = std::max(promise_.highest_epoch(), refused_epoch_),
          .config_version = options_.config_version,
          .config_digest = options_.config_digest,
          .order_validity = options_.order_validity,
          .held_down = held_down_};
}

OrderEffects OrderLife::On(const v1::Freeze& order, BootTime now) {
  if (promise_.freeze().frozen() && promise_.freeze().epoch() == order.epoch()) return {};
  if (const std::string why = WhyRefused(order, Own(), now); !why.empty())
    return Refuse(RefusedOrder(kFreeze, order), why);
  v1::AgentPromise next = promise_;
  next.set_highest_epoch(std::max(next.highest_epoch(), order.epoch()));
  next.mutable_freeze()->set_frozen(true);
  next.mutable_freeze()->set_epoch(order.epoch());
  const Sightings::Sighting& quoted = *sightings_.Find(order.nonce());
  const Sightings::Sighting& now_seen = *sightings_.newest();
  // Who it hears may have changed since, for views settle one node after the other; what it is after may not.
  const bool as_quoted =
      quoted.non_primary && now_seen.non_primary && quoted.last_primary_view == now_seen.last_primary_view;
  next.mutable_freeze()->set_view_id(as_quoted ? now_seen.last_primary_view : "");
  OrderEffects effects = Write(std::move(next));
  effects.log.push_back(absl::StrFormat("promises not to bootstrap at epoch %d or below", order.epoch()));
  return effects;
}

OrderEffects OrderLife::On(const v1::MakePrimary& order, BootTime now) {
  if (promise_.make_primary().epoch() == order.epoch()) return {};  // the same again; its outcome is shown
  if (const std::string why = WhyRefused(order, Own(), now); !why.empty())
    return Refuse(RefusedOrder(kMakePrimary, order), why);
  const Sightings::Sighting& quoted = *sightings_.Find(order.nonce());
  ordered_in_ = quoted.state;
  counted_out_ = {order.counted_out().begin(), order.counted_out().end()};
  OrderEffects effects = Accept(StatusOf(kMakePrimary, order.epoch(), order.nonce(), v1::ORDER_OUTCOME_STARTED),
                                quoted.observed_at + options_.order_validity);
  effects.log.push_back(absl::StrFormat("makes %s primary, as ordered at epoch %d", order.group(), order.epoch()));
  return effects;
}

// On disk first.
OrderEffects OrderLife::Accept(v1::OrderStatus status, BootTime not_after) {
  OrderEffects effects;
  const auto phase = Apply(OrderEvent::kAccepted, effects);
  if (!phase) return effects;
  status.set_outcome(OutcomeOf(*phase));
  v1::AgentPromise next = promise_;
  next.set_highest_epoch(status.epoch());
  next.clear_freeze();
  *next.mutable_make_primary() = std::move(status);
  effects = Write(std::move(next));
  effects.write->then_carry_out = true;
  effects.write->not_after = not_after;
  return effects;
}

OrderEffects OrderLife::On(const v1::EvictMember& order, BootTime now) {
  constexpr int kVerb = v1::Message::kEvictMemberFieldNumber;
  if (order.SerializeAsString() == last_eviction_) return {};
  const bool only_refuses = order.dead().empty() && !order.clear();
  const std::string refusal = absl::StrCat(last_report_.process().pid(), " ", absl::StrJoin(order.counted_out(), " "));
  if (only_refuses && refusal == last_refusal_) return {};  // it comes with every report until one shows it
  if (const std::string why = WhyRefused(order, Own(), now); !why.empty())
    return Refuse(RefusedOrder(kVerb, order), why);
  outcomes_[kVerb] = StatusOf(kVerb, order.epoch(), order.nonce(), v1::ORDER_OUTCOME_STARTED);
  last_eviction_ = order.SerializeAsString();
  last_refusal_ = only_refuses ? refusal : "";
  OrderEffects effects;
  effects.evict = order;
  for (const v1::EvictMember::Dead& dead : order.dead())
    effects.log.push_back(
        absl::StrFormat("evicts %s (%s), whose process has ended", dead.dbserver(), dead.gcomm_uuid()));
  for (const std::string& uuid : order.counted_out())
    effects.log.push_back(absl::StrFormat("refuses %s, which was counted out", uuid));
  return effects;
}

OrderEffects OrderLife::On(const v1::Recover& order, BootTime now) {
  if (order.action() == v1::Recover::ACTION_BOOTSTRAP) return Bootstrap(order, now);
  if (const std::string why = WhyRefused(order, Own(), now); !why.empty()) return Refuse(RefusedRecover(order), why);
  OrderEffects effects;
  effects.recover = order;
  return effects;
}

OrderEffects OrderLife::Bootstrap(const v1::Recover& order, BootTime now) {
  if (promise_.make_primary().epoch() == order.epoch()) return {};  // the same again; its outcome is shown
  if (const std::string why = WhyRefused(order, Own(), now); !why.empty()) return Refuse(RefusedRecover(order), why);
  v1::OrderStatus status =
      StatusOf(v1::Message::kRecoverFieldNumber, order.epoch(), order.nonce(), v1::ORDER_OUTCOME_STARTED);
  status.set_action(order.action());
  OrderEffects effects =
      Accept(std::move(status), sightings_.Find(order.nonce())->observed_at + options_.order_validity);
  effects.log.push_back(
      absl::StrFormat("starts mariadbd as the first node of the cluster, as ordered at epoch %d", order.epoch()));
  return effects;
}

OrderEffects OrderLife::OnBootstrapped(const v1::OrderStatus& accepted, const absl::Status& outcome) {
  if (!outcome.ok()) return Conclude(EventOf(outcome), accepted, std::string(outcome.message()));
  OrderEffects effects;
  ApplyTo(accepted, OrderEvent::kUnclear, effects);
  return effects;
}

OrderEffects OrderLife::OnRecovered(const v1::Recover& order, const absl::Status& outcome) {
  constexpr int kVerb = v1::Message::kRecoverFieldNumber;
  v1::OrderStatus status =
      StatusOf(kVerb, order.epoch(), "", outcome.ok() ? v1::ORDER_OUTCOME_DONE : v1::ORDER_OUTCOME_FAILED);
  status.set_action(order.action());
  status.set_detail(std::string(outcome.message()));
  if (outcomes_[kVerb].SerializeAsString() == status.SerializeAsString()) return {};  // it comes with every report
  outcomes_[kVerb] = status;
  return Changed(outcome.ok() ? "" : absl::StrFormat("an order (recover): %s", outcome.message()));
}

// A refused order stays refused: it may come twice, and its sender counts on the first answer.
OrderEffects OrderLife::Refuse(v1::OrderStatus status, const std::string& why) {
  const int verb = static_cast<int>(status.verb());
  const auto last = outcomes_.find(verb);
  const bool said = last != outcomes_.end() && last->second.detail() == why && last->second.epoch() == status.epoch();
  const std::string log = absl::StrFormat("refuses an order (verb %d, epoch %d): %s", verb, status.epoch(), why);
  status.set_detail(why);
  if (MakesPrimary(status)) refused_epoch_ = std::max(refused_epoch_, status.epoch());
  outcomes_[verb] = std::move(status);
  return said ? OrderEffects() : Changed(log);
}

OrderEffects OrderLife::OnEvicted(const v1::EvictMember& order, const absl::Status& outcome) {
  constexpr int kVerb = v1::Message::kEvictMemberFieldNumber;
  if (!outcome.ok()) last_refusal_.clear();
  outcomes_[kVerb] =
      StatusOf(kVerb, order.epoch(), order.nonce(), outcome.ok() ? v1::ORDER_OUTCOME_DONE : v1::ORDER_OUTCOME_FAILED);
  outcomes_[kVerb].set_detail(std::string(outcome.message()));
  return Changed(outcome.ok() ? "" : absl::StrFormat("an eviction failed: %s", outcome.message()));
}

OrderEffects OrderLife::OnPromoted(const OrderEffects::Promote& promote, const absl::Status& outcome, BootTime now) {
  if (!outcome.ok()) return Conclude(EventOf(outcome), promote.status, std::string(outcome.message()));
  OrderEffects effects;
  if (!ApplyTo(promote.status, OrderEvent::kTookEffect, effects)) return effects;
  took_effect_ = now;
  return Changed();
}

// The end of make_primary, or its doubt.
OrderEffects OrderLife::Conclude(OrderEvent event, v1::OrderStatus status, const std::string& detail) {
  OrderEffects effects;
  const bool was_over = IsOver(phase());
  const auto phase = ApplyTo(status, event, effects);
  if (!phase || was_over) return effects;
  status.set_detail(detail);
  status.set_outcome(OutcomeOf(*phase));
  v1::AgentPromise next = promise_;
  *next.mutable_make_primary() = status;
  effects = Write(std::move(next));
  if (*phase != OrderPhase::kDone)
    effects.log.push_back(absl::StrFormat("make_primary of epoch %d: %s", status.epoch(), detail));
  return effects;
}

OrderPhase OrderLife::phase() const {
  switch (promise_.make_primary().outcome()) {
    case v1::ORDER_OUTCOME_UNSPECIFIED:
      return OrderPhase::kNone;
    case v1::ORDER_OUTCOME_STARTED:
      return open_phase_;
    case v1::ORDER_OUTCOME_DONE:
      return OrderPhase::kDone;
    default:
      return OrderPhase::kFailed;
  }
}

// The phase after `event`, with whose outcome the caller records an end; nothing, and a line for the log, when that is
// illegal.
std::optional<OrderPhase> OrderLife::Apply(OrderEvent event, OrderEffects& effects) {
  const std::optional<OrderPhase> next = NextOrderPhase(phase(), event);
  MINDER_CHECK(next || !options_.ends_on_illegal);
  if (next && !IsOver(*next)) open_phase_ = *next;
  if (!next) {
    effects.log.push_back(absl::StrFormat("refuses what cannot be: the order of epoch %d is %s, and now it is %s",
                                          promise_.make_primary().epoch(), ShortName(phase()), ShortName(event)));
  }
  return next;
}

// What becomes of an order says nothing of the one that was accepted after it.
std::optional<OrderPhase> OrderLife::ApplyTo(const v1::OrderStatus& accepted, OrderEvent event, OrderEffects& effects) {
  if (IsLast(accepted)) return Apply(event, effects);
  effects.log.push_back(absl::StrFormat("the order of epoch %d, which that of epoch %d has replaced, is %s",
                                        accepted.epoch(), promise_.make_primary().epoch(), ShortName(event)));
  effects.changed = true;  // a probe may show what it did
  return std::nullopt;
}

bool OrderLife::IsLast(const v1::OrderStatus& accepted) const {
  return accepted.epoch() == promise_.make_primary().epoch();
}

// The order that the disk holds, of which it says no more than that it was begun, or how it ended.
void OrderLife::TakeUp(OrderEffects& effects) {
  open_phase_ = OrderPhase::kCarryingOut;
  Apply(OrderEvent::kTakenUp, effects);
}

OrderEffects OrderLife::OnReported(const v1::DbStatusReport& report, BootTime observed_at) {
  const bool other_view =
      report.has_last_primary_view() && report.last_primary_view().id() != promise_.last_seen_view().id();
  if (other_view) *promise_.mutable_last_seen_view() = report.last_primary_view();
  OrderEffects effects = Learn(report, observed_at);
  return other_view && !effects.write ? Write(promise_) : effects;
}

OrderEffects OrderLife::Learn(const v1::DbStatusReport& report, BootTime observed_at) {
  sightings_.Add(report, observed_at);
  last_report_ = report;
  if (report.primary() == v1::TERNARY_YES) return OnPrimarySeen();
  switch (phase()) {
    case OrderPhase::kInDoubt:
    case OrderPhase::kWithoutEffect:
    case OrderPhase::kLeavingView:
      return LearnInDoubt(report);
    case OrderPhase::kTookEffect:  // and was lost again
      // An observation of before would show the group as if nothing had been done yet.
      return observed_at < took_effect_ ? OrderEffects() : Conclude(OrderEvent::kReported, promise_.make_primary(), "");
    default:
      return {};
  }
}

// What was sent to a view does not outlive it (gcomm: messages are delivered in the view that they were sent in), and
// what a server has not begun does not outlive the server. A group that is not OPERATIONAL is on its way to another
// view, be it of the same members.
OrderEffects OrderLife::LearnInDoubt(const v1::DbStatusReport& report) {
  OrderEffects effects;
  const bool operational = report.wsrep().evs_state() == "OPERATIONAL";
  const bool ends_with_view = phase() != OrderPhase::kInDoubt;
  if (ends_with_view && report.has_wsrep() && !operational) Apply(OrderEvent::kViewLeft, effects);
  const bool arrived = phase() == OrderPhase::kLeavingView && operational;
  const bool other_view =
      ends_with_view && sightings_.newest()->non_primary && (arrived || sightings_.newest()->state != ordered_in_);
  const bool server_ended = report.running() == v1::TERNARY_NO;
  if (!other_view && !server_ended) return effects;
  return Conclude(server_ended ? OrderEvent::kServerEnded : OrderEvent::kViewEnded, promise_.make_primary(),
                  "the view ended before it took effect");
}

// A primary component ends the promise, and the doubt.
OrderEffects OrderLife::OnPrimarySeen() {
  OrderEffects effects;
  const auto phase = Apply(OrderEvent::kPrimarySeen, effects);
  v1::AgentPromise next = promise_;
  next.mutable_freeze()->set_frozen(false);
  if (phase == OrderPhase::kDone) {
    next.mutable_make_primary()->set_outcome(OutcomeOf(*phase));
    next.mutable_make_primary()->clear_detail();
  }
  const bool same = next.freeze().frozen() == promise_.freeze().frozen() &&
                    next.make_primary().outcome() == promise_.make_primary().outcome();
  return same ? effects : Write(std::move(next));
}

OrderEffects OrderLife::Write(v1::AgentPromise next) {
  ++on_their_way_;
  promise_ = next;
  OrderEffects effects;
  effects.write = {.promise = std::move(next)};
  return effects;
}

// What cannot be written is taken back, and was not done; but what is on its way after it was made of it, and holds it.
OrderEffects OrderLife::OnNotWritten(const OrderEffects::Write& write, const std::string& why) {
  if (write.then_carry_out) return OnOrderNotWritten(write, why);
  if (on_their_way_ > 0) return Changed("orders: " + why + "; what follows holds it as well");
  OrderEffects effects;
  BackToDisk(effects);
  if (write.promise.freeze().epoch() != shown_.freeze().epoch())
    return Refuse(StatusOf(kFreeze, write.promise.freeze().epoch(), "", v1::ORDER_OUTCOME_REFUSED), why);
  if (!IsSameButView(write.promise, shown_)) return Changed("orders: " + why);
  effects.log.push_back("the last primary view: " + why);  // the next report tries again
  return effects;
}

void OrderLife::BackToDisk(OrderEffects& effects) {
  const v1::OrderStatus taken_back = promise_.make_primary();
  const bool was_over = IsOver(phase());
  promise_ = shown_;
  // The disk may hold one that was refused, since what is to take it out cannot be written either.
  if (!IsLast(taken_back)) return TakeUp(effects);
  if (was_over && !IsOver(phase())) Apply(OrderEvent::kNotRecorded, effects);
}

// The order of before is the last one again.
OrderEffects OrderLife::OnOrderNotWritten(const OrderEffects::Write& write, const std::string& why) {
  v1::OrderStatus refused = write.promise.make_primary();
  const bool is_last = IsLast(refused);
  refused.set_outcome(v1::ORDER_OUTCOME_REFUSED);
  OrderEffects effects = Refuse(std::move(refused), why);
  if (!is_last || !Apply(OrderEvent::kNotRecorded, effects)) return effects;
  if (on_their_way_ == 0) {
    promise_ = shown_;
  } else {  // with what would say that it was begun, and that an earlier promise is over
    *promise_.mutable_make_primary() = shown_.make_primary();
    if (!promise_.has_freeze()) *promise_.mutable_freeze() = shown_.freeze();
    effects.write = Write(promise_).write;
  }
  TakeUp(effects);
  return effects;
}

OrderEffects OrderLife::OnWritten(const OrderEffects::Write& write, const absl::Status& written, BootTime now) {
  --on_their_way_;
  if (!written.ok()) return OnNotWritten(write, absl::StrFormat("it cannot be recorded: %s", written.message()));
  const v1::OrderStatus& accepted = write.promise.make_primary();
  const bool is_promise = write.promise.freeze().epoch() != shown_.freeze().epoch();
  if (is_promise) {
    promised_at_ = now;
    outcomes_.erase(kFreeze);
  }
  shown_ = write.promise;
  if (!write.then_carry_out) return Changed();
  OrderEffects effects;
  if (IsLast(accepted) && !Apply(OrderEvent::kRecorded, effects)) return effects;
  if (held_down_) {  // since it was accepted
    const absl::Status held = absl::FailedPreconditionError("mariadbd is held down after split brain");
    return Conclude(EventOf(held), accepted, std::string(held.message()));
  }
  if (accepted.verb() == kMakePrimary) {
    effects.promote = {.not_after = write.not_after, .status = accepted, .counted_out = counted_out_};
  } else if (now >= write.not_after) {
    return OnBootstrapped(accepted, absl::FailedPreconditionError("it ran out before it was recorded"));
  } else {
    effects.bootstrap = accepted;
  }
  return effects;
}

v1::FreezeStatus OrderLife::FreezeSeenAt(BootTime observed_at) const {
  v1::FreezeStatus freeze = shown_.freeze();
  if (observed_at < promised_at_) freeze.set_frozen(false);
  return freeze;
}

std::vector<v1::OrderStatus> OrderLife::outcomes() const {
  std::vector<v1::OrderStatus> all;
  for (const auto& [verb, status] : outcomes_) all.push_back(status);
  const auto refused = outcomes_.find(kMakePrimary);
  const bool newer_refused = refused != outcomes_.end() && refused->second.epoch() > shown_.make_primary().epoch();
  if (shown_.has_make_primary() && !newer_refused) all.push_back(shown_.make_primary());
  return all;
}

}  // namespace minder
