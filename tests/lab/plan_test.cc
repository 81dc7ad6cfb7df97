#include "tests/lab/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/config/file_config.h"
#include "tests/lab/config_files.h"
#include "tests/lab/haproxy_cli.h"
#include "tests/lab/observer.h"
#include "tests/lab/wait_for.h"

namespace minder::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

Plan SomePlan() {
  return {.id = 254, .directory = "/lab", .bin_directory = "/bin-of-minder", .topology = "2+1", .agents = true};
}

TEST(Topology, IsServersPerDataCentre) {
  EXPECT_EQ(ParseTopology("2+1").value(), std::pair(2, 1));
  for (const char* wrong : {"", "2", "2+", "0+1", "2-1", "10+1", "2+1+1"}) {
    EXPECT_THAT(std::string(ParseTopology(wrong).status().message()), HasSubstr("as in 2+1")) << wrong;
  }
}

TEST(Plan, SpreadsNodesOverDataCentres) {
  const auto nodes = SomePlan().Nodes();
  ASSERT_THAT(nodes, SizeIs(3));
  EXPECT_EQ(nodes[1].data_centre, "dc1");
  EXPECT_EQ(nodes[2].name, "node3");
  EXPECT_EQ(nodes[2].data_centre, "dc2");
}

TEST(Plan, HostsHaveAddressesOfTheirOwnAndLinkNamesFit) {
  Plan plan = SomePlan();
  plan.topology = "9+9";
  std::set<std::string> addresses{plan.Address("outside")};
  for (const std::string& host : plan.Hosts()) {
    EXPECT_TRUE(addresses.insert(plan.Address(host)).second) << host;
    EXPECT_LE(host.size(), 15u);
  }
  EXPECT_LE(plan.UplinkName().size(), 15u);
  EXPECT_EQ(plan.Address("node18"), "10.199.254.28");
}

TEST(Plan, PartiesDependOnAgents) {
  Plan plan = SomePlan();
  EXPECT_THAT(Parties(plan), SizeIs(9));
  EXPECT_EQ(FindParty(plan, "node1/agent")->argv[4], "node1");
  plan.agents = false;
  EXPECT_THAT(Parties(plan), SizeIs(4));
  EXPECT_EQ(FindParty(plan, "node1/agent").status().code(), absl::StatusCode::kNotFound);
}

TEST(ConfigFiles, NotifyHookAndChecksOnlyWhereWanted) {
  Plan plan = SomePlan();
  EXPECT_THAT(ServerConfig(plan, "node2"), HasSubstr("wsrep_notify_cmd='/var/lib/minder-lab/254/minder-notify"));
  EXPECT_THAT(HaproxyConfig(plan), Not(HasSubstr("check")));
  plan.agents = false;
  plan.check = BalancerCheck::kMysqlCheck;
  EXPECT_THAT(ServerConfig(plan, "node2"), Not(HasSubstr("wsrep_notify_cmd")));
  EXPECT_THAT(HaproxyConfig(plan), HasSubstr("server node3 10.199.254.13:3306 check inter 2s fall 3"));
}

TEST(ConfigFiles, MinderReadsItsConfiguration) {
  const auto configuration = ParseConfiguration("minder.yaml", MinderConfig(SomePlan()));
  ASSERT_TRUE(configuration.ok()) << configuration.status();
  EXPECT_EQ(configuration->dbservers_size(), 3);
  EXPECT_EQ(configuration->dbservers(2).data_centre(), "dc2");
}

TEST(WaitFor, SaysWhatWasNotReachedAndWhatWasSeen) {
  const auto never = [] { return absl::UnavailableError("node3: is 'Joiner'"); };
  const absl::Status status = WaitFor(never, absl::Milliseconds(50), "all nodes Synced");
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("all nodes Synced (node3: is 'Joiner')"));
  EXPECT_EQ(WaitFor([] { return true; }, absl::ZeroDuration(), "at once"), absl::OkStatus());
}

TEST(BackendServer, TakesSessionsWhenUpWithWeight) {
  EXPECT_TRUE((BackendServer{.status = "UP", .weight = 1}.TakesNewSessions()));
  EXPECT_TRUE((BackendServer{.status = "UP 1/3", .weight = 1}.TakesNewSessions()));
  EXPECT_TRUE((BackendServer{.status = "no check", .weight = 1}.TakesNewSessions()));
  EXPECT_FALSE((BackendServer{.status = "UP", .weight = 0}.TakesNewSessions()));
  for (const char* status : {"", "MAINT", "DRAIN", "DOWN", "NOLB"}) {
    EXPECT_FALSE((BackendServer{.status = status, .weight = 1}.TakesNewSessions())) << status;
  }
}

