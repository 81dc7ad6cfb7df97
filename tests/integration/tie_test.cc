// F02 with promotion.tie and no guards: two data centres of the same weight, one of them silent.
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "tests/integration/cluster_fixture.h"

namespace minder::lab {
namespace {

struct Tied {
  static LabOptions Options() {
    LabOptions options = TestLabOptions("tied", true, "2+2");
    options.promotion = "tie: on";
    return options;
  }
};

class TieTest : public ClusterTestOn<Tied> {
 protected:
  // evs timeouts shorter than their defaults, for the test's sake, and as the arbitrator knows them.
  void SetUp() override {
    ClusterTestOn<Tied>::SetUp();
    if (HasFatalFailure()) return;
    for (const std::string& node : lab().plan().NodeNames()) {
      for (const char* option : {"evs.suspect_timeout=PT4S", "evs.install_timeout=PT5S", "evs.inactive_timeout=PT5S"})
        Set(node, option);
    }
    ASSERT_TRUE(Reached([] { return Captured("\"evsInactiveTimeout\": \"PT5S\"", 4); }, absl::Seconds(10), "timeouts"));
    ASSERT_TRUE(Reached([] { return Captured("\"whole\": true", 1); }, absl::Seconds(10), "all seen together"));
  }
  static void Set(const std::string& node, const std::string& option) {
    const auto set = lab().Sql(node, "SET GLOBAL wsrep_provider_options='" + option + "'");
    ASSERT_TRUE(set.ok()) << set.status();
  }
  static absl::Status Captured(const std::string& text, std::size_t times) {
    const std::vector<std::string> parts = absl::StrSplit(Minderctl(lab(), {"capture"}).output, text);
    return parts.size() > times ? absl::OkStatus() : absl::UnavailableError(text + " is not reported yet");
  }
  static absl::Status Is(const char* status, const std::string& node) {
    return lab().HasStatusVariable(node, "wsrep_cluster_status", status);
  }
  static absl::Status Unseen(const std::string& node) {
    const auto summary = SummaryOf(lab(), node);
    if (!summary.ok()) return summary.status();
    return summary->running() == v1::TERNARY_UNKNOWN ? absl::OkStatus() : absl::UnavailableError("heard");
  }
  static pid_t Pid(const std::string& node) {
    const auto process = lab().Find(node);
    return process.ok() ? process->pid : 0;
  }
  static absl::Status NobodyIsRefused(const std::string& node) {
    return lab().HasStatusVariable(node, "wsrep_evs_evict_list", "");
  }
};

// How many votes Galera counts for each side is not known then.
TEST_F(TieTest, F29AWeightThatIsChangedAsTheLinkIsCutMakesNoTie) {
  ASSERT_EQ(Minderctl(lab(), {"pause", "--for=5m", "--reason=a test"}).code, 0);
  ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"node3", "node4"}), absl::OkStatus());
  // It is answered when the cut is noticed, and it is not always waited for here.
  lab().Sql("node1", "SET GLOBAL wsrep_provider_options='pc.weight=2'").status().IgnoreError();
  for (const std::string& node : lab().plan().NodeNames())
    EXPECT_TRUE(Reached([&] { return Is("non-Primary", node); }, absl::Seconds(20), "non-Primary"));
  EXPECT_TRUE(Reached([] { return Captured("\"pcWeight\": 2", 1); }, absl::Seconds(10), "the weight reported"));
  ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"arbitrator", "lb1"}), absl::OkStatus());
  for (const char* node : {"node1", "node2"})
    EXPECT_TRUE(Reached([&] { return Unseen(node); }, absl::Seconds(10), "silent"));
  ASSERT_EQ(Minderctl(lab(), {"resume"}).code, 0);
  EXPECT_TRUE(Reached([] { return Explained("its votes prove nothing: it has 2 votes, and all others have 3"); },
                      absl::Seconds(20), "why it proves nothing"));
  EXPECT_EQ(Promoted(), 0);
  ASSERT_EQ(lab().HealBetween({"node1", "node2"}, {"node3", "node4"}), absl::OkStatus());
  for (const std::string& node : lab().plan().NodeNames())
    EXPECT_TRUE(Reached([&] { return Is("Primary", node); }, absl::Seconds(40), "Galera forms it by itself"));
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced());
  Set("node1", "pc.weight=1");
}

// Who was counted out lives on, and the promoted ones refuse it: its data may have what theirs has not.
TEST_F(TieTest, F02SilentDataCentreWithoutAMajorityIsCountedOutAndComesBackAsItsAgentsStartIt) {
  promotions_ = 1;  // they join one after the other: while two do, Galera may lose the component of the others
  const pid_t process = Pid("node1");
  ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"node3", "node4", "arbitrator", "lb1"}), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return IsPromoted(); }, absl::Seconds(30), "a grant"));
  for (const char* node : {"node1", "node2"}) EXPECT_EQ(Is("non-Primary", node), absl::OkStatus()) << "noticed by then";
  for (const char* node : {"node3", "node4"}) {
    EXPECT_TRUE(Reached([&] { return Is("Primary", node); }, absl::Seconds(5), "dc2 primary"));
    EXPECT_TRUE(Reached([&] { return lab().Routed(node); }, absl::Seconds(5), "in the balancer"));
  }
  ASSERT_EQ(lab().Kill("node1/agent"), absl::OkStatus());
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(Reached([] { return Is("Disconnected", "node1"); }, absl::Seconds(20), "node1 is refused"));
  EXPECT_TRUE(Reached([] { return Pid("node2") == 0 ? absl::OkStatus() : absl::UnavailableError("it runs"); },
                      absl::Seconds(10), "node2 is ended"));
  EXPECT_EQ(Pid("node1"), process) << "nobody has looked at what it holds";
  for (const char* node : {"node3", "node4"}) EXPECT_EQ(Is("Primary", node), absl::OkStatus());
  ASSERT_EQ(lab().Start("node1/agent"), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced(absl::Seconds(30)));
  EXPECT_NE(Pid("node1"), process);
  EXPECT_TRUE(Reached([] { return Healthy(); }, absl::Seconds(10), "HEALTHY"));
  for (const std::string& node : lab().plan().NodeNames())
    EXPECT_TRUE(Reached([&] { return NobodyIsRefused(node); }, absl::Seconds(5), "lists cleared"));
}

// Such a node may be primary alone, whatever the votes say.
TEST_F(TieTest, F50VotesProveNothingForOneWhoIgnoresQuorum) {
  promotions_ = ::testing::Ge(0);  // none while it is cut off; at the heal minder may be faster than Galera's merge
  Set("node1", "pc.ignore_quorum=true");
  ASSERT_TRUE(Reached([] { return Captured("\"ignoreQuorum\": true", 1); }, absl::Seconds(10), "reported"));
  ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"node3", "node4", "arbitrator", "lb1"}), absl::OkStatus());
  EXPECT_TRUE(Reached(
      [] {
        const std::string explained = Minderctl(lab(), {"explain"}).output;
        return absl::StrContains(explained, "node1: it ignores quorum") ? absl::OkStatus()
                                                                        : absl::UnavailableError(explained);
      },
      absl::Seconds(20), "explained"));
  for (const char* node : {"node3", "node4"}) EXPECT_EQ(Is("non-Primary", node), absl::OkStatus());
  EXPECT_EQ(Promoted(), 0);
  Set("node1", "pc.ignore_quorum=false");
  ASSERT_EQ(lab().Heal(), absl::OkStatus());
  EXPECT_TRUE(AllBecomeSynced(absl::Seconds(40)));
}

}  // namespace
}  // namespace minder::lab
