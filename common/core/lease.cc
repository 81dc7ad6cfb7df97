#include "common/core/lease.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/core/lookup.h"
#include "common/core/proto_time.h"
#include "common/core/same_configuration.h"
#include "common/core/tie.h"

namespace minder {
namespace {

// More than a lease is good for.
constexpr std::size_t kWishesKept = 32;

// Two clocks that count from the same moment, over seconds; and what the guard takes to kill.
constexpr absl::Duration kFenceMargin = absl::Seconds(1);

}  // namespace

bool GuardsInUse(const v1::Configuration& config) {
  const v1::Promotion::Fence fence = config.promotion().self_fence();
  return fence == v1::Promotion::FENCE_GUARD || fence == v1::Promotion::FENCE_WATCHDOG;
}

bool LeasesInUse(const v1::Configuration& config) {
  return GuardsInUse(config) || config.promotion().tie() == v1::Promotion::SWITCH_ON;
}

std::optional<absl::Duration> ParsePeriod(std::string text) {
  absl::Duration period;
  if (!text.starts_with("PT")) return std::nullopt;
  text = absl::AsciiStrToLower(text.substr(2));
  if (!absl::ParseDuration(text, &period) || period <= absl::ZeroDuration()) return std::nullopt;
  return period;
}

std::optional<v1::Lease> LeaseFor(const v1::Configuration& config, const v1::ArbitratorState& state,
                                  const std::string& dbserver) {
  const v1::DbserverKnowledge* known = FindByName(state.dbservers(), dbserver);
  if (!LeasesInUse(config) || known == nullptr || FindLeftBehind(state.durable(), dbserver) != nullptr)
    return std::nullopt;
  // It would make its old component primary again, without the list that refuses them.
  if (known->report().running() == v1::TERNARY_NO && SomebodyIsCountedOut(state.durable())) return std::nullopt;
  v1::Lease lease;
  *lease.mutable_ttl() = config.promotion().lease_ttl();
  lease.set_epoch(state.durable().epoch());
  lease.set_nonce(known->report().nonce());
  lease.set_view_id(state.durable().confirmed().view().id());
  return lease;
}

std::optional<absl::Duration> NoticesWithin(const v1::DbStatusReport& last) {
  const auto period = ParsePeriod(last.provider_options().evs_inactive_timeout());
  return period ? std::optional(*period + kFenceMargin) : std::nullopt;
}

std::optional<absl::Duration> FencedAfter(const v1::Configuration& config, const v1::DbStatusReport& last) {
  const bool watchdog = config.promotion().self_fence() == v1::Promotion::FENCE_WATCHDOG;
  const v1::FenceStatus& fence = last.fence();
  const bool armed = fence.armed() && fence.mode() == (watchdog ? v1::FENCE_MODE_WATCHDOG : v1::FENCE_MODE_GUARD) &&
                     fence.has_watchdog_timeout() == watchdog;
  if (!GuardsInUse(config) || !armed || !WhyOtherConfiguration(config, last).empty()) return std::nullopt;
  const auto notices = NoticesWithin(last);
  if (!notices) return std::nullopt;
  return *notices + FromProto(config.promotion().lease_ttl()) + FromProto(fence.watchdog_timeout());
}

void LeaseHolder::OnLease(const v1::Lease& lease, const Sightings::Sighting& quoted, std::uint64_t highest_epoch) {
  if (lease.epoch() < highest_epoch) return;
  const BootTime until = quoted.observed_at + std::min(FromProto(lease.ttl()), ttl_);
  lease_until_ = std::max(lease_until_, until);
  if (std::ranges::find(wishes_, lease.nonce()) != wishes_.end()) start_until_ = until;
  if (!lease.view_id().empty() && lease.view_id() == view_.id())
    together_.emplace(view_.members().begin(), view_.members().end());
}

void LeaseHolder::OnReported(const v1::DbStatusReport& report, BootTime observed_at) {
  // Only when it is shown: until then nobody counts on it, and no observation says yet that it is harmless.
  if (report.freeze().frozen() && report.freeze().epoch() > frozen_at_) {
    frozen_at_ = report.freeze().epoch();
    if (report.primary() == v1::TERNARY_NO) lease_until_ = start_until_ = absl::InfinitePast();
  }
  if (report.process().start_wanted()) {
    wishes_.push_back(report.nonce());
    if (wishes_.size() > kWishesKept) wishes_.pop_front();
  } else {
    wishes_.clear();  // also of a lease that is on its way
    start_until_ = absl::InfinitePast();
  }
  if (report.has_last_primary_view()) view_ = report.last_primary_view();
  // Whom it names belongs to those who must not be lost, seen in it or not.
  if (together_) together_->insert(view_.members().begin(), view_.members().end());
  const bool settled = report.wsrep().evs_state() == "OPERATIONAL";
  if (together_ && report.primary() == v1::TERNARY_YES && settled && report.has_last_primary_view()) {
    const std::set<std::string> view = {view_.members().begin(), view_.members().end()};
    if (std::ranges::includes(view, *together_)) seen_until_ = std::max(seen_until_, observed_at + ttl_);
  }
  const bool harmless = report.running() == v1::TERNARY_YES && report.primary() == v1::TERNARY_NO &&
                        report.freeze().frozen() && !report.freeze().view_id().empty() &&
                        report.freeze().view_id() == report.last_primary_view().id();
  if (harmless) seen_until_ = std::max(seen_until_, observed_at + ttl_);
}

}  // namespace minder
