// Disks that are full or hang, on two data centres of two servers; the names of scenarios.md.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "tests/integration/cluster_fixture.h"
#include "tests/lab/own_disk.h"

namespace minder::lab {
namespace {

struct Disks {
  static LabOptions Options() { return TestLabOptions("disks", true, "2+2"); }
};

class DiskTest : public ClusterTestOn<Disks> {
 protected:
  static std::unique_ptr<OwnDisk> DiskOf(const std::string& directory, int megabytes) {
    auto disk = OwnDisk::Make(directory, megabytes);
    EXPECT_TRUE(disk.ok()) << disk.status();
    return disk.ok() ? *std::move(disk) : nullptr;
  }
  static std::string State(const std::string& host) { return lab().plan().HostDirectory(host) + "/state"; }
  static absl::Status Cut() { return lab().CutOff({"node1", "node2"}, {"node3", "node4"}); }
  static absl::Status Is(const char* status, const std::string& node) {
    return lab().HasStatusVariable(node, "wsrep_cluster_status", status);
  }
  static absl::Status Seen(const std::string& node, v1::Ternary primary) {
    const auto summary = SummaryOf(lab(), node);
    if (!summary.ok()) return summary.status();
    return summary->primary() == primary ? absl::OkStatus() : absl::UnavailableError(summary->ShortDebugString());
  }
  static absl::Status NotSeenPrimary(const std::string& node) {
    return Seen(node, v1::TERNARY_YES).ok() ? absl::UnavailableError("primary") : absl::OkStatus();
  }
  static std::string Data(const std::string& node) { return lab().plan().HostDirectory(node) + "/data"; }
  // Its server and its agent.
  static void Stop(const std::string& node) {
    ASSERT_EQ(lab().Kill(node + "/agent"), absl::OkStatus());
    ASSERT_TRUE(lab().SignalNow(node, SIGTERM).ok());
    ASSERT_TRUE(Reached([&] { return Ended(node); }, absl::Seconds(40), "a clean stop"));
  }
  static void StartAndExpectHealthy(const std::string& node) {
    ASSERT_EQ(lab().Start(node + "/agent"), absl::OkStatus());
    HealAndExpectHealthy();
  }
  static absl::Status SaysNothingCanBeRecorded() {
    const auto summary = Summary(lab());
    if (!summary.ok()) return summary.status();
    const bool says = absl::StrContains(summary->reason(), "nothing can be recorded, so nothing is ordered");
    return says ? absl::OkStatus() : absl::UnavailableError(summary->reason());
  }
  static void HealAndExpectHealthy() {
    ASSERT_EQ(lab().Heal(), absl::OkStatus());
    EXPECT_TRUE(AllBecomeSynced());
    EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
  }
};

// All proofs are there, but an order that is forgotten in a crash might be given to the other side, too.
TEST_F(DiskTest, F16WithoutRoomForTheGrantNothingIsPromotedUntilThereIs) {
  promotions_ = 1;
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
  const auto disk = DiskOf(State("arbitrator"), 4);
  ASSERT_NE(disk, nullptr);
  // SQLite would have its journal's room otherwise.
  std::filesystem::remove(State("arbitrator") + "/arbitrator.sqlite-journal");
  EXPECT_EQ(disk->Fill(), absl::OkStatus());
  ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Summary(lab()).status(); }, absl::Seconds(20), "an answer"));
  ASSERT_EQ(Cut(), absl::OkStatus());
  for (const std::string& node : lab().plan().NodeNames()) {
    EXPECT_TRUE(Reached([&] { return Is("non-Primary", node); }, absl::Seconds(30), "non-Primary"));
    EXPECT_TRUE(Reached([&] { return Seen(node, v1::TERNARY_NO); }, absl::Seconds(5), "reports are heard"));
  }
  EXPECT_TRUE(Reached([] { return SaysNothingCanBeRecorded(); }, absl::Seconds(20), "said loudly"));
  EXPECT_TRUE(Reached([] { return Explained("nothing can be recorded"); }, absl::Seconds(5), "and explained"));
  for (const std::string& node : lab().plan().NodeNames()) EXPECT_EQ(Is("non-Primary", node), absl::OkStatus());
  EXPECT_EQ(Promoted(), 0);
  disk->Empty();
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(20), "a promotion"));
  HealAndExpectHealthy();
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
}

