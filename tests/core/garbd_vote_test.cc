#include <gtest/gtest.h>

#include "common/core/facts.h"
#include "common/core/last_primary.h"
#include "tests/core/scenario.h"

namespace minder {
namespace {

class GarbdVoteTest : public ::testing::Test {
 protected:
  void Tell(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) EXPECT_EQ(s_.Run(line).find("error:"), std::string::npos) << line;
  }
  v1::ViewMember& GarbdInViewOf(const std::string& name) {
    for (v1::ViewMember& member : *s_.Report(name).mutable_members()) {
      if (member.name() == "garb") return member;
    }
    ADD_FAILURE() << "no garb";
    return *s_.Report(name).add_members();
  }
  // The view of P after a decision; empty when there is none.
  std::string Confirmed() {
    Tell({"decide"});
    return s_.state().durable().confirmed().view().id();
  }

  Scenario s_;
};

TEST_F(GarbdVoteTest, AViewWithAConfiguredGarbdIsConfirmed) {
  Tell({"cluster a1:dc1 b1:dc2 garb:garbd:3"});
  EXPECT_EQ(Confirmed(), "view:1");
  const v1::ConfirmedPrimary& primary = s_.state().durable().confirmed();
  ASSERT_EQ(primary.members_size(), 3);
  EXPECT_EQ(primary.members(2).dbserver(), "garb");
  EXPECT_TRUE(primary.members(2).garbd());
  EXPECT_EQ(primary.members(2).weight(), 3u);
}

TEST_F(GarbdVoteTest, AMariadbdOfThatNameIsNoGarbd) {
  Tell({"cluster a1:dc1 b1:dc2 garb:garbd"});
  GarbdInViewOf("a1").set_address("10.0.0.9:3306");
  GarbdInViewOf("b1").set_address("10.0.0.9:3306");
  EXPECT_EQ(Confirmed(), "");
}

TEST_F(GarbdVoteTest, OneOfTwoOfThatNameIsNoGarbd) {
  Tell({"cluster a1:dc1 b1:dc2 garb:garbd"});
  for (const char* name : {"a1", "b1"}) s_.Report(name).add_members()->set_name("garb");
  EXPECT_EQ(Confirmed(), "");
}

// The later view came and went between two reports: only the disks of a1 and b1 tell of it.
TEST_F(GarbdVoteTest, AGarbdThatWasConfirmedIsKnownByItsUuidWhenNobodySeesItAnyMore) {
  Tell({"cluster a1:dc1 b1:dc2 garb:garbd", "decide", "primary a1 b1 garb", "nonprimary a1", "nonprimary b1"});
  EXPECT_EQ(Confirmed(), "view:2");
}

TEST_F(GarbdVoteTest, AHumansWordOnAGarbdEndsWhenSomebodySeesIt) {
  Tell({"cluster a1:dc1 b1:dc2 garb:garbd", "decide", "nonprimary a1", "nonprimary b1"});
  v1::ArbitratorState state = s_.state();
  v1::Death& death = *state.mutable_durable()->add_deaths();
  death.set_dbserver("garb");
  death.set_gcomm_uuid(s_.last().next().confirmed().members(2).gcomm_uuid());
  EXPECT_EQ(GatherFacts(s_.config(), state, s_.now()).deaths.size(), 1u);
  Tell({"nonprimary a1 garb"});
  *state.mutable_dbservers() = s_.state().dbservers();
  EXPECT_EQ(GatherFacts(s_.config(), state, s_.now()).deaths.size(), 0u);
}

class GarbdsMayBePrimaryTest : public ::testing::Test {
 protected:
  void Add(const char* uuid, unsigned weight, bool garbd) {
    v1::Member& member = *primary_.add_members();
    member.set_gcomm_uuid(uuid);
    member.set_weight(weight);
    member.set_garbd(garbd);
  }
  v1::ConfirmedPrimary primary_;
};

TEST_F(GarbdsMayBePrimaryTest, WithMoreThanHalfOfTheVotes) {
  Add("a", 1, false);
  Add("b", 1, false);
  Add("g", 2, true);
  EXPECT_FALSE(GarbdsMayBePrimary(primary_, {}, {})) << "half is no majority";
  Add("h", 1, true);
  EXPECT_TRUE(GarbdsMayBePrimary(primary_, {}, {}));
  EXPECT_TRUE(GarbdsMayBePrimary(primary_, {"a", "b"}, {}));
  EXPECT_FALSE(GarbdsMayBePrimary(primary_, {"g"}, {}));
}

// With b they may have gone on without a, and then b was lost.
TEST_F(GarbdsMayBePrimaryTest, WithMoreVotesThanOneWhoMayHaveGoneOnWithThem) {
  Add("a", 3, false);
  Add("b", 1, false);
  Add("g", 2, true);
  EXPECT_FALSE(GarbdsMayBePrimary(primary_, {}, {}));
  EXPECT_TRUE(GarbdsMayBePrimary(primary_, {}, {"b"}));
  EXPECT_FALSE(GarbdsMayBePrimary(primary_, {}, {"a", "g"}));
  EXPECT_FALSE(GarbdsMayBePrimary(primary_, {"g"}, {"b"}));
}

// Nor beside a server that is not configured: nobody could clear its evict list.
TEST_F(GarbdVoteTest, BesideAStrangerNobodyIsEvicted) {
  Tell({"cluster a1:dc1 a2:dc1 b1:dc2", "decide", "crash b1"});
  for (const char* name : {"a1", "a2"}) {
    v1::ViewMember& stranger = *s_.Report(name).add_members();
    stranger.set_uuid("c1-1");
    stranger.set_name("a1");
  }
  EXPECT_EQ(s_.Run("decide").find("R150"), std::string::npos);
  for (const char* name : {"a1", "a2"}) s_.Report(name).mutable_members()->RemoveLast();
  EXPECT_NE(s_.Run("decide").find("R150"), std::string::npos);
}

}  // namespace
}  // namespace minder
