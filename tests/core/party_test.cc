#include "common/core/party.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::Configuration TwoByTwo() {
  v1::Configuration configuration;
  configuration.set_cluster("shop");
  configuration.mutable_arbitrator()->set_name("judge");
  configuration.add_dbservers()->set_name("node1");
  configuration.add_dbservers()->set_name("node2");
  configuration.add_dbclients()->set_name("lb1");
  configuration.add_dbclients()->set_name("lb2");
  return configuration;
}

std::vector<std::string> PeerNames(const v1::Party& self) {
  std::vector<std::string> names;
  for (const v1::Party& peer : PeersOf(self, TwoByTwo())) {
    EXPECT_EQ(peer.cluster(), "shop");
    names.push_back(Describe(peer));
  }
  return names;
}

TEST(Party, ArbitratorCorrespondsWithEveryAgent) {
  EXPECT_THAT(PeerNames(ArbitratorParty(TwoByTwo())),
              ElementsAre("dbserver node1", "dbserver node2", "dbclient lb1", "dbclient lb2"));
}

TEST(Party, DbserverCorrespondsWithArbitratorAndDbclientsButNotWithItsLike) {
  EXPECT_THAT(PeerNames(DbserverParty(TwoByTwo(), "node1")),
              ElementsAre("arbitrator judge", "dbclient lb1", "dbclient lb2"));
}

TEST(Party, DbclientCorrespondsWithArbitratorAndDbservers) {
  EXPECT_THAT(PeerNames(DbclientParty(TwoByTwo(), "lb2")),
              ElementsAre("arbitrator judge", "dbserver node1", "dbserver node2"));
}

TEST(Party, StrangersHaveNoPeers) {
  EXPECT_THAT(PeerNames(DbserverParty(TwoByTwo(), "node9")), IsEmpty());
  v1::Party other_cluster = DbserverParty(TwoByTwo(), "node1");
  other_cluster.set_cluster("other");
  EXPECT_THAT(PeerNames(other_cluster), IsEmpty());
  EXPECT_THAT(PeerNames(v1::Party()), IsEmpty());
}

TEST(Party, ConfiguredMeansTypeNameAndCluster) {
  const v1::Configuration configuration = TwoByTwo();
  EXPECT_TRUE(IsConfigured(ArbitratorParty(configuration), configuration));
  EXPECT_TRUE(IsConfigured(DbserverParty(configuration, "node2"), configuration));
  EXPECT_TRUE(IsConfigured(DbclientParty(configuration, "lb1"), configuration));
  EXPECT_FALSE(IsConfigured(DbserverParty(configuration, "lb1"), configuration));
  v1::Party party = DbserverParty(configuration, "node1");
  party.set_cluster("Shop");
  EXPECT_FALSE(IsConfigured(party, configuration));
}

TEST(Party, SameMeansAllThreeFields) {
  const v1::Party node1 = DbserverParty(TwoByTwo(), "node1");
  EXPECT_TRUE(SameParty(node1, node1));
  for (const auto change : {0, 1, 2}) {
    v1::Party other = node1;
    if (change == 0) other.set_type(v1::PARTY_TYPE_DBCLIENT);
    if (change == 1) other.set_name("node2");
    if (change == 2) other.set_cluster("");
    EXPECT_FALSE(SameParty(node1, other)) << change;
  }
}

TEST(Party, DescribesHostileNamesInOneShortLine) {
  v1::Party party = DbserverParty(TwoByTwo(), "a\nb\x1b[2J");
  EXPECT_EQ(Describe(party), "dbserver a\\nb\\x1b[2J");
  party.set_name(std::string(1'000'000, 'x'));
  EXPECT_LT(Describe(party).size(), 100);
  party.set_type(static_cast<v1::PartyType>(99));
  party.set_name("x");
  EXPECT_EQ(Describe(party), "unknown party x");
}

}  // namespace
}  // namespace minder
