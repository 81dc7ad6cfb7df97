// Reports that cannot be true, or lack what a promotion rests on: refused, named, and never a promotion.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_join.h"
#include "common/core/decide.h"
#include "common/core/explain.h"
#include "common/core/lookup.h"
#include "common/core/proto_time.h"
#include "tests/core/scenario.h"

namespace minder {
namespace {

using ::testing::HasSubstr;

// An even cluster that is cut in two; everybody is seen to be non-Primary.
class Split {
 public:
  Split() {
    Scenario scenario;
    for (const char* line : {"cluster a1:dc1 a2:dc1 b1:dc2 b2:dc2", "decide", "nonprimary a1 a2", "nonprimary b1 b2"})
      scenario.Run(line);
    const v1::DurableState durable = scenario.state().durable();
    scenario.Run("decide");  // for fresh reports
    config = scenario.config();
    state = scenario.state();
    *state.mutable_durable() = durable;
    now = scenario.now();
  }
  v1::DbserverKnowledge& Known(const std::string& name) { return FindOrAddByName(*state.mutable_dbservers(), name); }
  v1::DbStatusReport& Report(const std::string& name) { return *Known(name).mutable_report(); }
  v1::Decision Decision() const { return minder::Decide(config, state, now); }
  std::string Missing() const { return absl::StrJoin(Explain(config, state, now).missing(), "; "); }
  // The promises that the grant asks for are given.
  void Promise(const v1::Decision& decision) {
    *state.mutable_durable() = decision.next();
    for (const char* name : {"b1", "b2"}) {
      Report(name).mutable_freeze()->set_frozen(true);
      Report(name).mutable_freeze()->set_epoch(decision.next().epoch());
    }
  }

