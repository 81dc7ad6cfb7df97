// Links that break in odd ways, and settings that change meanwhile, on two data centres of two servers; the names of
// scenarios.md.
#include <csignal>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "tests/integration/cluster_fixture.h"

namespace minder::lab {
namespace {

struct Even {
  static LabOptions Options() { return TestLabOptions("odd", true, "2+2"); }
};

class PartitionTest : public ClusterTestOn<Even> {
 protected:
  static constexpr auto kFirst = {"node1", "node2"};
  static constexpr auto kSecond = {"node3", "node4"};

  static absl::Status Cut() { return lab().CutOff({"node1", "node2"}, {"node3", "node4"}); }
  static absl::Status Is(const char* status, const std::string& node) {
    return lab().HasStatusVariable(node, "wsrep_cluster_status", status);
  }
  static void Set(const std::string& node, const std::string& option) {
    const auto set = lab().Sql(node, "SET GLOBAL wsrep_provider_options='" + option + "'");
    ASSERT_TRUE(set.ok()) << set.status();
  }
  static absl::Status Seen(const std::string& node, v1::Ternary running) {
    const auto summary = SummaryOf(lab(), node);
    if (!summary.ok()) return summary.status();
    return summary->running() == running ? absl::OkStatus() : absl::UnavailableError("not seen so");
  }
  static absl::Status OutOfPrimary(const std::string& node) {
    const auto summary = SummaryOf(lab(), node);
    if (!summary.ok()) return summary.status();
    return summary->primary() == v1::TERNARY_NO ? absl::OkStatus() : absl::UnavailableError("not seen so");
  }
  static absl::Status NotedOfNode4(const std::string& text) {
    const auto summary = SummaryOf(lab(), "node4");
    if (!summary.ok()) return summary.status();
    return absl::StrContains(summary->note(), text) ? absl::OkStatus() : absl::UnavailableError(summary->note());
  }
  // The data centres are cut while node4 is in a way in which nobody is to be promoted: it says so before and after.
  static void ExpectNothingPromotedFor(const std::string& what) {
    ASSERT_TRUE(Reached([&] { return NotedOfNode4(what); }, absl::Seconds(20), "noted of node4"));
    ASSERT_EQ(Cut(), absl::OkStatus());
    EXPECT_TRUE(Reached([&] { return Explained("node4 " + what); }, absl::Seconds(30), "refused, and said why"));
    for (const std::string& node : lab().plan().NodeNames())
      ASSERT_TRUE(Reached([&] { return Is("non-Primary", node); }, absl::Seconds(30), "non-Primary"));
    EXPECT_TRUE(Reached([] { return Explained("R420"); }, absl::Seconds(20), "everybody is seen, and nothing is done"));
  }
  static void HealAndExpectHealthy() {
    ASSERT_EQ(lab().Heal(), absl::OkStatus());
    EXPECT_TRUE(AllBecomeSynced());
    EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
  }
};

TEST_F(PartitionTest, F04HeavyDataCentreStaysPrimaryAndNothingIsPromoted) {
  for (const char* node : kFirst) Set(node, "pc.weight=2");
  ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY with new weights"));
  ASSERT_EQ(Cut(), absl::OkStatus());
  for (const char* node : kSecond) {
    EXPECT_TRUE(Reached([&] { return Is("non-Primary", node); }, absl::Seconds(30), "dc2 non-Primary"));
    EXPECT_TRUE(Reached([&] { return lab().NotRouted(node); }, absl::Seconds(5), "out of the balancer"));
  }
  for (const char* node : kFirst) {
    EXPECT_TRUE(Reached([&] { return Is("Primary", node); }, absl::Seconds(10), "dc1 Primary"));
    EXPECT_EQ(lab().Routed(node), absl::OkStatus());
  }
  HealAndExpectHealthy();
  for (const char* node : kFirst) Set(node, "pc.weight=1");
  ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY with old weights"));
}

TEST_F(PartitionTest, F08HalfOpenLinksToTheArbitratorChangeNothing) {
  for (const bool from_arbitrator : {true, false}) {
    const std::vector<std::string> arbitrator = {"arbitrator"};
    const std::vector<std::string> dc1 = {"node1", "node2"};
    ASSERT_EQ(lab().CutOff(from_arbitrator ? arbitrator : dc1, from_arbitrator ? dc1 : arbitrator, true),
              absl::OkStatus());
    for (const char* node : kFirst)
      EXPECT_TRUE(Reached([&] { return Seen(node, v1::TERNARY_UNKNOWN); }, absl::Seconds(20), "nothing is heard"));
    for (const std::string& node : lab().plan().NodeNames()) {
      EXPECT_EQ(lab().Synced(node), absl::OkStatus());
      EXPECT_EQ(lab().Routed(node), absl::OkStatus());
    }
    HealAndExpectHealthy();
  }
}

// Galera relays what one link loses, or drops a node; minder has nothing to do but to say so.
TEST_F(PartitionTest, F09OneLinkThatLosesOneWayIsGalerasAffairAndOnlyReported) {
  ASSERT_EQ(lab().CutOff({"node1"}, {"node3"}, true), absl::OkStatus());
  absl::SleepFor(absl::Seconds(10));  // nothing happens, which no condition shows
  const auto reported = [] {
    const auto summary = Summary(lab());
    if (!summary.ok()) return summary.status();
    const auto expected = lab().AllSynced().ok() ? v1::DIAGNOSIS_HEALTHY : v1::DIAGNOSIS_DEGRADED;
    return summary->diagnosis() == expected ? absl::OkStatus() : absl::UnavailableError(summary->reason());
  };
  EXPECT_TRUE(Reached(reported, absl::Seconds(5), "what Galera does of it is reported"));
  EXPECT_EQ(Promoted(), 0);
  HealAndExpectHealthy();
}

// Only who was promoted last may go on: those whom it left behind may lack what it wrote since.
TEST_F(PartitionTest, F32PromotedSideThatDiesIsNotReplacedByTheOther) {
  promotions_ = 1;
  ASSERT_EQ(Cut(), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(40), "a promotion"));
  ASSERT_TRUE(Reached([] { return Is("Primary", "node1").ok() ? absl::OkStatus() : Is("Primary", "node3"); },
                      absl::Seconds(5), "one side primary"));
  const bool first = Is("Primary", "node1").ok();
  for (const char* node : first ? kFirst : kSecond)
    ASSERT_TRUE(Reached([&] { return Is("Primary", node); }, absl::Seconds(5), "the promoted side"));
  for (const char* node : first ? kFirst : kSecond) ASSERT_TRUE(lab().SignalNow(node, SIGKILL).ok());
  for (const char* node : first ? kFirst : kSecond)
    EXPECT_TRUE(Reached([&] { return Is("Primary", node); }, absl::Seconds(60), "it forms its component again"));
  for (const char* node : first ? kSecond : kFirst) EXPECT_EQ(Is("non-Primary", node), absl::OkStatus());
  HealAndExpectHealthy();
}

// So the weights that are known of the last primary component are those that count.
TEST_F(PartitionTest, F29GaleraTakesNoOtherWeightWithoutAPrimaryComponent) {
  promotions_ = 1;
  ASSERT_EQ(Minderctl(lab(), {"pause", "--for=2m", "--reason=a test"}).code, 0);
  ASSERT_EQ(Cut(), absl::OkStatus());
  for (const std::string& node : lab().plan().NodeNames()) {
    ASSERT_TRUE(Reached([&] { return Is("non-Primary", node); }, absl::Seconds(30), "non-Primary"));
    EXPECT_FALSE(lab().Sql(node, "SET GLOBAL wsrep_provider_options='pc.weight=3'").ok());
  }
  ASSERT_EQ(Minderctl(lab(), {"resume"}).code, 0);
  ASSERT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(40), "a promotion"));
  HealAndExpectHealthy();
}

