#include "common/core/requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "common/core/decide.h"
#include "common/core/explain.h"
#include "common/core/proto_time.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/core/scenario.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

Scenario Told(const std::vector<std::string>& lines) {
  Scenario scenario;
  for (const std::string& line : lines) EXPECT_EQ(scenario.Run(line).find("error:"), std::string::npos) << line;
  return scenario;
}

// The primary site is silent, and what is left is not primary.
const std::vector<std::string> kCutOff = {
    "cluster a1:dc1 a2:dc1 b1:dc2 b2:dc2", "decide", "silent a1 a2", "nonprimary b1 b2", "wait 4s", "decide"};

v1::PromotionRequest RequestFor(const std::string& group, bool force = false) {
  v1::PromotionRequest request;
  request.set_group(group);
  request.set_force(force);
  request.set_reason("ann: the other site is down");
  return request;
}

Refusal Refuse(const Scenario& s, const v1::PromotionRequest& request) {
  return RefuseMakePrimary(s.config(), s.state(), s.now(), request);
}

Facts FactsOf(const Scenario& s) { return GatherFacts(s.config(), s.state(), s.now()); }
std::string Digest(const Scenario& s) { return DigestOf(s.config(), s.state(), FactsOf(s)); }

TEST(RefuseMakePrimary, NamesTheRuleThatPromotesNothing) {
  const std::vector<std::tuple<std::vector<std::string>, std::string, std::string>> stories = {
      {{"cluster a1:dc1 b1:dc2", "decide"}, "PRIMARY_EXISTS", "R200|R100"},
      {{"cluster a1:dc1 b1:dc2", "decide", "nonprimary a1", "nonprimary b1", "pause", "decide"}, "PAUSED", "R010"},
      {{"cluster a1:dc1 b1:dc2", "decide", "nonprimary a1", "primary b1", "primary a1", "decide"},
       "SPLIT_BRAIN",
       "R020"},
      {{"cluster a1:dc1 b1:dc2", "decide", "nonprimary a1", "nonprimary b1", "decide"}, "GRANT_OPEN", "R030"},
      {{"cluster a1:dc1 b1:dc2", "decide", "crash a1 b1", "decide"}, "FULL_STOP", "R310"},
      {{"cluster a1:dc1 b1:dc2", "decide", "silent b1", "restart-arbitrator", "nonprimary a1", "decide"},
       "STARTING",
       "R300"},
  };
  for (const auto& [lines, reason, rule] : stories) {
    const Refusal refusal = Refuse(Told(lines), RequestFor("a1"));
    EXPECT_EQ(refusal.reason, reason) << refusal.message;
    EXPECT_THAT(refusal.rule, MatchesRegex(rule));
    EXPECT_THAT(refusal.message, HasSubstr("a1 cannot be made primary: "));
    EXPECT_FALSE(refusal.cure.empty());
  }
}

TEST(RefuseMakePrimary, WhatIsNotProvenIsRefusedWithTheCommandThatOverrides) {
  const Scenario s = Told(kCutOff);
  const Refusal refusal = Refuse(s, RequestFor("b1+b2"));
  EXPECT_EQ(refusal.reason, "NOT_PROVEN");
  EXPECT_EQ(refusal.rule, "R430");
  EXPECT_THAT(refusal.message, HasSubstr("a1 may be in a primary component"));
  EXPECT_THAT(refusal.cure, HasSubstr("minderctl make_primary b1+b2 --force --confirm=" + Digest(s) + " --reason=WHY"));
}

TEST(RefuseMakePrimary, ForceStandsForTheProofs) {
  const Scenario s = Told(kCutOff);
  EXPECT_FALSE(Refuse(s, RequestFor("b1", true)).refused());
  EXPECT_FALSE(Refuse(s, RequestFor("b2+b1", true)).refused());
}

TEST(RefuseMakePrimary, OneWhoIsNotInTheGroupIsNotPromotedByAnothersName) {
  const Scenario s = Told(kCutOff);
  EXPECT_EQ(Refuse(s, RequestFor("a1", true)).reason, "NO_GROUP");
  const Refusal both = Refuse(s, RequestFor("a1+b1", true));
  EXPECT_EQ(both.reason, "GROUP_DIFFERS");
  EXPECT_THAT(both.message, HasSubstr("is b1+b2, and not a1+b1"));
}

TEST(RefuseMakePrimary, ForceIsNoCureForWhatItDoesNotOverrule) {
  std::vector<std::string> lines = kCutOff;
  lines.insert(lines.begin() + 1, "other-configuration b2");
  const Refusal refusal = Refuse(Told(lines), RequestFor("b1"));
  EXPECT_EQ(refusal.reason, "NOT_PROVEN");
  EXPECT_THAT(refusal.cure, testing::Not(HasSubstr("--force")));
}

