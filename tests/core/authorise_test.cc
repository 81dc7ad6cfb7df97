#include "common/core/authorise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// An agent that has reported itself non-Primary a second ago, and an order that was decided on that report.
class AuthoriseTest : public ::testing::Test {
 protected:
  AuthoriseTest() {
    report_.set_running(v1::TERNARY_YES);
    report_.set_primary(v1::TERNARY_NO);
    report_.set_nonce("n1");
    report_.mutable_process()->set_pid(7);
    report_.mutable_wsrep()->set_gcomm_uuid("a");
    report_.mutable_last_primary_view()->set_id("a:4");
    report_.add_members()->set_uuid("a");
    sightings_.Add(report_, now_ - absl::Seconds(1));
    order_.set_epoch(6);
    order_.set_nonce("n1");
    order_.set_config_version(3);
    order_.set_config_digest("digest of 3");
  }
  void ReportsNow(const std::string& nonce) {
    report_.set_nonce(nonce);
    sightings_.Add(report_, now_);
  }
  OwnState Own(std::uint64_t highest = 5) const {
    return {.sightings = sightings_,
            .highest_epoch = highest,
            .config_version = 3,
            .config_digest = "digest of 3",
            .order_validity = absl::Seconds(2)};
  }
  std::string Why(std::uint64_t highest = 5) const { return WhyRefused(order_, Own(highest), now_); }

  Sightings sightings_;
  v1::DbStatusReport report_;
  v1::MakePrimary order_;
  BootTime now_ = SinceBoot(absl::Hours(1));
};

TEST_F(AuthoriseTest, AcceptsWhatWasDecidedOnARecentReportThatStillHolds) {
  EXPECT_THAT(Why(), IsEmpty());
  ReportsNow("n2");
  EXPECT_THAT(Why(), IsEmpty()) << "a newer report of the same state changes nothing";
}

TEST_F(AuthoriseTest, RefusesAnEpochThatWasSeen) {
  EXPECT_THAT(Why(6), HasSubstr("not above 6"));
  EXPECT_THAT(Why(7), HasSubstr("not above 7"));
}

TEST_F(AuthoriseTest, RefusesAnOldReport) {
  now_ += absl::Seconds(1);
  EXPECT_THAT(Why(), IsEmpty()) << "two seconds are still valid";
  now_ += absl::Nanoseconds(1);
  EXPECT_THAT(Why(), HasSubstr("2s are allowed"));
}

TEST_F(AuthoriseTest, RefusesAReportFromTheFuture) {
  now_ -= absl::Seconds(2);
  EXPECT_THAT(Why(), HasSubstr("are allowed"));
}

TEST_F(AuthoriseTest, RefusesAReportThatItDidNotMake) {
  order_.set_nonce("n0");
  EXPECT_THAT(Why(), HasSubstr("no recent report"));
  order_.clear_nonce();
  report_.clear_nonce();
  sightings_.Add(report_, now_);
  EXPECT_THAT(Why(), HasSubstr("no recent report")) << "no nonce is no nonce, on either side";
}

TEST_F(AuthoriseTest, RefusesAnotherConfiguration) {
  order_.set_config_version(4);
  EXPECT_THAT(Why(), HasSubstr("configuration version 4"));
}

TEST_F(AuthoriseTest, RefusesAConfigurationThatWasChangedUnderTheSameVersion) {
  order_.set_config_digest("digest of 3, changed");
  EXPECT_THAT(Why(), HasSubstr("another configuration of the same version 3"));
  order_.clear_config_digest();
  EXPECT_THAT(Why(), HasSubstr("does not show the digest"));
}

