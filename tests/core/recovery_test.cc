// What a recovery from a full stop is begun on, and what a human may ask of it; tests/scenarios has the stories.
#include "common/core/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_format.h"
#include "common/core/explain.h"
#include "common/core/recovery_plan.h"
#include "common/core/recovery_request.h"
#include "common/core/requests.h"
#include "tests/core/scenario.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecoveryTest : public ::testing::Test {
 protected:
  RecoveryTest() { Tell({"cluster a1:dc1 a2:dc1 b1:dc2", "decide"}); }

  void Tell(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) ASSERT_THAT(story_.Run(line), ::testing::Not(HasSubstr("error:"))) << line;
  }
  // A human has stopped everybody at these positions.
  void StopAll(int a1, int a2, int b1) {
    Tell({"stop a1 a2 b1", "no-view a1 a2 b1", absl::StrFormat("stopped-at a1 %d", a1),
          absl::StrFormat("stopped-at a2 %d", a2), absl::StrFormat("stopped-at b1 %d", b1), "decide"});
  }
  v1::StoppedState& Disk(const std::string& name) { return *story_.Report(name).mutable_stopped(); }
  Facts Gathered() { return GatherFacts(story_.config(), story_.state(), story_.now()); }
  std::string Source() {
    const Facts facts = Gathered();
    return facts.recovery.source == nullptr ? "" : facts.recovery.source->config->name();
  }
  Refusal Asked(const std::vector<std::string>& without = {}) {
    const v1::Recovery wanted = NewRecovery(Gathered(), story_.state().durable(), without, "ann: nobody serves");
    return RefuseRecover(story_.config(), story_.state(), story_.now(), wanted);
  }

  Scenario story_;
};

TEST_F(RecoveryTest, TheHighestSeqnoIsTheSource) {
  StopAll(100, 101, 102);
  EXPECT_EQ(Source(), "b1");
}

TEST_F(RecoveryTest, OfEqualsTheOneThatIsSafeToBootstrapThenThePreferredCentreThenTheName) {
  StopAll(100, 100, 100);
  EXPECT_EQ(Source(), "a1");
  Disk("a2").set_safe_to_bootstrap(true);
  EXPECT_EQ(Source(), "a2");
  Disk("b1").set_safe_to_bootstrap(true);
  EXPECT_EQ(Source(), "a2") << "the preferred data centre";
  Disk("b1").mutable_grastate()->set_seqno(101);
  EXPECT_EQ(Source(), "b1");
}

TEST_F(RecoveryTest, SafeToBootstrapCountsForNothingWithoutAPosition) {
  StopAll(100, 100, 100);
  Disk("b1").set_safe_to_bootstrap(true);
  Disk("b1").mutable_grastate()->set_uuid("00000000-0000-0000-0000-000000000000");
  Disk("b1").mutable_grastate()->set_seqno(-1);
  EXPECT_EQ(Source(), "") << "it has to be asked first";
  Disk("b1").mutable_recovered()->set_uuid("00000000-0000-0000-0000-000000000000");
  Disk("b1").mutable_recovered()->set_seqno(-1);
  EXPECT_EQ(Source(), "a1") << "a fresh data directory";
}

TEST_F(RecoveryTest, AZeroUuidMeansNoDataWhateverInnodbHas) {
  StopAll(100, 100, 100);
  Disk("a2").mutable_grastate()->set_uuid("00000000-0000-0000-0000-000000000000");
  Disk("a2").mutable_grastate()->set_seqno(-1);
  Disk("a2").set_safe_to_bootstrap(true);
  *Disk("a2").mutable_recovered() = Disk("a1").grastate();
  Disk("a2").mutable_recovered()->set_seqno(200);
  EXPECT_EQ(Source(), "a1");
}