TEST(RefuseMakePrimary, AnAllowedRequestIsWhatDecideActsOn) {
  Scenario s =
      Told({"cluster a1:dc1 b1:dc2", "promotion manual", "decide", "nonprimary a1", "nonprimary b1", "decide"});
  EXPECT_EQ(s.last().rule(), "R410");
  const v1::PromotionRequest request = RequestFor("b1");
  EXPECT_FALSE(Refuse(s, request).refused());
  const v1::Decision decision = Decide(s.config(), WithRequest(s.state(), request), s.now());
  EXPECT_EQ(decision.rule(), "R400");
  EXPECT_THAT(decision.next().grant().group(), ElementsAre("b1"));
}

TEST(RefuseForce, NeedsReasonAndTheDigestOfNow) {
  v1::PromotionRequest request = RequestFor("b1", true);
  EXPECT_FALSE(RefuseForce(request, "abc", "abc").refused());
  EXPECT_EQ(RefuseForce(request, "abd", "abc").reason, kStateChanged);
  EXPECT_EQ(RefuseForce(request, "", "abc").reason, "CONFIRM_MISSING");
  EXPECT_THAT(RefuseForce(request, "", "abc").cure, HasSubstr("--confirm=abc"));
  request.clear_reason();
  EXPECT_EQ(RefuseForce(request, "abc", "abc").reason, "REASON_MISSING");
  EXPECT_FALSE(RefuseForce(RequestFor("b1"), "", "abc").refused());
}

TEST(Digest, IsTheSameWhileReportsOnlyGetOlder) {
  Scenario s = Told(kCutOff);
  const std::string before = Digest(s);
  EXPECT_THAT(before, MatchesRegex("[0-9a-f]{16}"));
  s.Run("wait 1s");
  EXPECT_EQ(Digest(s), before);
  s.Report("b1").set_nonce("another");
  s.Report("b1").set_connections(77);
  EXPECT_EQ(Digest(s), before);
}

TEST(Digest, DiffersWithEachThingThatAPromotionRestsOn) {
  const std::vector<std::string> changes = {"seqno b1 101", "nonprimary b1", "heard a1",
                                            "crash b2",     "wait 4s",       "primary b1 b2"};
  std::set<std::string> seen = {Digest(Told(kCutOff))};
  for (const std::string& change : changes) {
    Scenario s = Told(kCutOff);
    s.Run(change);
    if (change == "heard a1") s.Run("decide");
    EXPECT_TRUE(seen.insert(Digest(s)).second) << change;
  }
  const Scenario s = Told(kCutOff);
  v1::ArbitratorState risen = s.state();
  risen.mutable_durable()->set_epoch(9);
  EXPECT_TRUE(seen.insert(DigestOf(s.config(), risen, GatherFacts(s.config(), risen, s.now()))).second);
  const v1::ArbitratorState dead = WithDeath(s.state(), DeathOf(FactsOf(s), "a1", "ann: fire"));
  EXPECT_TRUE(seen.insert(DigestOf(s.config(), dead, GatherFacts(s.config(), dead, s.now()))).second);
}

TEST(RefuseDeath, ASilentMemberMayBeDeclaredDeadAndThatIsProof) {
  const Scenario s = Told(kCutOff);
  const Facts facts = FactsOf(s);
  EXPECT_FALSE(RefuseDeath(facts, "a1").refused());
  v1::ArbitratorState state = WithDeath(s.state(), DeathOf(facts, "a1", "ann: pulled the plug"));
  state = WithDeath(state, DeathOf(facts, "a2", "ann: pulled the plug"));
  const v1::Decision decision = Decide(s.config(), state, s.now());
  EXPECT_EQ(decision.rule(), "R400") << decision.reason();
  EXPECT_THAT(decision.reason(), HasSubstr("E3: a1: declared dead by ann: pulled the plug"));
}

TEST(RefuseDeath, WhoIsSeenToRunIsNotDead) {
  Scenario s = Told({"cluster a1:dc1 b1:dc2", "decide", "nonprimary a1", "nonprimary b1", "decide"});
  EXPECT_EQ(RefuseDeath(FactsOf(s), "a1").reason, "SEEN_RUNNING");
  s.Run("wedge a1");
  EXPECT_EQ(RefuseDeath(FactsOf(s), "a1").reason, "SEEN_RUNNING");  // it does not answer, and its process is there
  s.Report("a1").mutable_process()->set_pid(0);
  s.Report("a1").set_running(v1::TERNARY_NO);
  EXPECT_FALSE(RefuseDeath(FactsOf(s), "a1").refused());
}

