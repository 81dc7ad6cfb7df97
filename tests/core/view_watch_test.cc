#include "common/core/view_watch.h"

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

v1::DbStatusReport Shown(ViewWatch& watch, v1::DbStatusReport report, double at) {
  watch.OnObserved(At(at), report);
  return report;
}

std::optional<v1::Departure> DepartureIn(ViewWatch& watch, const v1::DbStatusReport& report, double at) {
  const v1::DbStatusReport shown = Shown(watch, report, at);
  return shown.has_departure() ? std::optional(shown.departure()) : std::nullopt;
}

TEST(ViewWatchTest, ShowsTheFirstComponentAfterThePrimaryOneWhateverFollows) {
  ViewWatch watch;
  EXPECT_FALSE(DepartureIn(watch, In(true, {"a", "b", "c"}), 0));
  EXPECT_FALSE(DepartureIn(watch, In(true, {"a", "b", "c"}, "GATHER"), 1));
  const auto departure = DepartureIn(watch, In(false, {"b"}), 1.5);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->members_size(), 1);
  EXPECT_EQ(FromProto(departure->unseen()), absl::Seconds(1.5));
  const auto later = DepartureIn(watch, In(false, {"b", "c"}), 9);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->members_size(), 1) << "that they are together now says nothing of between";
  EXPECT_FALSE(DepartureIn(watch, In(true, {"b", "c"}), 10));
}

TEST(ViewWatchTest, MembersThatAreNotThoseOfTheViewAreNone) {
  ViewWatch watch;
  DepartureIn(watch, In(true, {"a", "b", "c"}), 0);
  v1::DbStatusReport halfway = In(false, {"b"});
  halfway.mutable_wsrep()->set_cluster_size(2);
  EXPECT_FALSE(DepartureIn(watch, halfway, 1));
  const auto departure = DepartureIn(watch, In(false, {"b", "c"}), 1.1);
  ASSERT_TRUE(departure);
  EXPECT_EQ(departure->members_size(), 2);
}

TEST(ViewWatchTest, WhatWasNotSeenFromThePrimaryComponentOnIsNotKnown) {
  ViewWatch late;
  EXPECT_FALSE(DepartureIn(late, In(false, {"b"}), 0));
  ViewWatch restarted;
  DepartureIn(restarted, In(true, {"a", "b"}), 0);
  v1::DbStatusReport other_process = In(false, {"b"});
  other_process.mutable_process()->set_pid(8);
  EXPECT_FALSE(DepartureIn(restarted, other_process, 1));
  ViewWatch other_view;
  DepartureIn(other_view, In(true, {"a", "b"}), 0);
  v1::DbStatusReport after_another = In(false, {"b"});
  after_another.mutable_last_primary_view()->set_id("v:2");
  EXPECT_FALSE(DepartureIn(other_view, after_another, 1)) << "a primary component came and went unseen";
}

// In seconds; -1 when it is not settled.
double SettledFor(ViewWatch& watch, const v1::DbStatusReport& report, double at) {
  const v1::DbStatusReport shown = Shown(watch, report, at);
  return shown.has_settled_for() ? absl::ToDoubleSeconds(FromProto(shown.settled_for())) : -1;
}

TEST(ViewWatchTest, AViewIsSettledSinceItsMembersWereSeenSoFirst) {
  ViewWatch watch;
  EXPECT_EQ(SettledFor(watch, In(false, {"b"}), 0), 0);
  EXPECT_EQ(SettledFor(watch, In(false, {"b"}), 3), 3);
  EXPECT_EQ(SettledFor(watch, In(false, {"b"}, "GATHER"), 4), -1);
  EXPECT_EQ(SettledFor(watch, In(false, {"b"}), 5), 0) << "Galera may be about to show another one";
  EXPECT_EQ(SettledFor(watch, In(false, {"b"}), 6), 1);
  EXPECT_EQ(SettledFor(watch, In(false, {"b", "c"}), 7), 0);
  v1::DbStatusReport restarted = In(false, {"b", "c"});
  restarted.mutable_process()->set_pid(8);
  EXPECT_EQ(SettledFor(watch, restarted, 8), 0);
  restarted.set_running(v1::TERNARY_UNKNOWN);
  EXPECT_EQ(SettledFor(watch, restarted, 9), -1);
}

}  // namespace
}  // namespace minder
