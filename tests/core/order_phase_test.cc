#include "common/core/order_phase.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>

namespace minder {
namespace {

constexpr int kPhases = static_cast<int>(OrderPhase::kFailed) + 1;
constexpr int kEvents = static_cast<int>(OrderEvent::kServerEnded) + 1;

TEST(OrderPhase, MatrixAllowsExactlyTheseTransitions) {
  using P = OrderPhase;
  using E = OrderEvent;
  const std::map<P, std::map<E, P>> legal = {
      {P::kNone, {{E::kAccepted, P::kRecording}, {E::kTakenUp, P::kNone}, {E::kPrimarySeen, P::kNone}}},
      {P::kRecording,
       {{E::kAccepted, P::kRecording},
        {E::kRecorded, P::kCarryingOut},
        {E::kNotRecorded, P::kNone},
        {E::kPrimarySeen, P::kRecording}}},
      {P::kCarryingOut,
       {{E::kAccepted, P::kRecording},
        {E::kNotRecorded, P::kInDoubt},
        {E::kTakenUp, P::kInDoubt},
        {E::kUndone, P::kFailed},
        {E::kWithoutEffect, P::kWithoutEffect},
        {E::kUnclear, P::kInDoubt},
        {E::kTookEffect, P::kTookEffect},
        {E::kPrimarySeen, P::kCarryingOut}}},
      {P::kInDoubt,
       {{E::kAccepted, P::kRecording},
        {E::kNotRecorded, P::kInDoubt},
        {E::kTakenUp, P::kInDoubt},
        {E::kUndone, P::kFailed},
        {E::kWithoutEffect, P::kWithoutEffect},
        {E::kUnclear, P::kInDoubt},
        {E::kTookEffect, P::kTookEffect},
        {E::kPrimarySeen, P::kDone},
        {E::kServerEnded, P::kFailed}}},
      {P::kWithoutEffect,
       {{E::kAccepted, P::kRecording},
        {E::kNotRecorded, P::kWithoutEffect},
        {E::kTakenUp, P::kInDoubt},
        {E::kPrimarySeen, P::kDone},
        {E::kViewLeft, P::kLeavingView},
        {E::kViewEnded, P::kFailed},
        {E::kServerEnded, P::kFailed}}},
      {P::kLeavingView,
       {{E::kAccepted, P::kRecording},
        {E::kNotRecorded, P::kLeavingView},
        {E::kTakenUp, P::kInDoubt},
        {E::kPrimarySeen, P::kDone},
        {E::kViewLeft, P::kLeavingView},
        {E::kViewEnded, P::kFailed},
        {E::kServerEnded, P::kFailed}}},
      {P::kTookEffect,
       {{E::kAccepted, P::kRecording},
        {E::kNotRecorded, P::kTookEffect},
        {E::kTakenUp, P::kInDoubt},
        {E::kPrimarySeen, P::kDone},
        {E::kReported, P::kDone}}},
      {P::kDone,
       {{E::kAccepted, P::kRecording},
        {E::kTakenUp, P::kDone},
        {E::kUndone, P::kDone},
        {E::kWithoutEffect, P::kDone},
        {E::kUnclear, P::kDone},
        {E::kTookEffect, P::kDone},
        {E::kPrimarySeen, P::kDone}}},
      {P::kFailed,
       {{E::kAccepted, P::kRecording},
        {E::kTakenUp, P::kFailed},
        {E::kUndone, P::kFailed},
        {E::kWithoutEffect, P::kFailed},
        {E::kUnclear, P::kFailed},
        {E::kTookEffect, P::kFailed},
        {E::kPrimarySeen, P::kFailed}}},
  };
  for (int p = 0; p < kPhases; ++p) {
    for (int e = 0; e < kEvents; ++e) {
      const auto& from_here = legal.at(static_cast<P>(p));
      const auto to = from_here.find(static_cast<E>(e));
      EXPECT_EQ(NextOrderPhase(static_cast<P>(p), static_cast<E>(e)),
                to == from_here.end() ? std::nullopt : std::optional(to->second))
          << ShortName(static_cast<P>(p)) << ", " << ShortName(static_cast<E>(e));
    }
  }
}

TEST(OrderPhase, TheDiskHoldsAnOrderAsBegunUntilItIsOver) {
  for (int p = 0; p < kPhases; ++p) {
    const auto phase = static_cast<OrderPhase>(p);
    const bool begun = OutcomeOf(phase) == v1::ORDER_OUTCOME_STARTED;
    EXPECT_EQ(begun, phase != OrderPhase::kNone && !IsOver(phase)) << ShortName(phase);
  }
  EXPECT_EQ(OutcomeOf(OrderPhase::kNone), v1::ORDER_OUTCOME_UNSPECIFIED);
  EXPECT_EQ(OutcomeOf(OrderPhase::kDone), v1::ORDER_OUTCOME_DONE);
  EXPECT_EQ(OutcomeOf(OrderPhase::kFailed), v1::ORDER_OUTCOME_FAILED);
}

TEST(OrderPhase, EachHasAName) {
  std::set<std::string> phases;
  std::set<std::string> events;
  for (int p = 0; p < kPhases; ++p) phases.insert(ShortName(static_cast<OrderPhase>(p)));
  for (int e = 0; e < kEvents; ++e) events.insert(ShortName(static_cast<OrderEvent>(e)));
  EXPECT_EQ(static_cast<int>(phases.size()), kPhases);
  EXPECT_EQ(static_cast<int>(events.size()), kEvents);
  EXPECT_EQ(ShortName(OrderPhase::kFailed), "failed");
  EXPECT_EQ(ShortName(OrderEvent::kServerEnded), "server-ended");
}

}  // namespace
}  // namespace minder
