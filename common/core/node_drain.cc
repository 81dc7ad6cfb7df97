#include "common/core/node_drain.h"

#include <array>

namespace minder {
namespace {

constexpr v1::DrainState kServing = v1::DRAIN_STATE_SERVING;
constexpr v1::DrainState kBalancers = v1::DRAIN_STATE_WAITING_FOR_BALANCERS;
constexpr v1::DrainState kTransactions = v1::DRAIN_STATE_WAITING_FOR_TRANSACTIONS;
constexpr v1::DrainState kReadOnly = v1::DRAIN_STATE_READ_ONLY;
constexpr v1::DrainState kDrained = v1::DRAIN_STATE_DRAINED;
constexpr v1::DrainState kIllegal = v1::DRAIN_STATE_UNSPECIFIED;

using Line = std::array<v1::DrainState, 5>;
// clang-format off
constexpr std::array<Line, 5> kNext = {{
    //  ordered        balancers done  trx ended   quiet      undrained         in state
    {{kBalancers,     kTransactions,  kIllegal,   kIllegal,  kServing}},     // SERVING
    {{kBalancers,     kTransactions,  kIllegal,   kIllegal,  kServing}},     // WAITING_FOR_BALANCERS
    {{kTransactions,  kTransactions,  kReadOnly,  kIllegal,  kServing}},     // WAITING_FOR_TRANSACTIONS
    {{kReadOnly,      kReadOnly,      kIllegal,   kDrained,  kServing}},     // READ_ONLY
    {{kDrained,       kDrained,       kIllegal,   kDrained,  kServing}},     // DRAINED
}};
// clang-format on

}  // namespace

std::optional<v1::DrainState> NextDrainState(v1::DrainState state, DrainEvent event) {
  if (state < kServing || state > kDrained) return std::nullopt;
  const v1::DrainState next = kNext[state - kServing][static_cast<std::size_t>(event)];
  return next == kIllegal ? std::nullopt : std::optional(next);
}

NodeDrain::NodeDrain(const v1::DrainStatus& durable) : status_(durable) {
  if (!IsDurableDrain(status_)) status_.set_state(kServing);
  if (status_.state() == kServing && !status_.drain_id().empty()) {
    // It was read_only that was to be put back, so READ_ONLY is where it still is.
    undraining_ = true;
    status_.set_state(kReadOnly);
  }
}

DrainActions NodeDrain::OnDrain(const v1::Drain& order, BootTime now) {
  const bool resumed = undraining_ || status_.drain_id() != order.drain_id();
  undraining_ = false;
  status_.set_drain_id(order.drain_id());
  const bool moved = Apply(order.balancers_done() ? DrainEvent::kBalancersDone : DrainEvent::kOrdered);
  if (moved && status_.state() == kTransactions) balancers_done_at_ = now;
  return {.persist = moved || resumed, .set_read_only = std::nullopt};
}

DrainActions NodeDrain::OnUndrain() {
  if (status_.state() == kServing || undraining_) return {};
  const bool untouched = status_.state() < kReadOnly || status_.read_only_before();
  if (untouched) {
    Apply(DrainEvent::kUndrained);
    return {.persist = true, .set_read_only = std::nullopt};
  }
  undraining_ = true;
  return {.persist = true, .set_read_only = false};
}

DrainActions NodeDrain::OnObservation(const DrainObservation& observation) {
  if (undraining_) return PutBack(observation);
  if (status_.state() == kTransactions && TransactionsEnded(observation)) {
    status_.set_read_only_before(observation.read_only);
    Apply(DrainEvent::kTransactionsEnded);
    return {.persist = true, .set_read_only = true};
  }
  if (status_.state() < kReadOnly) return {};
  // Also when mariadbd was restarted while drained, or somebody turned it off.
  if (!observation.read_only) {
    read_only_seen_at_.reset();
    return {.persist = false, .set_read_only = true};
  }
  if (!read_only_seen_at_.has_value()) read_only_seen_at_ = observation.asked_at;
  const bool quiet = observation.open_transactions == 0 && observation.listed_at >= *read_only_seen_at_;
  const bool moved = quiet && Apply(DrainEvent::kQuiet);
  return {.persist = moved, .set_read_only = std::nullopt};
}

DrainActions NodeDrain::PutBack(const DrainObservation& observation) {
  if (observation.read_only) return {.persist = false, .set_read_only = false};
  undraining_ = false;
  Apply(DrainEvent::kUndrained);
  return {.persist = true, .set_read_only = std::nullopt};
}

v1::DrainStatus NodeDrain::Reported() const { return status_; }

v1::DrainStatus NodeDrain::Durable() const {
  v1::DrainStatus durable = status_;
  if (undraining_) durable.set_state(kServing);
  return durable;
}

bool NodeDrain::InProgress() const {
  return undraining_ || status_.state() == kTransactions || status_.state() == kReadOnly;
}

// True when the state changed. An illegal event is refused: it changes nothing.
bool NodeDrain::Apply(DrainEvent event) {
  const auto next = NextDrainState(status_.state(), event);
  if (!next.has_value()) return false;
  const bool changed = *next != status_.state();
  status_.set_state(*next);
  if (*next == kServing) {
    status_.clear_drain_id();
    status_.clear_read_only_before();
    balancers_done_at_.reset();
    read_only_seen_at_.reset();
  }
  return changed;
}

bool NodeDrain::TransactionsEnded(const DrainObservation& observation) {
  if (!balancers_done_at_.has_value()) balancers_done_at_ = observation.asked_at;
  const absl::Duration since = observation.listed_at - *balancers_done_at_;
  if (since < absl::ZeroDuration()) return false;
  return observation.open_transactions == 0 || observation.oldest_age < since;
}

bool IsDurableDrain(const v1::DrainStatus& status) { return status.state() >= kServing && status.state() <= kDrained; }

}  // namespace minder
