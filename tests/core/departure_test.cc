#include "common/core/departure.h"

#include "common/core/proto_time.h"
#include "gtest/gtest.h"

namespace minder {
namespace {

BootTime At(double seconds) { return SinceBoot(absl::Hours(1)) + absl::Seconds(seconds); }

v1::DbStatusReport In(bool primary, const std::vector<std::string>& members, const std::string& evs = "OPERATIONAL") {
  v1::DbStatusReport report;
  report.set_running(v1::TERNARY_YES);
  report.set_primary(primary ? v1::TERNARY_YES : v1::TERNARY_NO);
  report.mutable_process()->set_pid(7);
  report.mutable_wsrep()->set_cluster_status(primary ? v1::CLUSTER_STATUS_PRIMARY : v1::CLUSTER_STATUS_NON_PRIMARY);
  report.mutable_wsrep()->set_evs_state(evs);
  report.mutable_wsrep()->set_cluster_size(static_cast<std::uint32_t>(members.size()));
  report.mutable_last_primary_view()->set_id("v:1");
  for (const std::string& member : members) report.add_members()->set_uuid(member);
  return report;
}

TEST(DepartureWatchTest, ShowsTheFirstComponentAfterThePrimaryOneWhateverFollows) {
  DepartureWatch watch;
  EXPECT_FALSE(watch.OnObserved(In(true, {"a", "b", "c"}), At(0)));
  EXPECT_FALSE(watch.OnObserved(In(true, {"a", "b", "c"}, "GATHER"), At(1)));
  const auto departure = watch.OnObserved(In(false, {"b"}), At(1.5));
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->members_size(), 1);
  EXPECT_EQ(FromProto(departure->unseen()), absl::Seconds(1.5));
  const auto later = watch.OnObserved(In(false, {"b", "c"}), At(9));
  ASSERT_TRUE(later);
  EXPECT_EQ(later->members_size(), 1) << "that they are together now says nothing of between";
  EXPECT_FALSE(watch.OnObserved(In(true, {"b", "c"}), At(10)));
}

TEST(DepartureWatchTest, MembersThatAreNotThoseOfTheViewAreNone) {
  DepartureWatch watch;
  watch.OnObserved(In(true, {"a", "b", "c"}), At(0));
  v1::DbStatusReport halfway = In(false, {"b"});
  halfway.mutable_wsrep()->set_cluster_size(2);
  EXPECT_FALSE(watch.OnObserved(halfway, At(1)));
  const auto departure = watch.OnObserved(In(false, {"b", "c"}), At(1.1));
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->members_size(), 2);
}

TEST(DepartureWatchTest, WhatWasNotSeenFromThePrimaryComponentOnIsNotKnown) {
  DepartureWatch late;
  EXPECT_FALSE(late.OnObserved(In(false, {"b"}), At(0)));
  DepartureWatch restarted;
  restarted.OnObserved(In(true, {"a", "b"}), At(0));
  v1::DbStatusReport other_process = In(false, {"b"});
  other_process.mutable_process()->set_pid(8);
  EXPECT_FALSE(restarted.OnObserved(other_process, At(1)));
  DepartureWatch other_view;
  other_view.OnObserved(In(true, {"a", "b"}), At(0));
  v1::DbStatusReport after_another = In(false, {"b"});
  after_another.mutable_last_primary_view()->set_id("v:2");
  EXPECT_FALSE(other_view.OnObserved(after_another, At(1))) << "a primary component came and went unseen";
}

}  // namespace
}  // namespace minder
