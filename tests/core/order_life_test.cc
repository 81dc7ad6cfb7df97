#include "common/core/order_life.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder {
namespace {

using ::testing::HasSubstr;

// What needs no disk and no server; the rest is in tests/services/dbserver-agent/order_keeper_test.cc.
class OrderLifeTest : public ::testing::Test {
 protected:
  OrderLifeTest() { Report("n1"); }

  // A freeze that quotes this report, as it is shown once it is on disk.
  v1::FreezeStatus FrozenBy(std::uint64_t epoch, const std::string& nonce) {
    v1::Freeze order;
    order.set_epoch(epoch);
    order.set_nonce(nonce);
    life_.OnWritten(*life_.On(order, now_).write, absl::OkStatus(), now_);
    return life_.shown().freeze();
  }
  OrderEffects ReportView(const std::string& nonce, v1::Ternary primary, const std::string& last,
                          const std::vector<std::string>& members) {
    v1::DbStatusReport report;
    report.set_running(v1::TERNARY_YES);
    report.set_primary(primary);
    report.set_nonce(nonce);
    report.mutable_last_primary_view()->set_id(last);
    for (const std::string& member : members) report.add_members()->set_uuid(member);
    return life_.OnReported(report, now_);
  }

  OrderEffects Report(const std::string& nonce, const std::string& evs_state = "OPERATIONAL") {
    v1::DbStatusReport report;
    report.set_running(v1::TERNARY_YES);
    report.set_primary(v1::TERNARY_NO);
    report.set_nonce(nonce);
    report.add_members()->set_uuid("a");
    report.mutable_wsrep()->set_evs_state(evs_state);
    return life_.OnReported(report, now_);
  }
  void ReportStopped(const std::string& nonce) {
    v1::DbStatusReport report;
    report.set_running(v1::TERNARY_NO);
    report.set_primary(v1::TERNARY_NO);
    report.set_nonce(nonce);
    report.mutable_stopped()->mutable_recovered()->set_uuid("5a1e0000-0000-0000-0000-000000000001");
    report.mutable_stopped()->mutable_recovered()->set_seqno(7);
    life_.OnReported(report, now_);
  }
  static v1::Recover Bootstrap(std::uint64_t epoch, const std::string& nonce) {
    v1::Recover order;
    order.set_action(v1::Recover::ACTION_BOOTSTRAP);
    order.set_epoch(epoch);
    order.set_nonce(nonce);
    order.set_config_digest("digest");
    return order;
  }
  static v1::MakePrimary Promote(std::uint64_t epoch) {
    v1::MakePrimary order;
    order.set_epoch(epoch);
    order.set_nonce("n1");
    order.set_config_digest("digest");
    return order;
  }
  const v1::OrderStatus& Outcome() {
    outcomes_ = life_.outcomes();
    return outcomes_.back();
  }