TEST_F(RecoveryTest, F47WithoutAGrastateThePositionMayBeThatOfATransferThatWasBrokenOff) {
  StopAll(100, 100, 100);
  *Disk("a1").mutable_recovered() = Disk("a1").grastate();
  Disk("a1").clear_grastate();
  EXPECT_EQ(Source(), "a2") << "of equals";
  Disk("a1").mutable_recovered()->set_seqno(101);
  EXPECT_EQ(Source(), "");
  EXPECT_THAT(Gathered().recovery.missing,
              ElementsAre("a1 holds the highest seqno, and its grastate.dat is lost, or a transfer was broken off"));
  for (const char* name : {"a2", "b1"}) {
    *Disk(name).mutable_recovered() = Disk(name).grastate();
    Disk(name).clear_grastate();
  }
  EXPECT_EQ(Source(), "a1") << "nobody has one";
}

TEST_F(RecoveryTest, SaysThatSafeToBootstrapIsOnTheWrongOne) {
  StopAll(100, 101, 100);
  Disk("a1").set_safe_to_bootstrap(true);
  EXPECT_EQ(Source(), "a2");
  EXPECT_THAT(Gathered().recovery.warnings, ElementsAre("a1 is marked safe_to_bootstrap, and a2 holds more"));
}

TEST_F(RecoveryTest, ACleanPositionIsTrustedWhateverTheLogWasFlushedLike) {
  StopAll(100, 101, 100);
  Tell({"flush a1 2", "flush a2 2", "flush b1 2"});
  EXPECT_THAT(Gathered().recovery.warnings, IsEmpty());
}

TEST_F(RecoveryTest, ACrashWithAnUnknownFlushSettingIsLeftToAHuman) {
  Tell({"crash a1 a2 b1", "no-view a1"});
  story_.Report("b1").mutable_process()->clear_flush_log_at_trx_commit();
  Tell({"decide"});
  EXPECT_EQ(story_.last().rule(), "R330");
  EXPECT_THAT(story_.last().reason(), HasSubstr("b1 crashed, and its innodb_flush_log_at_trx_commit is not known"));
  EXPECT_THAT(Asked().reason, IsEmpty());
}

TEST_F(RecoveryTest, AnotherHistoryInTheFilesThanInTheDataIsForAHuman) {
  StopAll(100, 100, 100);
  *Disk("a1").mutable_recovered() = Disk("a1").grastate();
  Disk("a1").mutable_grastate()->set_uuid("5a1e0000-0000-0000-0000-000000000002");
  Disk("a1").mutable_grastate()->set_seqno(-1);
  EXPECT_EQ(Source(), "");
  EXPECT_EQ(Asked().reason, "POSITIONS_NOT_CLEAR");
}

TEST_F(RecoveryTest, AHumanIsRefusedWhatIsNotAFullStop) {
  EXPECT_EQ(Asked().reason, "PRIMARY_EXISTS");
  Tell({"nonprimary a1", "nonprimary a2 b1", "decide"});
  EXPECT_THAT(Asked().reason, ::testing::AnyOf("SOMEBODY_RUNS", "GRANT_OPEN"));
}

TEST_F(RecoveryTest, AHumanIsToldWhomToGiveUp) {
  StopAll(100, 101, 102);
  Tell({"silent b1", "wait 4s", "decide"});
  EXPECT_EQ(story_.last().rule(), "R350");
  const Refusal refusal = Asked();
  EXPECT_EQ(refusal.reason, "NOT_ALL_STOPPED");
  EXPECT_THAT(refusal.message, HasSubstr("b1: its agent is silent"));
  EXPECT_THAT(refusal.cure, HasSubstr("minderctl recover --without=b1 --reason=WHY"));
  EXPECT_THAT(Asked({"b1"}).reason, IsEmpty());
}

TEST_F(RecoveryTest, AServerThatRunsAndDoesNotAnswerCannotBeGivenUp) {
  StopAll(100, 101, 102);
  story_.Report("b1").set_running(v1::TERNARY_UNKNOWN);
  story_.Report("b1").mutable_process()->set_pid(7);
  const Refusal refusal = Asked({"b1"});
  EXPECT_EQ(refusal.reason, "NOT_ALL_STOPPED");
  EXPECT_THAT(refusal.cure, HasSubstr("stop the mariadbd"));
}

