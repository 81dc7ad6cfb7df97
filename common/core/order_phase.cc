#include "common/core/order_phase.h"

#include <array>
#include <cstddef>

namespace minder {

std::optional<OrderPhase> NextOrderPhase(OrderPhase phase, OrderEvent event) {
  using enum OrderPhase;
  constexpr OrderPhase kRecord = kRecording;
  constexpr OrderPhase kCarrying = kCarryingOut;
  constexpr OrderPhase kDoubt = kInDoubt;
  constexpr OrderPhase kWithout = kWithoutEffect;
  constexpr OrderPhase kLeaving = kLeavingView;
  constexpr OrderPhase kTook = kTookEffect;
  constexpr std::nullopt_t kNo = std::nullopt;
  using Phases = std::array<std::optional<OrderPhase>, 9>;
  // One that is carried out is in doubt, or over already, when it ends, if it was taken up from the disk meanwhile:
  // what came after it could not be recorded.
  // clang-format off
  static constexpr std::array<Phases, 13> kNext = {{
      // none    recording  carrying   in doubt  without   leaving   took     done     failed         after
      {{kRecord, kRecord,   kRecord,   kRecord,  kRecord,  kRecord,  kRecord, kRecord, kRecord}},  // accepted
      {{kNo,     kCarrying, kNo,       kNo,      kNo,      kNo,      kNo,     kNo,     kNo}},      // recorded
      {{kNo,     kNone,     kDoubt,    kDoubt,   kWithout, kLeaving, kTook,   kNo,     kNo}},      // not recorded
      {{kNone,   kNo,       kDoubt,    kDoubt,   kDoubt,   kDoubt,   kDoubt,  kDone,   kFailed}},  // taken up
      {{kNo,     kNo,       kFailed,   kFailed,  kNo,      kNo,      kNo,     kDone,   kFailed}},  // undone
      {{kNo,     kNo,       kWithout,  kWithout, kNo,      kNo,      kNo,     kDone,   kFailed}},  // without effect
      {{kNo,     kNo,       kDoubt,    kDoubt,   kNo,      kNo,      kNo,     kDone,   kFailed}},  // unclear
      {{kNo,     kNo,       kTook,     kTook,    kNo,      kNo,      kNo,     kDone,   kFailed}},  // took effect
      {{kNone,   kRecord,   kCarrying, kDone,    kDone,    kDone,    kDone,   kDone,   kFailed}},  // primary seen
      {{kNo,     kNo,       kNo,       kNo,      kNo,      kNo,      kDone,   kNo,     kNo}},      // reported
      {{kNo,     kNo,       kNo,       kNo,      kLeaving, kLeaving, kNo,     kNo,     kNo}},      // view left
      {{kNo,     kNo,       kNo,       kNo,      kFailed,  kFailed,  kNo,     kNo,     kNo}},      // view ended
      {{kNo,     kNo,       kNo,       kFailed,  kFailed,  kFailed,  kNo,     kNo,     kNo}},      // server ended
  }};
  // clang-format on
  return kNext[static_cast<std::size_t>(event)][static_cast<std::size_t>(phase)];
}

v1::OrderOutcome OutcomeOf(OrderPhase phase) {
  switch (phase) {
    case OrderPhase::kNone:
      return v1::ORDER_OUTCOME_UNSPECIFIED;
    case OrderPhase::kDone:
      return v1::ORDER_OUTCOME_DONE;
    case OrderPhase::kFailed:
      return v1::ORDER_OUTCOME_FAILED;
    default:
      return v1::ORDER_OUTCOME_STARTED;
  }
}

std::string ShortName(OrderPhase phase) {
  constexpr std::array<const char*, 9> kNames = {"none",        "recording",      "carrying-out",
                                                 "in-doubt",    "without-effect", "leaving-view",
                                                 "took-effect", "done",           "failed"};
  return kNames[static_cast<std::size_t>(phase)];
}

std::string ShortName(OrderEvent event) {
  constexpr std::array<const char*, 13> kNames = {
      "accepted",    "recorded",     "not-recorded", "taken-up",  "undone",     "without-effect", "unclear",
      "took-effect", "primary-seen", "reported",     "view-left", "view-ended", "server-ended"};
  return kNames[static_cast<std::size_t>(event)];
}

}  // namespace minder
