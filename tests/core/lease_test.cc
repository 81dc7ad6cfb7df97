#include "common/core/lease.h"

#include "common/core/proto_time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/world.h"

namespace minder {
namespace {

constexpr absl::Duration kTtl = absl::Seconds(5);
const BootTime kStart = SinceBoot(absl::Hours(1));
BootTime At(int seconds) { return kStart + absl::Seconds(seconds); }

v1::DbStatusReport InView(const std::string& id, const std::vector<std::string>& members, bool primary = true) {
  v1::DbStatusReport report;
  report.set_running(v1::TERNARY_YES);
  report.set_primary(primary ? v1::TERNARY_YES : v1::TERNARY_NO);
  report.mutable_wsrep()->set_evs_state("OPERATIONAL");
  report.mutable_last_primary_view()->set_id(id);
  report.mutable_last_primary_view()->mutable_members()->Assign(members.begin(), members.end());
  return report;
}

Sightings::Sighting ReportOf(int seconds) {
  Sightings::Sighting sighting;
  sighting.observed_at = At(seconds);
  return sighting;
}

v1::Lease LeaseOf(const std::string& view_id, std::uint64_t epoch = 0) {
  v1::Lease lease;
  *lease.mutable_ttl() = ToProto(kTtl);
  lease.set_epoch(epoch);
  lease.set_view_id(view_id);
  return lease;
}

TEST(LeaseHolderTest, ALeaseIsCountedFromTheReportThatItAnswers) {
  LeaseHolder holder(kTtl);
  EXPECT_FALSE(holder.Held(At(0)));
  holder.OnLease(LeaseOf(""), ReportOf(0), 0);
  EXPECT_TRUE(holder.Held(At(4)));
  EXPECT_FALSE(holder.Held(At(5)));
  holder.OnLease(LeaseOf(""), ReportOf(-3), 0);  // a late answer to an older report takes nothing away
  EXPECT_EQ(holder.LivesUntil(), At(5));
}

TEST(LeaseHolderTest, ALeaseLastsNoLongerThanTheOwnConfigurationSays) {
  LeaseHolder holder(absl::Seconds(2));
  holder.OnLease(LeaseOf(""), ReportOf(0), 0);
  EXPECT_EQ(holder.LivesUntil(), At(2));
}

TEST(LeaseHolderTest, ALeaseOfAnEarlierEpochIsVoid) {
  LeaseHolder holder(kTtl);
  holder.OnLease(LeaseOf("", 6), ReportOf(0), 7);
  EXPECT_FALSE(holder.Held(At(1)));
}

// Who is dead and silent, and did not want to start, is never started: that proves it dead for good (E3).
class LeaseToStartTest : public testing::Test {
 protected:
  void Report(const std::string& nonce, bool wanted, int seconds) {
    v1::DbStatusReport report;
    report.set_running(v1::TERNARY_NO);
    report.set_nonce(nonce);
    report.mutable_process()->set_start_wanted(wanted);
    holder_.OnReported(report, At(seconds));
  }
  void Lease(const std::string& nonce, int seconds) {
    v1::Lease lease = LeaseOf("");
    lease.set_nonce(nonce);
    holder_.OnLease(lease, ReportOf(seconds), 0);
  }
  LeaseHolder holder_{kTtl};
};

TEST_F(LeaseToStartTest, AnswersAReportOfTheWishTo) {
  Report("stopped", false, 1);
  Report("wants", true, 2);
  Lease("stopped", 1);
  EXPECT_FALSE(holder_.MayStart(At(3)));
  Lease("wants", 2);
  EXPECT_TRUE(holder_.MayStart(At(6)));
  EXPECT_FALSE(holder_.MayStart(At(7)));
}

TEST_F(LeaseToStartTest, EndsWithTheWishAlsoOnItsWay) {
  Report("wants", true, 2);
  Lease("wants", 2);
  Report("started", false, 3);
  EXPECT_FALSE(holder_.MayStart(At(3)));
  Report("wants again", true, 4);
  Lease("wants", 2);
  EXPECT_FALSE(holder_.MayStart(At(4))) << "the arbitrator may have counted on the one in between";
  Lease("wants again", 4);
  EXPECT_TRUE(holder_.MayStart(At(4)));
}

TEST(LeaseHolderTest, WithoutTheArbitratorAllOfTheConfirmedComponentTogetherLiveOn) {
  LeaseHolder holder(kTtl);
  holder.OnReported(InView("v:1", {"a", "b", "c"}), At(0));
  EXPECT_EQ(holder.LivesUntil(), absl::InfinitePast()) << "nobody has confirmed that this was all";
  holder.OnLease(LeaseOf("v:1"), ReportOf(0), 0);
  holder.OnReported(InView("v:1", {"a", "b", "c"}), At(60));
  EXPECT_EQ(holder.LivesUntil(), At(65));
}

TEST(LeaseHolderTest, ASmallerComponentNeedsALease) {
  LeaseHolder holder(kTtl);
  holder.OnReported(InView("v:1", {"a", "b", "c"}), At(0));
  holder.OnLease(LeaseOf("v:1"), ReportOf(0), 0);
  holder.OnReported(InView("v:2", {"a", "b"}), At(60));
  EXPECT_EQ(holder.LivesUntil(), At(5));
  // The arbitrator confirms the smaller one; from then on that is all there is.
  holder.OnLease(LeaseOf("v:2"), ReportOf(60), 0);
  holder.OnReported(InView("v:2", {"a", "b"}), At(90));
  EXPECT_EQ(holder.LivesUntil(), At(95));
}

TEST(LeaseHolderTest, WhoJoinedUnconfirmedIsMissedWhenItIsGone) {
  LeaseHolder holder(kTtl);
  holder.OnReported(InView("v:1", {"a", "b"}), At(0));
  holder.OnLease(LeaseOf("v:1"), ReportOf(0), 0);
  holder.OnReported(InView("v:2", {"a", "b", "c"}), At(10));
  EXPECT_EQ(holder.LivesUntil(), At(15));
  holder.OnReported(InView("v:3", {"a", "b"}), At(20));
  EXPECT_EQ(holder.LivesUntil(), At(15)) << "c may be primary elsewhere, of a component that the arbitrator knows";
}

// Found by the model (together-grows-while-primary): the primary view was over before anybody looked.
TEST(LeaseHolderTest, WhoIsOnlyNamedOnDiskIsMissedAsWell) {
  LeaseHolder holder(kTtl);
  holder.OnReported(InView("v:1", {"a"}), At(0));
  holder.OnLease(LeaseOf("v:1"), ReportOf(0), 0);
  holder.OnReported(InView("v:2", {"a", "b"}, false), At(10));
  holder.OnReported(InView("v:3", {"a"}), At(20));
  EXPECT_EQ(holder.LivesUntil(), At(5)) << "b may be primary elsewhere";
}

TEST(LeaseHolderTest, AViewThatIsNotSettledShowsNobody) {
  LeaseHolder holder(kTtl);
  holder.OnReported(InView("v:1", {"a", "b"}), At(0));
  holder.OnLease(LeaseOf("v:1"), ReportOf(0), 0);
  v1::DbStatusReport gathering = InView("v:1", {"a", "b"});
  gathering.mutable_wsrep()->set_evs_state("GATHER");
  holder.OnReported(gathering, At(60));
  EXPECT_EQ(holder.LivesUntil(), At(5));
}

TEST(LeaseHolderTest, WhoPromisedAndStaysNonPrimaryLivesOn) {
  LeaseHolder holder(kTtl);
  v1::DbStatusReport frozen = InView("v:1", {"a", "b"}, false);
  holder.OnReported(frozen, At(0));
  EXPECT_EQ(holder.LivesUntil(), absl::InfinitePast());
  frozen.mutable_freeze()->set_frozen(true);
  frozen.mutable_freeze()->set_epoch(3);
  frozen.mutable_freeze()->set_view_id("v:1");
  holder.OnReported(frozen, At(30));
  EXPECT_EQ(holder.LivesUntil(), At(35));
  frozen.mutable_last_primary_view()->set_id("v:2");  // it was primary again since
  holder.OnReported(frozen, At(60));
  EXPECT_EQ(holder.LivesUntil(), At(35));
}

TEST(LeaseHolderTest, APromiseGivesTheLeaseUp) {
  LeaseHolder holder(kTtl);
  holder.OnLease(LeaseOf(""), ReportOf(0), 0);
  v1::DbStatusReport frozen = InView("v:1", {"a"}, false);
  frozen.mutable_freeze()->set_epoch(3);
  holder.OnReported(frozen, At(1));
  EXPECT_TRUE(holder.Held(At(1))) << "nothing that was observed since the promise is shown yet";
  frozen.mutable_freeze()->set_frozen(true);
  holder.OnReported(frozen, At(2));
  EXPECT_FALSE(holder.Held(At(2)));
  holder.OnLease(LeaseOf("", 3), ReportOf(3), 3);  // the grant was abandoned
  EXPECT_TRUE(holder.Held(At(4)));
}

class LeaseForTest : public testing::Test {
 protected:
  LeaseForTest() {
    world_.config.mutable_promotion()->set_self_fence(v1::Promotion::FENCE_GUARD);
    *world_.config.mutable_promotion()->mutable_lease_ttl() = ToProto(kTtl);
    world_.Report(1).set_nonce("n1");
    world_.state.mutable_durable()->set_epoch(4);
    world_.state.mutable_durable()->mutable_confirmed()->mutable_view()->set_id("v:9");
  }
  World world_;
};

TEST_F(LeaseForTest, NamesTheReportTheEpochAndTheConfirmedView) {
  const auto lease = LeaseFor(world_.config, world_.state, "node1");
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(FromProto(lease->ttl()), kTtl);
  EXPECT_EQ(lease->nonce(), "n1");
  EXPECT_EQ(lease->epoch(), 4);
  EXPECT_EQ(lease->view_id(), "v:9");
}

TEST_F(LeaseForTest, NothingForTheRevokedTheUnknownOrWhenOff) {
  EXPECT_FALSE(LeaseFor(world_.config, world_.state, "node9"));
  world_.state.mutable_durable()->add_left_behind()->set_dbserver("node1");
  EXPECT_FALSE(LeaseFor(world_.config, world_.state, "node1"));
  EXPECT_TRUE(LeaseFor(world_.config, world_.state, "node2"));
  world_.config.mutable_promotion()->set_self_fence(v1::Promotion::FENCE_OFF);
  EXPECT_FALSE(LeaseFor(world_.config, world_.state, "node2"));
}

TEST_F(LeaseForTest, WhoIsStoppedWaitsWhileSomebodyWhoIsCountedOutMayLive) {
  v1::LeftBehind& left = *world_.state.mutable_durable()->add_left_behind();
  left.set_dbserver("node2");
  left.set_counted_out("uuid-of-node2");
  EXPECT_TRUE(LeaseFor(world_.config, world_.state, "node1"));
  world_.Report(1).set_running(v1::TERNARY_NO);
  EXPECT_FALSE(LeaseFor(world_.config, world_.state, "node1"));
  left.clear_counted_out();
  EXPECT_TRUE(LeaseFor(world_.config, world_.state, "node1"));
}

TEST_F(LeaseForTest, ANodeIsFencedALeaseAfterItsGroupCommunicationHasNoticed) {
  v1::DbStatusReport& last = world_.Report(1);
  EXPECT_FALSE(FencedAfter(world_.config, last)) << "no guard";
  last.mutable_fence()->set_mode(v1::FENCE_MODE_GUARD);
  EXPECT_FALSE(FencedAfter(world_.config, last)) << "not armed";
  last.mutable_fence()->set_armed(true);
  EXPECT_FALSE(FencedAfter(world_.config, last)) << "its last probe was not answered: who knows when it notices";
  last.mutable_provider_options()->set_evs_inactive_timeout("PT15S");
  EXPECT_EQ(FencedAfter(world_.config, last), absl::Seconds(21));
  world_.config.mutable_promotion()->set_self_fence(v1::Promotion::FENCE_WATCHDOG);
  EXPECT_FALSE(FencedAfter(world_.config, last)) << "its agent does not know of a watchdog";
  last.mutable_fence()->set_mode(v1::FENCE_MODE_WATCHDOG);
  EXPECT_FALSE(FencedAfter(world_.config, last)) << "no device";
  last.mutable_fence()->mutable_watchdog_timeout()->set_seconds(10);
  EXPECT_EQ(FencedAfter(world_.config, last), absl::Seconds(31)) << "then the machine ends, if nothing else did";
  world_.config.mutable_promotion()->set_self_fence(v1::Promotion::FENCE_GUARD);
  last.mutable_fence()->set_mode(v1::FENCE_MODE_GUARD);
  last.mutable_fence()->clear_watchdog_timeout();
  last.mutable_provider_options()->set_evs_inactive_timeout("PT1M0.5S");
  EXPECT_EQ(FencedAfter(world_.config, last), absl::Seconds(66.5));
  for (const char* bad : {"", "15", "PT", "PT-3S", "soon"}) {
    last.mutable_provider_options()->set_evs_inactive_timeout(bad);
    EXPECT_FALSE(FencedAfter(world_.config, last)) << bad;
  }
  const v1::DbStatusReport same = last;
  last.set_config_digest("digest of 7, changed");
  EXPECT_FALSE(FencedAfter(world_.config, last)) << "it may have another lease_ttl";
  last = same;
  last.mutable_provider_options()->set_evs_inactive_timeout("PT15S");
  EXPECT_TRUE(FencedAfter(world_.config, last));
  last.set_config_version(1);
  EXPECT_FALSE(FencedAfter(world_.config, last)) << "it may have another lease_ttl";
}

}  // namespace
}  // namespace minder
