#include "common/core/order_phase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/core/order_life.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

// The matrix as OrderLife goes by it.
class OrderLifePhaseTest : public ::testing::Test {
 protected:
  OrderLifePhaseTest() { Report(); }

  OrderEffects Report(const std::function<void(v1::DbStatusReport&)>& change = nullptr) {
    v1::DbStatusReport report;
    report.set_running(v1::TERNARY_YES);
    report.set_primary(v1::TERNARY_NO);
    report.set_nonce("n1");
    report.add_members()->set_uuid("a");
    report.mutable_wsrep()->set_evs_state("OPERATIONAL");
    if (change) change(report);
    return life_.OnReported(report, now_);
  }
  OrderEffects Order(std::uint64_t epoch) {
    v1::MakePrimary order;
    order.set_epoch(epoch);
    order.set_nonce("n1");
    order.set_config_digest(options_.config_digest);
    return life_.On(order, now_);
  }
  OrderEffects Written(const OrderEffects& effects) { return life_.OnWritten(*effects.write, absl::OkStatus(), now_); }
  OrderEffects NotWritten(const OrderEffects& effects) {
    return life_.OnWritten(*effects.write, absl::UnavailableError("no space"), now_);
  }
  OrderEffects::Promote Begun(std::uint64_t epoch) { return *Written(Order(epoch)).promote; }
  OrderEffects Ended(const OrderEffects::Promote& promote, const absl::Status& outcome) {
    return life_.OnPromoted(promote, outcome, now_);
  }

  const absl::Status undone_ = absl::FailedPreconditionError("too late");
  const absl::Status without_effect_ = absl::AbortedError("not Primary");
  const absl::Status unclear_ = absl::DeadlineExceededError("no answer");
  const OrderLife::Options options_ = {.config_digest = "digest", .order_validity = absl::Seconds(2)};
  BootTime now_ = SinceBoot(absl::Hours(1));
  OrderLife life_{options_, {}};
};

TEST_F(OrderLifePhaseTest, GoesFromPhaseToPhase) {
  EXPECT_EQ(life_.phase(), OrderPhase::kNone);
  const OrderEffects accepted = Order(5);
  EXPECT_EQ(life_.phase(), OrderPhase::kRecording);
  const OrderEffects begun = Written(accepted);
  EXPECT_EQ(life_.phase(), OrderPhase::kCarryingOut);
  Written(Ended(*begun.promote, without_effect_));
  EXPECT_EQ(life_.phase(), OrderPhase::kWithoutEffect);
  Report([](v1::DbStatusReport& r) { r.mutable_wsrep()->set_evs_state("GATHER"); });
  EXPECT_EQ(life_.phase(), OrderPhase::kLeavingView);
  Written(Report());
  EXPECT_EQ(life_.phase(), OrderPhase::kFailed);
  Ended(Begun(6), absl::OkStatus());
  EXPECT_EQ(life_.phase(), OrderPhase::kTookEffect);
  Written(Report());
  EXPECT_EQ(life_.phase(), OrderPhase::kDone);
}

TEST_F(OrderLifePhaseTest, AnAgentThatIsStartedAnewKnowsOnlyWhatIsOnDisk) {
  EXPECT_EQ(OrderLife(options_, life_.shown()).phase(), OrderPhase::kNone);
  const OrderEffects::Promote begun = Begun(5);
  EXPECT_EQ(OrderLife(options_, life_.shown()).phase(), OrderPhase::kInDoubt);
  Ended(begun, absl::OkStatus());
  EXPECT_EQ(OrderLife(options_, life_.shown()).phase(), OrderPhase::kInDoubt);
  Written(Report());
  EXPECT_EQ(OrderLife(options_, life_.shown()).phase(), OrderPhase::kDone);
  Written(Ended(Begun(6), undone_));
  EXPECT_EQ(OrderLife(options_, life_.shown()).phase(), OrderPhase::kFailed);
}

TEST_F(OrderLifePhaseTest, AnEndThatIsNotOnDiskIsNone) {
  Ended(Begun(5), absl::OkStatus());
  NotWritten(Report());
  EXPECT_EQ(life_.phase(), OrderPhase::kTookEffect);
  Written(Report());
  EXPECT_EQ(life_.phase(), OrderPhase::kDone);
  NotWritten(Ended(Begun(6), undone_));
  EXPECT_EQ(life_.phase(), OrderPhase::kInDoubt);
  Written(Report([](v1::DbStatusReport& r) { r.set_running(v1::TERNARY_NO); }));
  EXPECT_EQ(life_.phase(), OrderPhase::kFailed);
}