  BootTime now_ = SinceBoot(absl::Hours(1));
  OrderLife life_{{.config_digest = "digest", .order_validity = absl::Seconds(2)}, {}};
  std::vector<v1::OrderStatus> outcomes_;
};

TEST_F(OrderLifeTest, NothingIsDoneOrShownBeforeItIsOnDisk) {
  const OrderEffects accepted = life_.On(Promote(5), now_);
  ASSERT_TRUE(accepted.write.has_value());
  EXPECT_FALSE(accepted.promote.has_value());
  EXPECT_EQ(life_.shown().highest_epoch(), 0u);
  const OrderEffects written = life_.OnWritten(*accepted.write, absl::OkStatus(), now_);
  ASSERT_TRUE(written.promote.has_value());
  EXPECT_EQ(written.promote->not_after, now_ + absl::Seconds(2));
  EXPECT_EQ(life_.shown().highest_epoch(), 5u);
  EXPECT_EQ(Outcome().outcome(), v1::ORDER_OUTCOME_STARTED);
}

TEST_F(OrderLifeTest, WhatWasAcceptedBeforeTheServerWasHeldDownIsNotCarriedOut) {
  for (const bool bootstrap : {false, true}) {
    if (bootstrap) ReportStopped("s1");
    life_.SetHeldDown(false);
    const OrderEffects accepted = bootstrap ? life_.On(Bootstrap(6, "s1"), now_) : life_.On(Promote(5), now_);
    ASSERT_TRUE(accepted.write.has_value());
    life_.SetHeldDown(true);
    const OrderEffects written = life_.OnWritten(*accepted.write, absl::OkStatus(), now_);
    EXPECT_FALSE(written.promote || written.bootstrap);
    ASSERT_TRUE(written.write.has_value());
    life_.OnWritten(*written.write, absl::OkStatus(), now_);
    EXPECT_EQ(Outcome().outcome(), v1::ORDER_OUTCOME_FAILED);
    EXPECT_THAT(Outcome().detail(), HasSubstr("held down"));
  }
}

// Both were on their way to the disk, and the second one holds what the first one held.
TEST_F(OrderLifeTest, AWriteThatFailsTakesNothingBackThatALaterOneHasBroughtToDisk) {
  const OrderEffects view = ReportView("n2", v1::TERNARY_NO, "view:1", {"a", "b"});
  v1::Freeze freeze;
  freeze.set_epoch(5);
  freeze.set_nonce("n2");
  const OrderEffects promise = life_.On(freeze, now_);
  ASSERT_TRUE(view.write && promise.write);
  life_.OnWritten(*view.write, absl::UnavailableError("no space"), now_);
  life_.OnWritten(*promise.write, absl::OkStatus(), now_);
  EXPECT_TRUE(life_.shown().freeze().frozen());
  const OrderEffects next = ReportView("n3", v1::TERNARY_NO, "view:2", {"a", "b"});
  ASSERT_TRUE(next.write.has_value());
  EXPECT_TRUE(next.write->promise.freeze().frozen());
  EXPECT_EQ(next.write->promise.highest_epoch(), 5u);
}

TEST_F(OrderLifeTest, AnOrderThatCannotBeRecordedIsNotBegunByWhatIsWrittenAfterIt) {
  FrozenBy(4, "n1");
  const OrderEffects order = life_.On(Promote(5), now_);
  const OrderEffects view = ReportView("n2", v1::TERNARY_NO, "view:1", {"a", "b"});
  ASSERT_TRUE(order.write && view.write);
  const OrderEffects refused = life_.OnWritten(*order.write, absl::UnavailableError("no space"), now_);
  ASSERT_TRUE(refused.write.has_value()) << "the one after it holds it";
  life_.OnWritten(*view.write, absl::OkStatus(), now_);
  life_.OnWritten(*refused.write, absl::OkStatus(), now_);
  EXPECT_EQ(Outcome().outcome(), v1::ORDER_OUTCOME_REFUSED);
  EXPECT_EQ(life_.shown().make_primary().epoch(), 0u);
  EXPECT_EQ(life_.shown().freeze().epoch(), 4u) << "the promise of before holds";
  EXPECT_TRUE(life_.shown().freeze().frozen());
  EXPECT_EQ(life_.shown().last_seen_view().id(), "view:1");
}

// gvwstate.dat goes when the power fails, or when a human or the agent has it aside.
TEST_F(OrderLifeTest, RemembersTheLastPrimaryViewOnceForEachAndTriesAgainWhenItCannotBeRecorded) {
  const OrderEffects seen = ReportView("n2", v1::TERNARY_YES, "view:1", {"a", "b"});
  ASSERT_TRUE(seen.write.has_value());
  EXPECT_EQ(life_.shown().last_seen_view().id(), "") << "not before it is on disk";
  const OrderEffects failed = life_.OnWritten(*seen.write, absl::ResourceExhaustedError("disk full"), now_);
  EXPECT_FALSE(failed.changed) << "a report would follow at once, and another attempt";
  EXPECT_THAT(failed.log, testing::ElementsAre(HasSubstr("disk full")));
  const OrderEffects again = ReportView("n3", v1::TERNARY_YES, "view:1", {"a", "b"});
  ASSERT_TRUE(again.write.has_value());
  life_.OnWritten(*again.write, absl::OkStatus(), now_);
  EXPECT_EQ(life_.shown().last_seen_view().id(), "view:1");
  EXPECT_FALSE(ReportView("n4", v1::TERNARY_NO, "view:1", {"a"}).write.has_value());
}

// The arbitrator gives an order up that nothing is heard of in time, and starts another one.
TEST_F(OrderLifeTest, ABootstrapThatIsOnDiskTooLateIsNotCarriedOut) {
  ReportStopped("s1");
  const OrderEffects in_time = life_.On(Bootstrap(5, "s1"), now_);
  ASSERT_TRUE(in_time.write.has_value());
  EXPECT_TRUE(life_.OnWritten(*in_time.write, absl::OkStatus(), now_ + absl::Milliseconds(1999)).bootstrap.has_value());
  life_.OnBootstrapped(in_time.write->promise.make_primary(), absl::FailedPreconditionError("it holds no data"));
  const OrderEffects late = life_.On(Bootstrap(6, "s1"), now_);
  ASSERT_TRUE(late.write.has_value());
  const OrderEffects written = life_.OnWritten(*late.write, absl::OkStatus(), now_ + absl::Seconds(2));
  EXPECT_FALSE(written.bootstrap.has_value());
  ASSERT_TRUE(written.write.has_value()) << "its end is recorded as well";
  life_.OnWritten(*written.write, absl::OkStatus(), now_ + absl::Seconds(2));
  EXPECT_EQ(Outcome().outcome(), v1::ORDER_OUTCOME_FAILED);
  EXPECT_THAT(Outcome().detail(), HasSubstr("ran out"));
}

// The guard spares who promised for as long as it is non-Primary after the primary view that the arbitrator knew of.
TEST_F(OrderLifeTest, APromiseHoldsForTheLastPrimaryViewOfTheReportThatItWasAskedFor) {
  ReportView("n2", v1::TERNARY_NO, "view:1", {"a", "b"});
  ReportView("n3", v1::TERNARY_NO, "view:1", {"a"});
  EXPECT_EQ(FrozenBy(5, "n2").view_id(), "view:1") << "whom it hears matters to nobody";
  ReportView("n4", v1::TERNARY_YES, "view:2", {"a", "b"});
  ReportView("n5", v1::TERNARY_NO, "view:2", {"a"});
  EXPECT_EQ(FrozenBy(6, "n3").view_id(), "") << "it was in another primary component since";
  EXPECT_EQ(FrozenBy(7, "n4").view_id(), "") << "it was primary then";
  EXPECT_EQ(FrozenBy(8, "n5").view_id(), "view:2");
}

TEST_F(OrderLifeTest, APromiseThatCannotBeRecordedIsRefusedWithTheReasonUntilItCan) {
  v1::Freeze order;
  order.set_epoch(5);
  order.set_nonce("n1");
  const OrderEffects first = life_.On(order, now_);
  EXPECT_TRUE(life_.OnWritten(*first.write, absl::UnavailableError("no space"), now_).changed);
  EXPECT_FALSE(life_.shown().freeze().frozen());
  EXPECT_EQ(Outcome().verb(), v1::Message::kFreezeFieldNumber);
  EXPECT_EQ(Outcome().outcome(), v1::ORDER_OUTCOME_REFUSED);
  EXPECT_THAT(Outcome().detail(), HasSubstr("it cannot be recorded: no space"));
  const OrderEffects second = life_.On(order, now_);
  EXPECT_FALSE(life_.OnWritten(*second.write, absl::UnavailableError("no space"), now_).changed) << "said once";
  const OrderEffects third = life_.On(order, now_);
  life_.OnWritten(*third.write, absl::OkStatus(), now_);
  EXPECT_TRUE(life_.shown().freeze().frozen());
  for (const v1::OrderStatus& outcome : life_.outcomes())
    EXPECT_NE(outcome.outcome(), v1::ORDER_OUTCOME_REFUSED) << outcome.detail();
}

TEST_F(OrderLifeTest, WhatCannotBeRecordedIsRefusedOnceAndForAllAndSpoilsNoOlderOutcome) {
  const OrderEffects first = life_.On(Promote(5), now_);
  const OrderEffects begun = life_.OnWritten(*first.write, absl::OkStatus(), now_);
  const OrderEffects ended = life_.OnPromoted(*begun.promote, absl::FailedPreconditionError("too late"), now_);
  life_.OnWritten(*ended.write, absl::OkStatus(), now_);
  const OrderEffects second = life_.On(Promote(6), now_);
  EXPECT_FALSE(life_.OnWritten(*second.write, absl::UnavailableError("no space"), now_).promote.has_value());
  EXPECT_EQ(Outcome().epoch(), 6u);
  EXPECT_EQ(Outcome().outcome(), v1::ORDER_OUTCOME_REFUSED);
  EXPECT_THAT(Outcome().detail(), HasSubstr("no space"));
  EXPECT_EQ(life_.shown().make_primary().detail(), "too late");
  EXPECT_FALSE(life_.On(Promote(6), now_).write.has_value()) << "it comes again";
}

TEST_F(OrderLifeTest, AnotherViewOfTheSameMembersEndsTheDoubtAsWell) {
  const OrderEffects accepted = life_.On(Promote(5), now_);
  const OrderEffects begun = life_.OnWritten(*accepted.write, absl::OkStatus(), now_);
  const OrderEffects done = life_.OnPromoted(*begun.promote, absl::AbortedError("set, and not Primary"), now_);
  life_.OnWritten(*done.write, absl::OkStatus(), now_);
  EXPECT_FALSE(Report("n2").write.has_value());
  EXPECT_FALSE(Report("n3", "GATHER").write.has_value()) << "what was sent may still be delivered";
  const OrderEffects over = Report("n4");
  ASSERT_TRUE(over.write.has_value());
  EXPECT_EQ(over.write->promise.make_primary().outcome(), v1::ORDER_OUTCOME_FAILED);
}

TEST_F(OrderLifeTest, DoneIsShownWithWhatWasObservedAfterIt) {
  const OrderEffects accepted = life_.On(Promote(5), now_);
  const OrderEffects begun = life_.OnWritten(*accepted.write, absl::OkStatus(), now_);
  const BootTime done = now_ + absl::Milliseconds(10);
  life_.OnPromoted(*begun.promote, absl::OkStatus(), done);
  EXPECT_FALSE(Report("n2").write.has_value()) << "the probe began before";
  EXPECT_EQ(Outcome().outcome(), v1::ORDER_OUTCOME_STARTED);
  now_ = done;
  const OrderEffects over = Report("n3");
  ASSERT_TRUE(over.write.has_value()) << "primary for a moment, and seen by nobody";
  EXPECT_EQ(over.write->promise.make_primary().outcome(), v1::ORDER_OUTCOME_DONE);
}

}  // namespace
}  // namespace minder
