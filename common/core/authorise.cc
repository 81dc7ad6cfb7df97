#include "common/core/authorise.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/core/position.h"

namespace minder {
namespace {

constexpr std::size_t kKept = 32;

// All that an order was decided on, as one text to compare.
std::string StateOf(const v1::DbStatusReport& report) {
  std::string state =
      absl::StrCat(report.process().pid(), "/", report.wsrep().gcomm_uuid(), "/", report.wsrep().local_state_uuid(),
                   "/", report.last_primary_view().id(), "/", static_cast<int>(report.primary()));
  for (const v1::ViewMember& member : report.members()) absl::StrAppend(&state, "/", member.uuid());
  for (const v1::Position& position : {report.stopped().grastate(), report.stopped().recovered()})
    absl::StrAppend(&state, "/", position.uuid(), ":", position.seqno());
  return state;
}

bool IsStopped(const v1::DbStatusReport& report) {
  return report.running() == v1::TERNARY_NO && report.process().pid() == 0;
}

std::string WhyTooLate(const std::string& nonce, const OwnState& own, BootTime now) {
  const Sightings::Sighting* quoted = own.sightings.Find(nonce);
  if (quoted == nullptr) return "it quotes no recent report of this agent";
  const absl::Duration age = now - quoted->observed_at;
  if (age < absl::ZeroDuration() || age > own.order_validity) {
    return absl::StrFormat("it quotes a report of %s ago, and %s are allowed",
                           absl::FormatDuration(absl::Trunc(age, absl::Milliseconds(1))),
                           absl::FormatDuration(own.order_validity));
  }
  return "";
}

// For orders that make nobody primary, and so need no epoch of their own.
std::string WhyFromThePast(std::uint64_t epoch, const std::string& nonce, const OwnState& own, BootTime now) {
  if (epoch >= own.highest_epoch) return WhyTooLate(nonce, own, now);
  return absl::StrFormat("its epoch %d is below %d, which this agent has seen", epoch, own.highest_epoch);
}

// For orders that make somebody primary (O4).
template <typename Order>
std::string WhyNotNow(const Order& order, const OwnState& own, BootTime now) {
  if (order.epoch() <= own.highest_epoch) {
    return absl::StrFormat("its epoch %d is not above %d, which this agent has seen", order.epoch(), own.highest_epoch);
  }
  if (order.config_version() != own.config_version) {
    return absl::StrFormat("it was decided on configuration version %d, and this agent runs %d", order.config_version(),
                           own.config_version);
  }
  if (order.config_digest().empty()) return "it does not show the digest of the configuration that it was decided on";
  if (order.config_digest() != own.config_digest) {
    return absl::StrFormat("it was decided on another configuration of the same version %d than this agent runs",
                           own.config_version);
  }
  return WhyTooLate(order.nonce(), own, now);
}

std::string WhyNotTheSame(const std::string& nonce, const OwnState& own) {
  if (own.sightings.newest()->state == own.sightings.Find(nonce)->state) return "";
  return "process, view, last primary view or position have changed since the report that it quotes";
}

}  // namespace

bool MakesPrimary(const v1::OrderStatus& order) {
  return order.verb() == v1::Message::kMakePrimaryFieldNumber ||
         (order.verb() == v1::Message::kRecoverFieldNumber && order.action() == v1::Recover::ACTION_BOOTSTRAP);
}

void Sightings::Add(const v1::DbStatusReport& report, BootTime observed_at) {
  sightings_.push_back({.nonce = report.nonce(),
                        .observed_at = observed_at,
                        .state = StateOf(report),
                        .last_primary_view = report.last_primary_view().id(),
                        .non_primary = report.primary() == v1::TERNARY_NO && report.running() == v1::TERNARY_YES,
                        .answers = report.running() == v1::TERNARY_YES,
                        .was_primary = report.process().was_primary(),
                        .has_data = IsStopped(report) && HasData(PositionOf(report.stopped()))});
  if (sightings_.size() > kKept) sightings_.pop_front();
}

const Sightings::Sighting* Sightings::Find(const std::string& nonce) const {
  const auto it = std::ranges::find(sightings_, nonce, &Sighting::nonce);
  return it == sightings_.end() || nonce.empty() ? nullptr : &*it;
}

std::string WhyRefused(const v1::MakePrimary& order, const OwnState& own, BootTime now) {
  if (own.held_down) return "it is held down after split brain";
  if (std::string why = WhyNotNow(order, own, now); !why.empty()) return why;
  if (!own.sightings.newest()->non_primary) return "mariadbd is not seen to be non-Primary";
  return WhyNotTheSame(order.nonce(), own);
}

std::string WhyRefused(const v1::Freeze& order, const OwnState& own, BootTime now) {
  return WhyFromThePast(order.epoch(), order.nonce(), own, now);
}

std::string WhyRefused(const v1::EvictMember& order, const OwnState& own, BootTime now) {
  return WhyFromThePast(order.epoch(), order.nonce(), own, now);
}

std::string WhyRefused(const v1::Recover& order, const OwnState& own, BootTime now) {
  if (own.held_down) return "it is held down after split brain";
  const Sightings::Sighting* newest = own.sightings.newest();
  switch (order.action()) {
    case v1::Recover::ACTION_BOOTSTRAP:
      if (std::string why = WhyNotNow(order, own, now); !why.empty()) return why;
      if (!newest->has_data) return "mariadbd is not seen to be stopped at a position that data stands behind";
      return WhyNotTheSame(order.nonce(), own);
    case v1::Recover::ACTION_COLLECT:
    case v1::Recover::ACTION_CLEAR:
      if (newest != nullptr && newest->answers) return "mariadbd answers, so it is not held down";
      return WhyFromThePast(order.epoch(), order.nonce(), own, now);
    case v1::Recover::ACTION_END:
      if (std::string why = WhyFromThePast(order.epoch(), order.nonce(), own, now); !why.empty()) return why;
      if (!newest->non_primary && newest->was_primary) return "mariadbd may be in a primary component";
      return WhyNotTheSame(order.nonce(), own);
    case v1::Recover::ACTION_START:
      return WhyFromThePast(order.epoch(), order.nonce(), own, now);
    default:
      return "this version does not carry out that action";
  }
}

}  // namespace minder