TEST_F(RecoveryTest, NeedsTheDigestOfNowAndAReasonForALoss) {
  v1::Recovery recovery;
  EXPECT_EQ(RefuseUnconfirmed(recovery, "", "d1").reason, "CONFIRM_MISSING");
  EXPECT_EQ(RefuseUnconfirmed(recovery, "d0", "d1").reason, kStateChanged);
  EXPECT_FALSE(RefuseUnconfirmed(recovery, "d1", "d1").refused());
  recovery.add_without("b1");
  EXPECT_EQ(RefuseUnconfirmed(recovery, "d1", "d1").reason, "REASON_MISSING");
}

TEST_F(RecoveryTest, TheDigestStandsForThePlanAndNotForWhoWaitsAlready) {
  const auto digest = [this] {
    return PlanDigest(story_.config(), story_.state().durable(), Describe(Gathered().recovery));
  };
  Tell({"crash a1 a2 b1", "no-view a1 a2 b1", "decide"});
  const std::string uncollected = digest();
  Tell({"waits b1"});
  EXPECT_EQ(digest(), uncollected);
  StopAll(100, 101, 102);
  const std::string collected = digest();
  EXPECT_NE(collected, uncollected);
  Disk("a1").mutable_grastate()->set_seqno(101);
  EXPECT_NE(digest(), collected) << "another position, and the same source";
}

TEST_F(RecoveryTest, NothingIsOrderedBeforeEveryPromiseAndEveryClearing) {
  StopAll(100, 101, 102);
  Tell({"recover", "decide", "obey"});
  const v1::DbStatusReport promised = story_.Report("a1");
  const auto ordered = [&] { return story_.state().durable().grant().state() == v1::GRANT_STATE_ORDERED; };
  story_.Report("a1").mutable_freeze()->set_epoch(promised.freeze().epoch() - 1);
  Tell({"decide"});
  EXPECT_FALSE(ordered()) << "a promise of another epoch";
  story_.Report("a1") = promised;
  story_.Report("a1").mutable_orders(0)->set_epoch(promised.orders(0).epoch() - 1);
  Tell({"decide"});
  EXPECT_FALSE(ordered()) << "cleared for another epoch";
  story_.Report("a1") = promised;
  story_.Report("b1").clear_orders();
  Tell({"decide"});
  EXPECT_FALSE(ordered()) << "the target has not cleared";
  Tell({"obey", "decide"});
  EXPECT_TRUE(ordered());
}

// A target that goes silent after its order holds everything up, until a human gives it up.
TEST_F(RecoveryTest, ATargetThatIsNotHeardAnyMoreMayBeGivenUp) {
  StopAll(100, 101, 102);
  Tell({"recover", "decide", "obey", "decide"});
  ASSERT_EQ(story_.state().durable().grant().state(), v1::GRANT_STATE_ORDERED);
  Tell({"silent b1", "wait 1m", "decide"});
  EXPECT_EQ(story_.last().rule(), "R030");
  EXPECT_EQ(Asked().reason, "GRANT_OPEN");
  EXPECT_THAT(Asked({"b1"}).reason, IsEmpty());
  Tell({"recover b1", "decide"});
  EXPECT_EQ(story_.state().durable().grant().state(), v1::GRANT_STATE_ABANDONED);
  Tell({"decide"});
  EXPECT_EQ(story_.state().durable().grant().target(), "a2") << "the highest of the others";
}

TEST_F(RecoveryTest, ExplainShowsThePlanAndReplaysIt) {
  StopAll(100, 101, 102);
  const v1::ExplainResponse explained = Explain(story_.config(), story_.state(), story_.now());
  EXPECT_EQ(explained.recovery().source(), "b1");
  EXPECT_EQ(explained.recovery().nodes_size(), 3);
  EXPECT_THAT(explained.recovery().steps(),
              ElementsAre(HasSubstr("clear"), HasSubstr("start b1"), HasSubstr("a1, a2")));
  EXPECT_THAT(explained.missing(), IsEmpty()) << "of a promotion nothing is said";
  EXPECT_EQ(Replay(explained).recovery().source(), "b1");
}

}  // namespace
}  // namespace minder