Sample Committed(const std::string& node, std::vector<std::string> members, int begin, int end) {
  Sample sample;
  sample.node = node;
  sample.begin = SinceBoot(absl::Seconds(begin));
  sample.end = SinceBoot(absl::Seconds(end));
  sample.cluster_status = "Primary";
  sample.members = std::move(members);
  sample.marker_committed = true;
  return sample;
}

Sample InView(Sample sample, std::uint64_t conf_id) {
  sample.conf_id = conf_id;
  return sample;
}

Sample Refused(Sample sample) {
  sample.marker_committed = false;
  return sample;
}

TEST(SplitBrain, IsTwoComponentsThatCommitAtTheSameTime) {
  const Sample a = Committed("node1", {"node1"}, 10, 12);
  EXPECT_THAT(FindSplitBrains({{"node1", {a}}, {"node2", {Committed("node2", {"node2"}, 11, 13)}}}), SizeIs(1));
  // One after the other, as in a promotion that waited.
  EXPECT_THAT(FindSplitBrains({{"node1", {a}}, {"node2", {Committed("node2", {"node2"}, 13, 14)}}}), SizeIs(0));
  // A member that has not heard of the new view yet still knows the other.
  EXPECT_THAT(FindSplitBrains({{"node1", {a}}, {"node2", {Committed("node2", {"node1", "node2"}, 11, 13)}}}),
              SizeIs(0));
  EXPECT_THAT(FindSplitBrains({{"node1", {a}}, {"node2", {Refused(Committed("node2", {"node2"}, 11, 13))}}}),
              SizeIs(0));
}

TEST(SplitBrain, IsFoundWhenTheNodesAreSampledInTurn) {
  const std::vector<Sample> a = {Committed("node1", {"node1"}, 10, 11), Committed("node1", {"node1"}, 20, 21)};
  const std::vector<Sample> between = {Committed("node2", {"node2"}, 15, 16)};
  EXPECT_THAT(FindSplitBrains({{"node1", a}, {"node2", between}}), SizeIs(1));
  // Whatever node1 showed in the meantime, it was in one and the same view all along.
  EXPECT_THAT(
      FindSplitBrains({{"node1", {a[0], Refused(Committed("node1", {"node1"}, 14, 17)), a[1]}}, {"node2", between}}),
      SizeIs(1));
  for (const int before_or_after : {7, 25}) {
    const Sample b = Committed("node2", {"node2"}, before_or_after, before_or_after + 1);
    EXPECT_THAT(FindSplitBrains({{"node1", a}, {"node2", {b}}}), SizeIs(0)) << before_or_after;
  }
}

TEST(SplitBrain, IsNotOneComponentAfterTheOtherHoweverOften) {
  const Sample a = Committed("node1", {"node1"}, 10, 11);
  const Sample again = Committed("node1", {"node1"}, 20, 21);
  const std::vector<Sample> between = {Committed("node2", {"node2"}, 15, 16)};
  // Promoted, lost, and promoted once more.
  EXPECT_THAT(FindSplitBrains({{"node1", {InView(a, 7), InView(again, 9)}}, {"node2", between}}), SizeIs(0));
  // A new process may count from the same number.
  Sample restarted = again;
  restarted.started_at = SinceBoot(absl::Seconds(18));
  EXPECT_THAT(FindSplitBrains({{"node1", {a, restarted}}, {"node2", between}}), SizeIs(0));
}

TEST(SplitBrain, IsFoundAmongManySamples) {
  std::vector<Sample> a;
  std::vector<Sample> b;
  for (int i = 0; i < 100; ++i) {
    a.push_back(Committed("node1",
                          i < 50 ? std::vector<std::string>{"node1", "node2"} : std::vector<std::string>{"node1"},
                          2 * i, 2 * i));
    b.push_back(Committed("node2",
                          i < 70 ? std::vector<std::string>{"node1", "node2"} : std::vector<std::string>{"node2"},
                          2 * i + 1, 2 * i + 1));
  }
  const std::vector<SplitBrain> found = FindSplitBrains({{"node1", a}, {"node2", b}});
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].a.begin, a[50].begin);
  EXPECT_EQ(found[0].b.begin, b[70].begin);
}

}  // namespace
}  // namespace minder::lab