TEST_F(OrderLifePhaseTest, AnOrderThatIsNotOnDiskLeavesTheOneOfBefore) {
  Written(Ended(Begun(5), without_effect_));
  NotWritten(Order(6));
  EXPECT_EQ(life_.phase(), OrderPhase::kInDoubt) << "what was known of it went with the later one";
  EXPECT_EQ(life_.shown().make_primary().epoch(), 5u);
}

// It was refused, but a view that was seen meanwhile brought it to disk, and what takes it out again cannot be written.
TEST_F(OrderLifePhaseTest, WhatTheDiskHoldsAgainstAllIntentionsIsInDoubt) {
  const OrderEffects order = Order(5);
  const OrderEffects view = Report([](v1::DbStatusReport& r) { r.mutable_last_primary_view()->set_id("view:1"); });
  const OrderEffects refused = NotWritten(order);
  EXPECT_EQ(life_.phase(), OrderPhase::kNone);
  Written(view);
  NotWritten(refused);
  EXPECT_EQ(life_.phase(), OrderPhase::kInDoubt);
  EXPECT_EQ(life_.shown().make_primary().epoch(), 5u);
}

TEST_F(OrderLifePhaseTest, TheEndOfAnOrderSaysNothingOfTheOneAfterIt) {
  const OrderEffects::Promote first = Begun(5);
  const OrderEffects second = Order(6);
  const OrderEffects ended = Ended(first, undone_);
  EXPECT_FALSE(ended.write.has_value()) << "the disk would show 5 as the last one";
  EXPECT_TRUE(ended.changed) << "it may have done something";
  EXPECT_THAT(ended.log, ElementsAre("the order of epoch 5, which that of epoch 6 has replaced, is undone"));
  EXPECT_EQ(life_.phase(), OrderPhase::kRecording);
  Written(second);
  Ended(first, absl::OkStatus());
  EXPECT_EQ(life_.phase(), OrderPhase::kCarryingOut);
}

TEST_F(OrderLifePhaseTest, AnOrderTakenUpAgainEndsAsItIsTold) {
  const OrderEffects::Promote first = Begun(5);
  NotWritten(Order(6));
  Written(Report([](v1::DbStatusReport& r) { r.set_primary(v1::TERNARY_YES); }));
  EXPECT_EQ(life_.phase(), OrderPhase::kDone);
  EXPECT_FALSE(Ended(first, unclear_).write.has_value()) << "it is over";
  EXPECT_EQ(life_.shown().make_primary().outcome(), v1::ORDER_OUTCOME_DONE);
}

TEST_F(OrderLifePhaseTest, WhatCannotBeEndsATest) {
  const OrderEffects::Promote begun = Begun(5);
  Written(Ended(begun, without_effect_));
  EXPECT_DEATH(Ended(begun, absl::OkStatus()), "check failed: next");
}

TEST_F(OrderLifePhaseTest, WhatCannotBeIsRefusedAndLoggedInProduction) {
  OrderLife life({.config_digest = "digest", .order_validity = absl::Seconds(2), .ends_on_illegal = false}, {});
  v1::DbStatusReport report = life_.last_report();
  life.OnReported(report, now_);
  v1::MakePrimary order;
  order.set_epoch(5);
  order.set_nonce("n1");
  order.set_config_digest("digest");
  const OrderEffects accepted = life.On(order, now_);
  const OrderEffects begun = life.OnWritten(*accepted.write, absl::OkStatus(), now_);
  life.OnPromoted(*begun.promote, without_effect_, now_);
  const OrderEffects again = life.OnPromoted(*begun.promote, absl::OkStatus(), now_);
  EXPECT_THAT(again.log, ElementsAre(HasSubstr("the order of epoch 5 is without-effect, and now it is took-effect")));
  EXPECT_FALSE(again.write.has_value() || again.changed);
  EXPECT_EQ(life.phase(), OrderPhase::kWithoutEffect);
  const OrderEffects twice = life.OnWritten(*accepted.write, absl::OkStatus(), now_);
  EXPECT_THAT(twice.log, ElementsAre(HasSubstr("is without-effect, and now it is recorded")));
  EXPECT_FALSE(twice.promote.has_value()) << "it would be carried out twice";
}

}  // namespace
}  // namespace minder