// Neither side can be promoted without the promise of one who cannot write it down.
TEST_F(DiskTest, F16WhoHasNoRoomForAPromiseCannotPromiseAndNothingIsPromoted) {
  promotions_ = 1;
  const std::vector<std::string> kAgents = {"node1/agent", "node3/agent"};
  for (const std::string& agent : kAgents) ASSERT_EQ(lab().Kill(agent), absl::OkStatus());
  auto first = DiskOf(State("node1"), 4);
  auto second = DiskOf(State("node3"), 4);
  ASSERT_TRUE(first != nullptr && second != nullptr);
  for (const std::string& agent : kAgents) ASSERT_EQ(lab().Start(agent), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
  EXPECT_EQ(first->Fill(), absl::OkStatus());
  EXPECT_EQ(second->Fill(), absl::OkStatus());
  ASSERT_EQ(Cut(), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Explained("it cannot be recorded"); }, absl::Seconds(40), "said why"));
  EXPECT_EQ(Promoted(), 0);
  first->Empty();
  second->Empty();
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(40), "a promotion"));
  for (const std::string& agent : kAgents) ASSERT_EQ(lab().Kill(agent), absl::OkStatus());
  first.reset();
  second.reset();
  for (const std::string& agent : kAgents) ASSERT_EQ(lab().Start(agent), absl::OkStatus());
  HealAndExpectHealthy();
}

// Its server gets what the others have already committed, and cannot keep it.
TEST_F(DiskTest, F15WhoseDataHaveNoRoomLeavesTheClusterAndIsBackWhenThereIs) {
  Stop("node4");
  {
    const auto disk = DiskOf(Data("node4"), 512);
    ASSERT_NE(disk, nullptr);
    StartAndExpectHealthy("node4");
    ASSERT_TRUE(lab().Sql("node1", "CREATE TABLE lab.large (id INT PRIMARY KEY, data LONGBLOB)").ok());
    EXPECT_EQ(disk->Fill(), absl::OkStatus());
    // Until Galera makes them wait for node4.
    for (int i = 0; i < 40; ++i) {
      const auto insert = absl::StrFormat("INSERT INTO lab.large VALUES (%d, REPEAT('x', 500000))", i);
      if (!lab().Sql("node1", insert).ok()) break;
    }
    EXPECT_TRUE(Reached([] { return NotSeenPrimary("node4"); }, absl::Seconds(60), "seen to be out"));
    EXPECT_TRUE(Reached([] { return lab().NotRouted("node4"); }, absl::Seconds(5), "out of the balancer"));
    for (const char* node : {"node1", "node2", "node3"}) {
      EXPECT_TRUE(Reached([&] { return Is("Primary", node); }, absl::Seconds(20), "the others"));
      EXPECT_EQ(lab().Routed(node), absl::OkStatus());
    }
    disk->Empty();
    if (lab().Find("node4").ok()) {
      ASSERT_EQ(lab().Kill("node4"), absl::OkStatus());  // as a human does
    }
    HealAndExpectHealthy();
    Stop("node4");
  }
  ASSERT_EQ(lab().Start("node4/agent"), absl::OkStatus());
}

// The status of a server whose writes hang is answered from memory, while it holds up the whole cluster.
TEST_F(DiskTest, F14WhoseDiskHangsIsUnknownAndOutOfTheBalancerAndNeverPromoted) {
  promotions_ = 1;
  Stop("node4");
  {
    const auto disk = DiskOf(Data("node4"), 512);
    ASSERT_NE(disk, nullptr);
    StartAndExpectHealthy("node4");
    EXPECT_EQ(disk->Freeze(), absl::OkStatus());
    EXPECT_TRUE(Reached([] { return Seen("node4", v1::TERNARY_UNKNOWN); }, absl::Seconds(20), "unknown"));
    EXPECT_TRUE(Reached([] { return lab().NotRouted("node4"); }, absl::Seconds(5), "out of the balancer"));
    ASSERT_EQ(Cut(), absl::OkStatus());
    EXPECT_TRUE(Reached([] { return Is("non-Primary", "node1"); }, absl::Seconds(40), "the cut noticed"));
    EXPECT_TRUE(Reached([] { return Explained("node4 may be in a primary component: its mariadbd does not answer"); },
                        absl::Seconds(20), "who is in the way is named"));
    EXPECT_EQ(Promoted(), 0);
    EXPECT_EQ(disk->Thaw(), absl::OkStatus());
    EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(40), "a promotion, once it answers"));
    HealAndExpectHealthy();
    Stop("node4");
  }
  ASSERT_EQ(lab().Start("node4/agent"), absl::OkStatus());
}

}  // namespace
}  // namespace minder::lab
