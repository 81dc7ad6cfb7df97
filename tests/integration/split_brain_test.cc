// F27: split brain on a real cluster, from two bootstraps by hand to all Synced again.
#include <gmock/gmock.h>

#include <csignal>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"
#include "tests/integration/minderctl.h"
#include "tests/lab/convergence.h"
#include "tests/lab/process.h"
#include "tests/lab/shared_lab.h"

namespace minder::lab {
namespace {

using ::testing::HasSubstr;

struct Split {
  static LabOptions Options() { return TestLabOptions("split", true, "2+2"); }
};

class SplitBrainLab : public SharedLab<Split> {
 protected:
  static constexpr auto kNodes = {"node1", "node2", "node3", "node4"};

  static absl::Status Diagnosed(v1::Diagnosis diagnosis) {
    const auto summary = Summary(lab());
    if (!summary.ok()) return summary.status();
    if (summary->diagnosis() == diagnosis) return absl::OkStatus();
    return absl::UnavailableError(summary->reason());
  }
  static absl::Status Notes(const std::string& node, const std::string& part) {
    const auto summary = SummaryOf(lab(), node);
    if (!summary.ok()) return summary.status();
    return absl::StrContains(summary->note(), part) ? absl::OkStatus() : absl::UnavailableError(summary->note());
  }
  static absl::Status HasStatus(const std::string& node, const std::string& status) {
    return lab().HasStatusVariable(node, "wsrep_cluster_status", status);
  }
  static v1::ExplainResponse Explained() {
    v1::ExplainResponse response;
    const CtlResult result = Minderctl(lab(), {"explain", "-o", "json"});
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(result.output, &response).ok()) << result.output;
    return response;
  }
  // The commands that explain gives for this node's host.
  static std::vector<std::string> CommandsFor(const std::string& node) {
    std::vector<std::string> commands;
    bool ours = false;
    const v1::ExplainResponse explained = Explained();
    for (const std::string& line : explained.split_brain()) {
      if (!absl::StartsWith(line, "  "))
        ours = absl::StartsWith(line, node + " is to be rebuilt");
      else if (ours)
        commands.emplace_back(absl::StripPrefix(line, "  "));
    }
    return commands;
  }
  static absl::Status Down(const std::string& node) {
    return lab().Find(node).ok() ? absl::UnavailableError("runs") : absl::OkStatus();
  }
  // As a human does, who looks once more when the state has changed since he looked.
  static absl::Status Acknowledge(const std::string& side) {
    std::vector<std::string> words = {"acknowledge", absl::StrCat("--keep=", side), "--reason=F27"};
    words.insert(words.end(), {"--dry-run", "-o", "json"});
    const CtlResult plan = Minderctl(lab(), words);
    v1::AcknowledgeResponse planned;
    if (!google::protobuf::util::JsonStringToMessage(plan.output, &planned).ok())
      return absl::UnavailableError(plan.output);
    words.resize(3);
    words.push_back(absl::StrCat("--confirm=", planned.digest()));
    const CtlResult done = Minderctl(lab(), words);
    return done.code == 0 ? absl::OkStatus() : absl::UnavailableError(done.output);
  }
  // Each side has a component of its own, made while no arbitrator could see it, and a row that the other has not.
  void Bootstrap() {
    ASSERT_EQ(lab().Kill("arbitrator"), absl::OkStatus());
    ASSERT_EQ(lab().CutOff({"node1", "node2"}, {"node3", "node4"}), absl::OkStatus());
    for (const char* node : kNodes)
      ASSERT_TRUE(Reached([&] { return HasStatus(node, "non-Primary"); }, absl::Seconds(30), node));
    for (const char* node : {"node1", "node3"}) {
      ASSERT_TRUE(lab().Sql(node, "SET GLOBAL wsrep_provider_options='pc.bootstrap=1'").ok());
      ASSERT_TRUE(Reached([&] { return lab().Synced(node); }, absl::Seconds(20), node));
      ASSERT_TRUE(lab().Sql(node, absl::StrCat("INSERT INTO lab.marker VALUES ('", node, "-alone', 1)")).ok());
    }
    for (const char* node : kNodes)
      ASSERT_TRUE(Reached([&] { return HasStatus(node, "Primary"); }, absl::Seconds(20), node));
  }
};

TEST_F(SplitBrainLab, F27NothingStartsByItselfUntilAHumanHasChosenAndTheOtherSideIsRebuilt) {
  Bootstrap();
  if (HasFatalFailure()) return;
  ASSERT_EQ(lab().Start("arbitrator"), absl::OkStatus());
  ASSERT_TRUE(Reached([] { return Diagnosed(v1::DIAGNOSIS_SPLIT_BRAIN); }, absl::Seconds(20), "SPLIT_BRAIN"));
  for (const char* node : kNodes)
    ASSERT_TRUE(Reached([&] { return Notes(node, "held down after split brain"); }, absl::Seconds(10), node));
  ASSERT_EQ(lab().Heal(), absl::OkStatus());

  ASSERT_TRUE(lab().SignalNow("node3", SIGKILL).ok());
  ASSERT_TRUE(Reached([] { return Notes("node3", "ended by signal 9"); }, absl::Seconds(20), "its end seen"));
  ASSERT_EQ(lab().Restart("arbitrator"), absl::OkStatus());
  ASSERT_EQ(lab().Restart("node3/agent"), absl::OkStatus());
  for (const char* node : kNodes)
    ASSERT_TRUE(Reached([&] { return Notes(node, "held down after split brain"); }, absl::Seconds(20), "still held"));
  EXPECT_EQ(Diagnosed(v1::DIAGNOSIS_SPLIT_BRAIN), absl::OkStatus());
  EXPECT_EQ(Down("node3"), absl::OkStatus());
  const v1::ExplainResponse explained = Explained();
  EXPECT_THAT(explained.command(), HasSubstr("minderctl acknowledge --keep="));
  for (const char* node : kNodes)
    EXPECT_THAT(explained.split_brain(), ::testing::Contains(HasSubstr(absl::StrCat(node, ": ")))) << node;
  for (const char* side : {"[12]", "[34]"}) {
    const std::string position = absl::StrCat(" *node", side, ": .*was at [0-9a-f-]+:[0-9]+.*");
    EXPECT_THAT(explained.split_brain(), ::testing::Contains(::testing::MatchesRegex(position)));
  }

  EXPECT_TRUE(Reached([] { return Acknowledge("node1+node2"); }, absl::Seconds(20), "acknowledged"));
  for (const char* node : {"node1", "node2"})
    EXPECT_TRUE(Reached([&] { return lab().Routed(node); }, absl::Seconds(60), node));
  for (const char* node : {"node3", "node4"}) {
    EXPECT_TRUE(Reached([&] { return lab().NotRouted(node); }, absl::Seconds(10), node));
    EXPECT_TRUE(Reached([&] { return Notes(node, "to be rebuilt"); }, absl::Seconds(10), node));
  }

  for (const char* node : {"node3", "node4"}) {
    const std::vector<std::string> commands = CommandsFor(node);
    ASSERT_FALSE(commands.empty()) << node;
    for (const std::string& command : commands) {
      const auto run = RunCommand({"sh", "-c", command}, absl::Seconds(60));
      ASSERT_TRUE(run.ok()) << run.status();
    }
  }
  EXPECT_TRUE(Reached([] { return lab().AllSynced(); }, absl::Seconds(120), "all Synced"));
  EXPECT_TRUE(Reached([] { return Diagnosed(v1::DIAGNOSIS_HEALTHY); }, absl::Seconds(20), "HEALTHY"));
  for (const char* node : kNodes) {
    const auto rows = lab().Sql(node, "SELECT node FROM lab.marker WHERE node LIKE '%alone'");
    ASSERT_TRUE(rows.ok()) << rows.status();
    ASSERT_EQ(rows->rows.size(), 1u) << node;
    EXPECT_EQ(rows->rows[0][0], "node1-alone") << node;
  }
  EXPECT_THAT(Explained().split_brain(), ::testing::IsEmpty());
  EXPECT_TRUE(Reached([] { return Converged(lab()); }, absl::Seconds(20), "the same on every node"));
}

}  // namespace
}  // namespace minder::lab