  v1::Configuration config;
  v1::ArbitratorState state;
  BootTime now;
};

bool Orders(const v1::Decision& decision) {
  return std::ranges::any_of(decision.orders(),
                             [](const v1::Order& o) { return o.has_make_primary() || o.has_freeze(); });
}

TEST(BadInput, TwoMachinesOfOneNameAreNotBelievedUntilOneIsSilentForAWhile) {
  Split split;
  *split.Known("b2").mutable_contested_at() = ToProto(ToSinceBoot(split.now));
  EXPECT_FALSE(Orders(split.Decision()));
  EXPECT_THAT(split.Missing(), HasSubstr("b2 cannot be believed: two machines speak under its name"));
  *split.Known("b2").mutable_contested_at() =
      ToProto(ToSinceBoot(split.now - FromProto(split.config.timings().fresh_for()) - absl::Nanoseconds(1)));
  EXPECT_TRUE(Orders(split.Decision()));
}

TEST(BadInput, WithoutItThereIsAPromotion) {
  Split split;
  EXPECT_EQ(split.Decision().next().grant().state(), v1::GRANT_STATE_FREEZING);
  split.Promise(split.Decision());
  EXPECT_EQ(split.Decision().next().grant().state(), v1::GRANT_STATE_ORDERED);
}

struct Bad {
  const char* name;
  void (*make)(Split&);
  const char* said;
};

class BadReport : public ::testing::TestWithParam<Bad> {};

TEST_P(BadReport, IsNamedAndNobodyIsPromoted) {
  Split split;
  GetParam().make(split);
  const v1::Decision decision = split.Decision();
  EXPECT_FALSE(Orders(decision)) << decision.DebugString();
  EXPECT_EQ(decision.next().epoch(), split.state.durable().epoch());
  EXPECT_THAT(split.Missing(), HasSubstr(GetParam().said));
}

constexpr auto kUnknownTernary = static_cast<v1::Ternary>(17);

constexpr Bad kBad[] = {
    {"SaysNonPrimaryAndShowsPrimary",
     [](Split& s) { s.Report("b2").mutable_wsrep()->set_cluster_status(v1::CLUSTER_STATUS_PRIMARY); },
     "b2 cannot be believed"},
    {"SaysPrimaryAndShowsNonPrimary", [](Split& s) { s.Report("b2").set_primary(v1::TERNARY_YES); },
     "b2 cannot be believed"},
    {"StoppedAndPrimary",
     [](Split& s) { s.Report("b2").set_running(v1::TERNARY_NO), s.Report("b2").set_primary(v1::TERNARY_YES); },
     "b2 cannot be believed"},
    {"StoppedWithAProcess", [](Split& s) { s.Report("b2").set_running(v1::TERNARY_NO), s.Report("b2").clear_wsrep(); },
     "b2 cannot be believed"},
    {"UnknownPrimary", [](Split& s) { s.Report("b2").set_primary(kUnknownTernary); },
     "b2 may be in a primary component"},
    {"UnknownRunning", [](Split& s) { s.Report("a2").set_running(kUnknownTernary); },
     "not everybody in the view of a1 is seen"},
    {"UnknownClusterStatus",
     [](Split& s) { s.Report("a1").mutable_wsrep()->set_cluster_status(static_cast<v1::ClusterStatus>(17)); },
     "a1 cannot be believed"},
    {"NoPrimary", [](Split& s) { s.Report("b1").clear_primary(); }, "b1 may be in a primary component"},
    {"NoProviderOptions", [](Split& s) { s.Report("b1").clear_provider_options(); },
     "b1 does not show its provider options"},
    {"NoDigestOfItsConfiguration", [](Split& s) { s.Report("b1").clear_config_digest(); },
     "b1 does not show the digest of its configuration"},
    {"ADigestThatNobodyHas",
     [](Split& s) {
       s.config.clear_digest();
       for (const char* name : {"a1", "a2", "b1", "b2"}) s.Report(name).clear_config_digest();
     },
     "a1 does not show the digest of its configuration"},
    {"NoLastPrimaryView", [](Split& s) { s.Report("b1").clear_last_primary_view(); },
     "b1 was in another primary component"},
    {"InATransfer",
     [](Split& s) {
       s.Report("a2").mutable_wsrep()->set_local_state(v1::LOCAL_STATE_JOINED);
       s.Report("b2").mutable_wsrep()->clear_local_state();
     },
     "it is in a state transfer, or its local state is not known"},
    {"NoNonce", [](Split& s) { s.Report("a1").clear_nonce(), s.Report("b1").clear_nonce(); },
     "its report has no nonce"},
    {"TwoWithOneUuid",
     [](Split& s) {
       const std::string uuid = s.Report("a1").wsrep().gcomm_uuid();
       s.Report("b2").mutable_wsrep()->set_gcomm_uuid(uuid);
     },
     "a1 and b2 report the same gcomm uuid"},
    {"LastEpoch", [](Split& s) { s.Report("b2").set_highest_epoch(std::numeric_limits<std::uint64_t>::max()); },
     "b2 has seen the last epoch"},
    {"AgeOfBeforeItsTime",
     [](Split& s) {
       *s.Known("b2").mutable_received_at() = ToProto(ToSinceBoot(s.now - absl::Seconds(4)));
       *s.Report("b2").mutable_age() = ToProto(-absl::Seconds(4));
     },
     "b2 may be in a primary component: its agent is silent"},
    {"AgeBeyondAllTime",
     [](Split& s) { s.Report("b2").mutable_age()->set_seconds(std::numeric_limits<std::int64_t>::max()); },
     "b2 may be in a primary component: its agent is silent"},
};

INSTANTIATE_TEST_SUITE_P(Reports, BadReport, ::testing::ValuesIn(kBad),
                         [](const auto& test) { return test.param.name; });

TEST(BadInput, ADeathThatAnotherAgentTellsIsNone) {
  Split split;
  const std::string uuid = split.Report("b2").wsrep().gcomm_uuid();
  split.Known("b2").mutable_received_at()->Clear();  // silent
  split.Report("a1").mutable_process()->mutable_last_exit()->set_gcomm_uuid(uuid);
  EXPECT_FALSE(Orders(split.Decision()));
  EXPECT_THAT(split.Missing(), HasSubstr("b2 may be in a primary component"));
}

TEST(BadInput, APauseAlsoEndsAPromotionThatWaitsForPromises) {
  Split split;
  split.Promise(split.Decision());
  *split.state.mutable_durable()->mutable_pause()->mutable_until() = ToProto(ToSinceBoot(split.now + absl::Hours(1)));
  const v1::Decision decision = split.Decision();
  EXPECT_EQ(decision.next().grant().state(), v1::GRANT_STATE_ABANDONED);
  EXPECT_FALSE(Orders(decision));
}

// A node that was renamed while its promise was waited for is none of those who were asked.
TEST(BadInput, APromotionBeginsAnewWhenItsOthersAreCalledOtherwise) {
  Split split;
  split.Promise(split.Decision());
  split.state.mutable_durable()->mutable_grant()->set_others(1, "b9");
  EXPECT_EQ(split.Decision().next().grant().state(), v1::GRANT_STATE_ABANDONED);
}

// The order may still be carried out, so the grant stays; but there is nobody to send it to.
TEST(BadInput, ATargetThatIsNoLongerConfiguredGetsNoOrder) {
  Split split;
  split.Promise(split.Decision());
  *split.state.mutable_durable() = split.Decision().next();
  ASSERT_EQ(split.state.durable().grant().target(), "a1");
  split.config.mutable_dbservers()->DeleteSubrange(0, 1);
  const v1::Decision decision = split.Decision();
  EXPECT_EQ(decision.next().grant().state(), v1::GRANT_STATE_ORDERED);
  EXPECT_FALSE(Orders(decision));
}

}  // namespace
}  // namespace minder