TEST_F(AuthoriseTest, AFirstNodeIsStartedByTheSameConfigurationOnly) {
  report_.set_running(v1::TERNARY_NO);
  report_.mutable_process()->set_pid(0);
  report_.mutable_stopped()->mutable_recovered()->set_uuid("5a1e0000-0000-0000-0000-000000000001");
  report_.mutable_stopped()->mutable_recovered()->set_seqno(42);
  ReportsNow("n2");
  v1::Recover recover;
  recover.set_action(v1::Recover::ACTION_BOOTSTRAP);
  recover.set_epoch(6);
  recover.set_nonce("n2");
  recover.set_config_version(3);
  EXPECT_THAT(WhyRefused(recover, Own(), now_), HasSubstr("does not show the digest"));
  recover.set_config_digest("digest of 3");
  EXPECT_THAT(WhyRefused(recover, Own(), now_), IsEmpty());
}

TEST_F(AuthoriseTest, RefusesOnceAnythingHasChanged) {
  const std::vector<std::function<void(v1::DbStatusReport&)>> changes = {
      [](auto& r) { r.mutable_process()->set_pid(8); },
      [](auto& r) { r.mutable_wsrep()->set_gcomm_uuid("b"); },
      [](auto& r) { r.mutable_last_primary_view()->set_id("a:5"); },
      [](auto& r) { r.add_members()->set_uuid("b"); },
  };
  const v1::DbStatusReport before = report_;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    report_ = before;
    changes[i](report_);
    ReportsNow("n2");
    EXPECT_THAT(Why(), HasSubstr("have changed")) << i;
  }
}

TEST_F(AuthoriseTest, RefusesWhatIsNotSeenToBeNonPrimary) {
  for (const auto primary : {v1::TERNARY_YES, v1::TERNARY_UNKNOWN, v1::TERNARY_UNSPECIFIED}) {
    report_.set_primary(primary);
    ReportsNow("n2");
    EXPECT_THAT(Why(), HasSubstr("not seen to be non-Primary"));
  }
  report_.set_primary(v1::TERNARY_NO);
  report_.set_running(v1::TERNARY_NO);
  ReportsNow("n2");
  EXPECT_THAT(Why(), HasSubstr("not seen to be non-Primary")) << "a stopped one cannot be promoted";
}

TEST_F(AuthoriseTest, RefusesToPromoteAndToStartWhileItIsHeldDown) {
  OwnState own = Own();
  own.held_down = true;
  EXPECT_THAT(WhyRefused(order_, own, now_), HasSubstr("held down after split brain"));
  EXPECT_THAT(WhyRefused(v1::Recover(), own, now_), HasSubstr("held down after split brain"));
}

TEST_F(AuthoriseTest, ForgetsReportsOfLongAgo) {
  for (int i = 0; i < 32; ++i) ReportsNow("later");
  EXPECT_THAT(Why(), HasSubstr("no recent report"));
}

TEST_F(AuthoriseTest, OtherOrdersTakeTheEpochThatWasSeenButNoneBelow) {
  const OwnState own = Own();
  v1::Freeze freeze;
  freeze.set_nonce("n1");
  v1::EvictMember evict;
  evict.set_nonce("n1");
  v1::Recover recover;
  recover.set_nonce("n1");
  recover.set_action(v1::Recover::ACTION_START);
  recover.set_gone_uuid("u");
  for (const std::uint64_t epoch : {4u, 5u, 6u}) {
    freeze.set_epoch(epoch);
    evict.set_epoch(epoch);
    recover.set_epoch(epoch);
    EXPECT_EQ(WhyRefused(freeze, own, now_).empty(), epoch >= 5);
    EXPECT_EQ(WhyRefused(evict, own, now_).empty(), epoch >= 5);
    EXPECT_EQ(WhyRefused(recover, own, now_).empty(), epoch >= 5);
  }
  evict.set_nonce("x");
  EXPECT_THAT(WhyRefused(evict, own, now_), HasSubstr("no recent report"));
  recover.set_action(v1::Recover::ACTION_UNSPECIFIED);
  EXPECT_THAT(WhyRefused(recover, own, now_), HasSubstr("does not carry out"));
}

}  // namespace
}  // namespace minder
