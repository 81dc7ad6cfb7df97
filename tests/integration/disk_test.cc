// Disks that are full or hang, on two data centres of two servers; the names of scenarios.md.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "tests/integration/cluster_fixture.h"

namespace minder::lab {
namespace {

struct Disks {
  static LabOptions Options() { return TestLabOptions("disks", true, "2+2"); }
};

void Shell(const std::string& command) {
  const auto run = RunCommand({"sh", "-ec", command}, absl::Seconds(60));
  EXPECT_TRUE(run.ok()) << run.status();
}

// A file system of its own for what a directory holds, which is there again when this is gone. Nobody may have a file
// of the directory open at its begin and at its end.
class OwnDisk {
 public:
  OwnDisk(const std::string& directory, int megabytes) : directory_(directory) {
    Shell(
        absl::StrFormat("mv -T %1$s %1$s.kept && truncate -s %2$dM %1$s.disk && mkfs.ext4 -q -m 0 %1$s.disk && "
                        "mkdir %1$s && mount -o loop %1$s.disk %1$s && rmdir %1$s/lost+found && "
                        "cp -a %1$s.kept/. %1$s && rm -r %1$s.kept",
                        directory_, megabytes));
  }
  ~OwnDisk() {
    Thaw();
    Shell(
        absl::StrFormat("mkdir %1$s.kept && cp -a %1$s/. %1$s.kept && umount -l %1$s && rmdir %1$s && rm %1$s.disk && "
                        "mv -T %1$s.kept %1$s",
                        directory_));
  }
  OwnDisk(const OwnDisk&) = delete;
  OwnDisk& operator=(const OwnDisk&) = delete;

  // What is written down last needs less room than ext4 had set aside for it, so it is filled again.
  void Fill() const {
    Shell(
        absl::StrFormat("for i in 1 2 3; do ! dd if=/dev/zero bs=1k oflag=append conv=notrunc,fsync of=%s/filler; "
                        "done 2>&1",
                        directory_));
  }
  void Empty() const { std::filesystem::remove(directory_ + "/filler"); }

  // From now on nothing that writes here ends, and cannot be killed. It thaws when this program ends, however it does.
  void Freeze() {
    Shell("fsfreeze -f " + directory_);
    thaws_at_end_ = popen(("read x; fsfreeze -u " + directory_).c_str(), "we");
    EXPECT_NE(thaws_at_end_, nullptr);
  }
  void Thaw() {
    if (thaws_at_end_ == nullptr) return;
    EXPECT_NE(pclose(std::exchange(thaws_at_end_, nullptr)), -1);
  }

 private:
  std::string directory_;
  FILE* thaws_at_end_ = nullptr;
};

class DiskTest : public ClusterTestOn<Disks> {
 protected:
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
    EXPECT_TRUE(Reached([] { return lab().AllSynced(); }, absl::Seconds(60), "all Synced"));
    EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
  }
};

// All proofs are there, but an order that is forgotten in a crash might be given to the other side, too.
TEST_F(DiskTest, F16WithoutRoomForTheGrantNothingIsPromotedUntilThereIs) {
  promotions_ = 1;
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
  OwnDisk disk(State("arbitrator"), 4);
  // SQLite would have its journal's room otherwise.
  std::filesystem::remove(State("arbitrator") + "/arbitrator.sqlite-journal");
  disk.Fill();
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
  disk.Empty();
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(20), "a promotion"));
  HealAndExpectHealthy();
  ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
}

// Neither side can be promoted without the promise of one who cannot write it down.
TEST_F(DiskTest, F16WhoHasNoRoomForAPromiseCannotPromiseAndNothingIsPromoted) {
  promotions_ = 1;
  const std::vector<std::string> kAgents = {"node1/agent", "node3/agent"};
  for (const std::string& agent : kAgents) ASSERT_EQ(lab().Kill(agent), absl::OkStatus());
  auto first = std::make_unique<OwnDisk>(State("node1"), 4);
  auto second = std::make_unique<OwnDisk>(State("node3"), 4);
  for (const std::string& agent : kAgents) ASSERT_EQ(lab().Start(agent), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(20), "HEALTHY"));
  first->Fill();
  second->Fill();
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
    const OwnDisk disk(Data("node4"), 512);
    StartAndExpectHealthy("node4");
    ASSERT_TRUE(lab().Sql("node1", "CREATE TABLE lab.large (id INT PRIMARY KEY, data LONGBLOB)").ok());
    disk.Fill();
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
    disk.Empty();
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
  Stop("node4");
  {
    OwnDisk disk(Data("node4"), 512);
    StartAndExpectHealthy("node4");
    disk.Freeze();
    EXPECT_TRUE(Reached([] { return Seen("node4", v1::TERNARY_UNKNOWN); }, absl::Seconds(20), "unknown"));
    EXPECT_TRUE(Reached([] { return lab().NotRouted("node4"); }, absl::Seconds(5), "out of the balancer"));
    disk.Thaw();
    HealAndExpectHealthy();
    Stop("node4");
  }
  ASSERT_EQ(lab().Start("node4/agent"), absl::OkStatus());
}

}  // namespace
}  // namespace minder::lab