// One agent knows an older configuration than everybody else.
TEST_F(PartitionTest, F42NothingIsPromotedWhileAConfigurationIsAnotherOne) {
  const std::string path = lab().plan().ConfigPath();
  const std::string config = ReadFile(path).value();
  std::ofstream(path) << absl::StrReplaceAll(config, {{"version: 1\n", "version: 2\n"}});
  for (const char* party : {"arbitrator", "node1/agent", "node2/agent", "node3/agent", "lb1/agent"})
    ASSERT_EQ(lab().Restart(party), absl::OkStatus());
  ExpectNothingPromotedFor("runs configuration version 1 and not 2");
  std::ofstream(path) << config;
  for (const char* party : {"arbitrator", "node1/agent", "node2/agent", "node3/agent", "node4/agent", "lb1/agent"})
    ASSERT_EQ(lab().Restart(party), absl::OkStatus());
  HealAndExpectHealthy();
}

// One agent has a list of nodes without node3, and nobody has raised the version. Nothing else is in the way.
TEST_F(PartitionTest, F42NothingIsPromotedUntilTheNodeListUnderTheSameVersionIsTheSameAsWell) {
  promotions_ = 1;
  const std::string path = lab().plan().ConfigPath();
  const std::string config = ReadFile(path).value();
  std::string shorter = config;
  const std::size_t node3 = shorter.find("  - name: node3\n");
  shorter.erase(node3, shorter.find("  - name: node4\n") - node3);
  std::ofstream(path) << shorter;
  ASSERT_EQ(lab().Restart("node4/agent"), absl::OkStatus());
  ExpectNothingPromotedFor("runs another configuration under the same version 1: give every host the same file");
  EXPECT_EQ(Promoted(), 0);
  std::ofstream(path) << config;
  ASSERT_EQ(lab().Restart("node4/agent"), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(20), "a promotion"));
  HealAndExpectHealthy();
}