TEST(RefuseDeath, WhoIsInAnothersViewMayRun) {
  const Scenario s = Told({"cluster a1:dc1 b1:dc2", "decide", "silent a1", "wait 4s", "decide"});
  const Refusal refusal = RefuseDeath(FactsOf(s), "a1");
  EXPECT_EQ(refusal.reason, "SEEN_IN_VIEW");
  EXPECT_THAT(refusal.message, HasSubstr("b1 still has it in its view"));
}

TEST(RefuseDeath, OnlyAMemberOfAKnownLastPrimaryComponent) {
  const Scenario without = Told({"cluster a1:dc1 b1:dc2"});
  Facts facts = FactsOf(without);
  facts.confirmed.reset();
  EXPECT_EQ(RefuseDeath(facts, "a1").reason, "LAST_PRIMARY_UNKNOWN");
  EXPECT_EQ(RefuseDeath(FactsOf(Told(kCutOff)), "c1").reason, "NOT_A_MEMBER");
}

TEST(Explain, SaysWhatIsProvenWhatIsNotAndTheExactCommand) {
  const Scenario s = Told(kCutOff);
  const v1::ExplainResponse response = Explain(s.config(), s.state(), s.now());
  EXPECT_EQ(response.decision().rule(), "R430");
  EXPECT_THAT(response.present(), ElementsAre("b1+b2 is fit to be promoted"));
  EXPECT_THAT(response.missing(), ElementsAre(HasSubstr("a1 may be"), HasSubstr("a2 may be")));
  EXPECT_EQ(response.command(),
            "minderctl make_primary b1+b2 --force --confirm=" + response.digest() + " --reason=WHY");
}

// Nobody would be promoted, for somebody in the view is not seen; a human may decide that all the same.
TEST(Explain, NamesTheGroupThatOnlyAHumanCanHavePromoted) {
  const Scenario s = Told({"cluster a1:dc1 a2:dc1 b1:dc2", "decide", "nonprimary a1 a2 b1", "seqno a1 101", "crash b1",
                           "no-view b1", "start b1", "nonprimary a1 a2 b1", "waits b1", "no-view b1", "decide"});
  const v1::ExplainResponse response = Explain(s.config(), s.state(), s.now());
  EXPECT_EQ(response.decision().rule(), "R430");
  EXPECT_THAT(response.missing(), testing::Contains("no group is fit to be promoted"));
  EXPECT_EQ(response.command(),
            "minderctl make_primary a1+a2 --force --confirm=" + response.digest() + " --reason=WHY");
}

TEST(Explain, OffersNoCommandThatWouldBeRefused) {
  std::vector<std::string> lines = kCutOff;
  lines.insert(lines.begin() + 1, "other-configuration b2");
  const Scenario s = Told(lines);
  EXPECT_EQ(Explain(s.config(), s.state(), s.now()).command(), "");
}

TEST(Explain, AfterAPromotionTheCommandIsOfferedOnlyWhenItWouldBeTaken) {
  const Scenario s =
      Told({"cluster a1:dc1 b1:dc2", "decide", "nonprimary a1", "nonprimary b1", "decide", "obey b1", "decide",
            "obey a1", "decide", "primary a1 b1", "decide", "nonprimary a1", "nonprimary b1", "decide"});
  EXPECT_EQ(s.last().rule(), "R410") << s.last().reason();
  const bool refused = Refuse(s, RequestFor("a1")).refused();
  EXPECT_EQ(Explain(s.config(), s.state(), s.now()).command(), refused ? "" : "minderctl make_primary a1");
  Scenario manual =
      Told({"cluster a1:dc1 b1:dc2", "promotion manual", "decide", "nonprimary a1", "nonprimary b1", "decide"});
  EXPECT_EQ(Explain(manual.config(), manual.state(), manual.now()).command(), "minderctl make_primary a1");
}

TEST(Explain, OfAHealthyClusterSpeaksOfNoPromotion) {
  const Scenario s = Told({"cluster a1:dc1 b1:dc2", "decide"});
  const v1::ExplainResponse response = Explain(s.config(), s.state(), s.now());
  EXPECT_THAT(response.missing(), IsEmpty());
  EXPECT_EQ(response.command(), "");
}

TEST(Explain, ReplayOfACaptureIsTheSame) {
  const Scenario s = Told(kCutOff);
  const v1::ExplainResponse captured = Explain(s.config(), s.state(), s.now());
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(Replay(captured), captured));
}

}  // namespace
}  // namespace minder
