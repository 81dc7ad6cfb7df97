#include "common/core/split_brain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/core/decide.h"
#include "common/core/explain.h"
#include "common/core/summary.h"
#include "tests/core/scenario.h"

namespace minder {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SplitBrainTest : public ::testing::Test {
 protected:
  void Tell(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) EXPECT_EQ(s_.Run(line).find("error:"), std::string::npos) << line;
  }
  // Both sides were made by hand, after a cut that left nobody primary.
  void Split() { Tell({"cluster a1:dc1 a2:dc1 b1:dc2 b2:dc2", "decide", "primary a1 a2", "primary b1 b2", "decide"}); }

  const v1::DurableState& durable() const { return s_.state().durable(); }
  Facts FactsNow() const { return GatherFacts(s_.config(), s_.state(), s_.now()); }
  std::vector<std::string> BarredNow() const { return Barred(s_.config(), durable()); }
  std::string Digest() const { return SplitBrainDigest(FactsNow(), durable()); }
  // The action ordered to this dbserver; UNSPECIFIED for none.
  v1::HoldDown::Action Ordered(const std::string& name) const {
    for (const v1::Order& order : s_.last().orders()) {
      if (order.receiver().name() == name && order.has_hold_down()) return order.hold_down().action();
    }
    return v1::HoldDown::ACTION_UNSPECIFIED;
  }

  Scenario s_;
};

TEST_F(SplitBrainTest, IsRecordedWithMembersAndPositions) {
  Tell({"cluster a1:dc1 b1:dc2", "decide", "primary a1", "primary b1", "seqno a1 105", "seqno b1 101", "decide"});
  ASSERT_EQ(durable().split_brain().sides_size(), 2);
  const v1::SplitSide& a = durable().split_brain().sides(0);
  ASSERT_EQ(a.members_size(), 1);
  EXPECT_EQ(a.members(0).dbserver(), "a1");
  EXPECT_EQ(a.members(0).position().seqno(), 105);
  EXPECT_FALSE(a.members(0).position().uuid().empty());
  EXPECT_EQ(a.members(0).conf_id(), 2u);
  EXPECT_EQ(durable().split_brain().sides(1).members(0).position().seqno(), 101);
  EXPECT_EQ(s_.last().records(0).kind(), "split_brain");
}

TEST_F(SplitBrainTest, WritesOnBothSidesChangeNeitherTheRecordNorTheDigest) {
  Split();
  const std::string record = durable().SerializeAsString();
  const std::string digest = Digest();
  Tell({"seqno a1 500", "seqno b2 700", "decide"});
  EXPECT_EQ(durable().SerializeAsString(), record);
  EXPECT_EQ(Digest(), digest);
  Tell({"crash b1", "decide"});
  EXPECT_NE(Digest(), digest);
}

TEST_F(SplitBrainTest, AnOldReportThatKnowsBothSidesHidesNothing) {
  Tell({"cluster a1:dc1 a2:dc1 b1:dc2", "decide", "primary a2", "primary b1", "decide"});
  EXPECT_EQ(s_.last().rule(), "R020") << s_.last().reason();
}

TEST_F(SplitBrainTest, AMemberWhoseAgentIsSilentBelongsToTheSideThatHasIt) {
  Tell({"cluster a1:dc1 a2:dc1 b1:dc2 b2:dc2", "decide", "primary a1 a2", "primary b1 b2", "silent b2", "wait 4s",
        "decide"});
  ASSERT_EQ(durable().split_brain().sides_size(), 2);
  EXPECT_EQ(durable().split_brain().sides(1).members_size(), 2);
  EXPECT_EQ(Ordered("b2"), v1::HoldDown::ACTION_HOLD);
  const auto b2 = [&] { return durable().split_brain().sides(1).members(1); };
  EXPECT_EQ(b2().dbserver(), "b2");
  EXPECT_FALSE(b2().has_position());
  const auto said = [&] { return Explain(s_.config(), s_.state(), s_.now()).split_brain(); };
  EXPECT_THAT(said(), Contains(AllOf(HasSubstr("b2: silent"), HasSubstr("where it was is not known"))));
  Tell({"heard b2", "seqno b2 105", "decide"});
  EXPECT_EQ(b2().position().seqno(), 105) << "its own word is the first that is known";
  Tell({"seqno b2 106", "decide"});
  EXPECT_EQ(b2().position().seqno(), 105);
}

