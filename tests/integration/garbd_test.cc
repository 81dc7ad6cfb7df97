// F49: a Galera arbitrator as the third voter of two servers.
#include <csignal>

#include "absl/strings/match.h"
#include "tests/integration/cluster_fixture.h"

namespace minder::lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Ne;
using ::testing::Not;

struct Witnessed {
  static LabOptions Options() { return TestLabOptions("garbd", true, "1+1+garbd"); }
};

class GarbdTest : public ClusterTestOn<Witnessed> {
 protected:
  static absl::Status SizeIs(const std::string& node, const std::string& size) {
    return lab().HasStatusVariable(node, "wsrep_cluster_size", size);
  }
  static absl::Status HasStatus(const std::string& node, const std::string& status) {
    return lab().HasStatusVariable(node, "wsrep_cluster_status", status);
  }
  // The first group of its gcomm uuid, which a start with the old view keeps; the fourth one counts those starts.
  static std::string GcommUuid(const std::string& node) {
    const auto rows = lab().Sql(node, "SHOW GLOBAL STATUS LIKE 'wsrep_gcomm_uuid'");
    return rows.ok() && rows->rows.size() == 1 ? rows->rows[0][1].substr(0, 8) : "";
  }
  static absl::Status Misses(const std::string& name) {
    const auto summary = Summary(lab());
    if (!summary.ok()) return summary.status();
    const bool says_so = summary->diagnosis() == v1::DIAGNOSIS_DEGRADED && absl::StrContains(summary->reason(), name);
    return says_so ? absl::OkStatus() : absl::UnavailableError(summary->reason());
  }
};

TEST_F(GarbdTest, F49KilledOrFrozenGarbdIsMissedAndNobodyIsPromoted) {
  const std::uint64_t before = Epoch();
  EXPECT_THAT(Minderctl(lab(), {"explain"}).output, HasSubstr("garb+node1+node2, view"));
  ASSERT_EQ(lab().Kill(kGarbd), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return SizeIs("node1", "2"); }, absl::Seconds(20), "dropped by Galera"));
  EXPECT_TRUE(Reached([] { return Misses(kGarbd); }, absl::Seconds(5), "missed"));
  EXPECT_EQ(HasStatus("node2", "Primary"), absl::OkStatus());
  ASSERT_EQ(lab().Start(kGarbd), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(40), "back"));

  ASSERT_EQ(lab().Stop(kGarbd), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return SizeIs("node1", "2"); }, absl::Seconds(40), "dropped by Galera"));
  EXPECT_TRUE(Reached([] { return Misses(kGarbd); }, absl::Seconds(5), "missed"));
  ASSERT_EQ(lab().Continue(kGarbd), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(40), "back"));
  EXPECT_EQ(Epoch(), before);
}

TEST_F(GarbdTest, F49TheSideOfGarbdKeepsTheQuorumAndNothingIsPromoted) {
  const std::uint64_t before = Epoch();
  ASSERT_EQ(lab().CutOff({"node1"}, {"node2", kGarbd}), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return HasStatus("node1", "non-Primary"); }, absl::Seconds(30), "node1 alone"));
  EXPECT_TRUE(Reached([] { return lab().NotRouted("node1"); }, absl::Seconds(5), "out of the balancer"));
  EXPECT_EQ(HasStatus("node2", "Primary"), absl::OkStatus());
  EXPECT_EQ(lab().Routed("node2"), absl::OkStatus());
  EXPECT_EQ(Epoch(), before);
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
}

// Nobody can clear the evict list of a garbd, and with a uuid on it, each later join would stop the component for
// seconds. It starts with a new uuid once Galera has dropped the old one: sooner, that would take twice as long.
TEST_F(GarbdTest, F49WithGarbdAKilledServerIsLeftToGalera) {
  const std::uint64_t before = Epoch();
  const std::string uuid = GcommUuid("node2");
  ASSERT_FALSE(uuid.empty());
  ASSERT_TRUE(lab().SignalNow("node2", SIGKILL).ok());
  EXPECT_TRUE(Reached([] { return Explained("nobody can clear the evict list of garb"); }, absl::Seconds(3), "told"));
  EXPECT_TRUE(AllBecomeSynced());
  EXPECT_THAT(GcommUuid("node2"), AllOf(Not(IsEmpty()), Ne(uuid)));
  EXPECT_EQ(lab().HasStatusVariable("node1", "wsrep_evs_evict_list", ""), absl::OkStatus());
  EXPECT_EQ(Epoch(), before);
}

// Everybody is cut from everybody: what garbd is does not matter, for it has no data and no majority.
TEST_F(GarbdTest, F49CutIntoThreeOneServerIsPromotedOnce) {
  promotions_ = 1;
  ASSERT_EQ(lab().CutOff({"node1"}, {"node2", kGarbd}), absl::OkStatus());
  ASSERT_EQ(lab().CutOff({"node2"}, {kGarbd}), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(40), "a promotion"));
  ASSERT_TRUE(
      Reached([] { return HasStatus("node1", "Primary").ok() ? absl::OkStatus() : HasStatus("node2", "Primary"); },
              absl::Seconds(5), "one server primary"));
  EXPECT_EQ(HasStatus(HasStatus("node1", "Primary").ok() ? "node2" : "node1", "non-Primary"), absl::OkStatus());
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
}

}  // namespace
}  // namespace minder::lab