// node1 is cut off while node2 has its data from it, and so node2 aborts; while it has them from node3 instead, the two
// of them are cut off with half of the weight. A donor shows the view of before its transfer until that has ended, so
// node1 and node3 say Primary all the while.
TEST_F(PartitionTest, F47NeitherAJoinerInTransferNorItsDonorsArePromotedAndAllRecover) {
  const std::uint64_t before = Epoch();
  for (const char* donor : {"node1", "node3"}) AddBallast(donor);
  Set("node4", "pc.weight=2");
  ASSERT_NO_FATAL_FAILURE(StartWithoutData("node2", "node1,node3"));
  ASSERT_TRUE(Reached([] { return InTransfer("node2", "node1"); }, absl::Seconds(40), "a transfer"));
  ASSERT_EQ(lab().CutFromPeers("node1"), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return InTransfer("node2", "node3"); }, absl::Seconds(60), "another transfer"));
  ASSERT_EQ(CutTransfer("node2", "node3"), absl::OkStatus());
  ASSERT_EQ(lab().CutOff({"node2", "node3"}, {"node4"}), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Is("non-Primary", "node4"); }, absl::Seconds(30), "half of the weight"));
  EXPECT_TRUE(Reached([] { return Explained("no group is fit to be promoted"); }, absl::Seconds(10), "said why"));
  EXPECT_EQ(Epoch(), before);

  writers_->Stop();  // so that node1 catches up soon
  for (const char* donor : {"node1", "node3"}) RemoveBallast(donor);
  // A donor that finds the same primary component again when its transfer ends stays a donor, which is Galera's affair.
  for (const char* node : {"node2", "node3"}) ASSERT_TRUE(lab().SignalNow(node, SIGKILL).ok());
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
  Set("node4", "pc.weight=1");
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
  EXPECT_EQ(Epoch(), before) << "nobody was promoted or bootstrapped";
}

TEST_F(PartitionTest, F50ServerThatIsDisconnectedByHandIsSeenToBeOutAndNothingIsPromoted) {
  const auto address = lab().Sql("node4", "SELECT @@wsrep_cluster_address");
  ASSERT_TRUE(address.ok()) << address.status();
  ASSERT_TRUE(lab().Sql("node4", "SET GLOBAL wsrep_cluster_address=''").ok());
  EXPECT_TRUE(Reached([] { return OutOfPrimary("node4"); }, absl::Seconds(10), "seen to be out"));
  EXPECT_TRUE(Reached([] { return lab().NotRouted("node4"); }, absl::Seconds(5), "out of the balancer"));
  for (const char* node : {"node1", "node2", "node3"}) {
    EXPECT_TRUE(Reached([&] { return lab().HasStatusVariable(node, "wsrep_cluster_size", "3"); }, absl::Seconds(20),
                        "the others"));
    EXPECT_EQ(Is("Primary", node), absl::OkStatus());
  }
  const auto summary = Summary(lab());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->diagnosis(), v1::DIAGNOSIS_DEGRADED) << summary->reason();
  ASSERT_TRUE(lab().Sql("node4", absl::StrFormat("SET GLOBAL wsrep_cluster_address='%s'", address->rows[0][0])).ok());
  HealAndExpectHealthy();
}

TEST_F(PartitionTest, F50NothingIsPromotedWhileSomebodyIgnoresSplitBrain) {
  promotions_ = 1;
  ASSERT_EQ(Minderctl(lab(), {"pause", "--for=2m", "--reason=a test"}).code, 0);
  ASSERT_EQ(Cut(), absl::OkStatus());
  for (const std::string& node : lab().plan().NodeNames())
    ASSERT_TRUE(Reached([&] { return Is("non-Primary", node); }, absl::Seconds(30), "non-Primary"));
  Set("node4", "pc.ignore_sb=true");
  ASSERT_TRUE(Reached(
      [] {
        const std::string capture = Minderctl(lab(), {"capture"}).output;
        return absl::StrContains(capture, "\"ignoreSb\": true") ? absl::OkStatus() : absl::UnavailableError("not yet");
      },
      absl::Seconds(10), "reported"));
  ASSERT_EQ(Minderctl(lab(), {"resume"}).code, 0);
  EXPECT_TRUE(Reached([] { return Explained("node4 has pc.ignore_sb or pc.ignore_quorum on"); }, absl::Seconds(20),
                      "refused, and said why"));
  EXPECT_EQ(Promoted(), 0);
  Set("node4", "pc.ignore_sb=false");
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(20), "a promotion"));
  HealAndExpectHealthy();
}

}  // namespace
}  // namespace minder::lab