TEST_F(SplitBrainTest, WhoJoinsASideLaterBelongsToIt) {
  Tell({"cluster a1:dc1 b1:dc2 b2:dc2", "decide", "primary a1", "primary b1", "nonprimary b2", "decide"});
  EXPECT_EQ(durable().split_brain().sides(1).members_size(), 1);
  Tell({"primary b1 b2", "decide"});
  EXPECT_EQ(durable().split_brain().sides(1).members_size(), 2);
  EXPECT_EQ(durable().split_brain().sides(0).members_size(), 1);
}

TEST_F(SplitBrainTest, EverybodyIsHeldWhileAHumanHasNotSpoken) {
  Split();
  for (const char* name : {"a1", "a2", "b1", "b2"}) EXPECT_EQ(Ordered(name), v1::HoldDown::ACTION_HOLD) << name;
  EXPECT_THAT(s_.last().command(), HasSubstr("minderctl acknowledge --keep="));
}

TEST_F(SplitBrainTest, APauseDoesNotLetGo) {
  Tell({"cluster a1:dc1 b1:dc2", "decide", "pause", "primary a1", "primary b1", "decide"});
  EXPECT_EQ(s_.last().rule(), "R010");
  EXPECT_EQ(Ordered("a1"), v1::HoldDown::ACTION_HOLD);
}

TEST_F(SplitBrainTest, NothingIsPromotedEvenByForceBeforeAHumanHasSpoken) {
  Split();
  Tell({"nonprimary a1 a2", "nonprimary b1 b2", "decide", "request a1 force", "decide"});
  EXPECT_EQ(s_.last().rule(), "R020");
  EXPECT_FALSE(s_.last().next().has_grant());
}

TEST_F(SplitBrainTest, AnOpenPromotionIsGivenUpBeforeItsOrder) {
  Tell({"cluster a1:dc1 b1:dc2 c1:dc2", "decide", "nonprimary a1", "nonprimary b1", "nonprimary c1", "decide"});
  ASSERT_EQ(durable().grant().state(), v1::GRANT_STATE_FREEZING);
  Tell({"primary b1", "primary c1", "decide", "nonprimary b1", "nonprimary c1", "obey", "decide"});
  EXPECT_EQ(durable().grant().state(), v1::GRANT_STATE_ABANDONED);
}

TEST_F(SplitBrainTest, OnlyTheConfirmedSideGetsSessionsAndNobodyIsBarredWhereThereIsNone) {
  Split();
  EXPECT_THAT(BarredNow(), IsEmpty());
  Tell({"acknowledge b2", "decide"});
  EXPECT_THAT(BarredNow(), ElementsAre("a1", "a2"));
}

TEST_F(SplitBrainTest, TheSideOfTheGrantGoesOn) {
  Tell({"cluster a1:dc1 b1:dc2", "decide", "nonprimary a1", "nonprimary b1", "decide", "obey", "decide", "obey",
        "decide"});
  ASSERT_EQ(durable().grant().state(), v1::GRANT_STATE_DONE) << s_.last().reason();
  Tell({"primary b1", "decide"});
  EXPECT_EQ(s_.last().rule(), "R020");
  EXPECT_THAT(BarredNow(), ElementsAre("b1"));
  EXPECT_EQ(s_.last().command(), "minderctl acknowledge --keep=a1 --reason=WHY");
}

TEST_F(SplitBrainTest, TheSideThatStaysIsTheLastPrimaryComponentAndTheOtherIsLost) {
  Split();
  Tell({"obey", "acknowledge b1+b2", "decide"});
  ASSERT_TRUE(durable().has_confirmed());
  EXPECT_EQ(durable().confirmed().members(0).dbserver(), "b1");
  EXPECT_TRUE(IsLost(durable(), "a1"));
  EXPECT_FALSE(IsHeld(durable(), "b1"));
  EXPECT_EQ(Ordered("a1"), v1::HoldDown::ACTION_REBUILD);
  EXPECT_EQ(Ordered("b1"), v1::HoldDown::ACTION_RELEASE);
  EXPECT_EQ(s_.last().rule(), "R020") << "the other side is still there";
  EXPECT_THAT(s_.last().command(), HasSubstr("on a1: "));
}

// The side that stays goes on as any cluster does.
TEST_F(SplitBrainTest, TheSideThatStaysIsPromotedWhenItHasLostItsPrimaryComponent) {
  Split();
  Tell({"obey", "nonprimary a1", "nonprimary a2", "stop b1 b2", "acknowledge a1", "decide", "obey", "decide"});
  EXPECT_EQ(s_.last().next().grant().state(), v1::GRANT_STATE_ORDERED) << s_.last().reason();
}

TEST_F(SplitBrainTest, NobodyIsPromotedBesideALostSideThatIsStillPrimary) {
  Split();
  Tell({"obey", "nonprimary a1 a2", "acknowledge a1", "decide"});
  EXPECT_EQ(s_.last().rule(), "R020");
  EXPECT_FALSE(s_.last().next().has_grant());
}

TEST_F(SplitBrainTest, WhoRejoinedWithItsOldDataDoesNotServe) {
  Split();
  Tell({"obey", "acknowledge a1", "decide", "obey", "stop b1", "nonprimary b2", "decide", "start b1",
        "primary a1 a2 b1", "decide"});
  const Facts facts = FactsNow();
  EXPECT_FALSE(FindNode(facts, "b1")->serving);
  EXPECT_EQ(s_.last().rule(), "R200") << s_.last().reason();
  EXPECT_THAT(BarredNow(), Contains("b1"));
  Tell({"replace-data b1", "decide"});
  EXPECT_EQ(Ordered("b1"), v1::HoldDown::ACTION_RELEASE);
  EXPECT_TRUE(FindNode(FactsNow(), "b1")->serving);
}

TEST_F(SplitBrainTest, ItIsOverWhenEverybodyKnowsThatHeIsReleased) {
  Split();
  Tell({"obey", "acknowledge a1", "decide", "obey", "stop b1 b2", "replace-data b1 b2", "decide"});
  EXPECT_TRUE(durable().has_split_brain());
  Tell({"obey b1", "decide"});
  EXPECT_TRUE(durable().has_split_brain()) << "b2 does not know";
  Tell({"obey", "decide"});
  EXPECT_FALSE(durable().has_split_brain());
  EXPECT_THAT(durable().releases(), IsEmpty());
}

TEST_F(SplitBrainTest, ASecondOneAmongThoseWhoStayedIsANewOne) {
  Split();
  const std::string first = durable().split_brain().id();
  Tell({"obey", "acknowledge a1", "decide", "obey", "stop b1 b2", "decide", "primary a1", "primary a2", "decide"});
  EXPECT_NE(durable().split_brain().id(), first);
  EXPECT_EQ(Ordered("a1"), v1::HoldDown::ACTION_HOLD);
  EXPECT_EQ(Ordered("b1"), v1::HoldDown::ACTION_HOLD);
}

TEST_F(SplitBrainTest, RefusalsOfAHumansWord) {
  Tell({"cluster a1:dc1 a2:dc1 b1:dc2 b2:dc2", "decide"});
  EXPECT_EQ(RefuseAcknowledge(durable(), "a1").reason, "NO_SPLIT_BRAIN");
  EXPECT_EQ(RefuseRelease(FactsNow(), durable(), "a1").reason, "NOT_HELD");
  Tell({"primary a1 a2", "primary b1 b2", "decide", "obey"});
  for (const char* keep : {"c1", "a1+b1", "a1+a2+b1", ""})
    EXPECT_EQ(RefuseAcknowledge(durable(), keep).reason, "NOT_A_SIDE") << keep;
  EXPECT_FALSE(RefuseAcknowledge(durable(), "a2+a1").refused());
  EXPECT_EQ(RefuseRelease(FactsNow(), durable(), "b1").reason, "NOT_ACKNOWLEDGED");
  Tell({"acknowledge a1", "decide"});
  EXPECT_EQ(RefuseAcknowledge(durable(), "b1").reason, "ACKNOWLEDGED");
  EXPECT_EQ(RefuseRelease(FactsNow(), durable(), "b1").reason, "STILL_PRIMARY");
  Tell({"stop b1", "decide"});
  EXPECT_FALSE(RefuseRelease(FactsNow(), durable(), "b1").refused());
}

TEST_F(SplitBrainTest, AHoldThatTheArbitratorDoesNotKnowIsEndedByAHumanOnly) {
  Tell({"cluster a1:dc1 b1:dc2", "decide"});
  s_.Report("b1").mutable_hold()->set_split_id("of another arbitrator");
  Tell({"decide"});
  EXPECT_EQ(Ordered("b1"), v1::HoldDown::ACTION_UNSPECIFIED);
  const v1::StatusSummaryResponse summary = Summarise(s_.config(), s_.state(), FactsNow(), s_.last());
  EXPECT_THAT(summary.nodes(1).note(), HasSubstr("minderctl release b1"));
  Tell({"release b1", "decide"});
  EXPECT_EQ(Ordered("b1"), v1::HoldDown::ACTION_RELEASE);
  Tell({"obey", "decide"});
  EXPECT_THAT(durable().releases(), IsEmpty());
}

TEST_F(SplitBrainTest, ExplainShowsBothSidesAndTheNextCommands) {
  Split();
  Tell({"obey", "seqno b1 107", "acknowledge a1", "decide", "obey", "stop b2", "decide"});
  const v1::ExplainResponse explained = Explain(s_.config(), s_.state(), s_.now());
  EXPECT_THAT(explained.split_brain(),
              AllOf(Contains("a1+a2, which stays:"), Contains("b1+b2:"),
                    Contains(AllOf(HasSubstr("b1: primary"), HasSubstr(":107, conf_id"), HasSubstr("was at"))),
                    Contains(HasSubstr("b2: stopped")), Contains("  systemctl stop mariadb"),
                    Contains("  mv /var/lib/mysql /var/lib/mysql.split-brain"), Contains("  systemctl start mariadb")));
  EXPECT_THAT(explained.command(), HasSubstr("on b1: systemctl stop mariadb && mv /var/lib/mysql "));
}

TEST_F(SplitBrainTest, AChildIsStartedByItsAgentOnceItsDataIsReplaced) {
  Split();
  const Facts facts = FactsNow();
  v1::DbserverConfig config;
  config.set_data_dir("/data");
  config.mutable_manage()->set_mode(v1::ManageConfig::MODE_CHILD);
  config.mutable_manage()->set_pid_file("/run/pid");
  NodeFacts node = facts.nodes.front();
  node.config = &config;
  EXPECT_EQ(RebuildCommands(node).front(), "kill $(cat /run/pid) && while test -e /run/pid; do sleep 1; done");
  node.running = v1::TERNARY_NO;
  EXPECT_THAT(RebuildCommands(node), ElementsAre(HasSubstr("mv /data"), HasSubstr("mkdir /data")));
}

}  // namespace
}  // namespace minder
