// explain, capture, history and rules: the real program, against a real server and without one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_format.h"
#include "common/core/explain.h"
#include "common/core/rules.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/cli/fake_arbitrator.h"
#include "tests/cli/run_minderctl.h"
#include "tests/core/scenario.h"
#include "yaml-cpp/yaml.h"

namespace minder {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Explained : public ::testing::Test {
 protected:
  Explained() {
    for (const char* line : {"cluster a1:dc1 b1:dc2", "decide", "silent a1", "nonprimary b1", "wait 4s", "decide"})
      story_.Run(line);
    response_ = Explain(story_.config(), story_.state(), story_.now());
    control_.explain = [this](const v1::ExplainRequest&, v1::ExplainResponse* response) {
      *response = response_;
      return grpc::Status::OK;
    };
  }

  void Serve() {
    arbitrator_.Start();
    minderctl_.SetEnvironment("MINDER_ARBITRATOR=" + arbitrator_.address());
  }
  ~Explained() override { std::filesystem::remove(capture_); }

  // A file of `content`; one for each test, and test programs run side by side.
  std::string Write(const std::string& content) {
    std::ofstream(capture_) << content;
    return capture_;
  }

  const std::string capture_ = absl::StrFormat("%sminderctl-capture-%d.json", ::testing::TempDir(), getpid());
  Scenario story_;
  v1::ExplainResponse response_;
  ScriptedControl control_;
  FakeArbitrator arbitrator_{control_};
  MinderctlRunner minderctl_;
};

TEST_F(Explained, SaysRuleFactsProofsAndTheExactCommand) {
  Serve();
  const CliResult result = minderctl_.Run({"explain"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("shop NO_PRIMARY_PARTIAL (rule R430, epoch 0): nothing is promoted: a1 may be"));
  EXPECT_THAT(result.out, HasSubstr("\ndigest of this state: " + response_.digest() + "\n"));
  EXPECT_THAT(result.out, HasSubstr("\nreports_fresh           no       no fresh report of: a1\n"));
  EXPECT_THAT(result.out, HasSubstr("\nProven for a promotion:\n  b1 is fit to be promoted\n"));
  EXPECT_THAT(result.out, HasSubstr("\nMissing for a promotion:\n  a1 may be in a primary component"));
  EXPECT_THAT(result.out, HasSubstr("\nNothing is ordered.\n"));
  EXPECT_THAT(result.out, HasSubstr("\nA human may, once it is certain that no other node is primary:\n"
                                    "  minderctl make_primary b1 --force --confirm=" +
                                    response_.digest() + " --reason=WHY\n"));
  EXPECT_EQ(result.err, "");
  v1::ExplainResponse read;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(minderctl_.Run({"explain", "-o", "json"}).out, &read).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(read, response_));
}

TEST_F(Explained, OrdersAreListed) {
  story_.Run("request b1 force");
  response_ = Explain(story_.config(), story_.state(), story_.now());
  Serve();
  EXPECT_THAT(minderctl_.Run({"explain"}).out, HasSubstr("\nOrdered:\n  b1: make_primary\n"));
}

TEST_F(Explained, ACaptureIsExplainedTheSameWithoutTheArbitrator) {
  Serve();
  const std::string live = minderctl_.Run({"explain"}).out;
  const CliResult capture = minderctl_.Run({"capture", "-o", "yaml"});
  EXPECT_EQ(capture.code, 0);
  arbitrator_.Stop();
  MinderctlRunner alone;
  const CliResult replayed = alone.Run({"explain", "--file", Write(capture.out)});
  EXPECT_EQ(replayed.code, 0) << replayed.err;
  EXPECT_EQ(replayed.out, live);
  EXPECT_EQ(replayed.err, "");
  const CliResult piped = alone.RunInShell("exec \"$@\" <\"" + Write(capture.out) + "\" >\"$HOME/out\" 2>\"$HOME/err\"",
                                           {"explain", "--file", "-"});
  EXPECT_EQ(piped.out, live) << piped.err;
}

TEST_F(Explained, AReplayThatDecidesOtherwiseSaysSo) {
  response_.mutable_decision()->set_rule("R123");
  std::string json;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(response_, &json).ok());
  const CliResult result = minderctl_.Run({"explain", "--file", Write(json)});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, HasSubstr("rule R430"));
  EXPECT_THAT(result.err, HasSubstr("had decided otherwise: NO_PRIMARY_PARTIAL by R123"));
}

TEST_F(Explained, WhatIsNoCaptureIsOneLine) {
  for (const auto& [content, text] : std::vector<std::pair<std::string, std::string>>{
           {"nonsense", "is no capture of this version"}, {"{}", "has no state, configuration and time"}}) {
    const CliResult result = minderctl_.Run({"explain", "--file", Write(content)});
    EXPECT_EQ(result.code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(text));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1);
  }
  EXPECT_THAT(minderctl_.Run({"explain", "--file", "/nowhere/x.json"}).err, HasSubstr("/nowhere/x.json"));
}

TEST_F(Explained, RulesNeedNoArbitrator) {
  const CliResult table = minderctl_.Run({"rules"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("\nR400  NO_PRIMARY          promote  no primary component"));
  const CliResult mermaid = minderctl_.Run({"rules", "--mermaid"});
  EXPECT_THAT(mermaid.out, StartsWith("flowchart TD\n  R010{\"R010: a human has paused the arbitrator?\"}\n"));
  EXPECT_THAT(mermaid.out, HasSubstr("\n  R400 -- yes --> R400_is[\"NO_PRIMARY: promote\"]\n  R400 -- no --> R410\n"));
  EXPECT_THAT(mermaid.out, Not(HasSubstr("R900 -- no")));
  for (const Rule& rule : Rules()) {
    EXPECT_THAT(table.out, HasSubstr(rule.title));
    EXPECT_THAT(mermaid.out, HasSubstr(rule.title));
  }
  EXPECT_EQ(YAML::Load(minderctl_.Run({"rules", "-o", "yaml"}).out)["rules"].size(), Rules().size());
}

class Trail : public Explained {
 protected:
  Trail() {
    v1::HistoryEntry& entry = *history_.add_entries();
    entry.set_number(7);
    entry.set_hash("abcd");
    entry.mutable_time()->set_seconds(1'700'000'000);
    entry.mutable_record()->set_kind("grant");
    entry.mutable_record()->set_epoch(3);
    entry.mutable_record()->set_text("b1 is ordered to make b1 primary");
    entry.mutable_record()->add_evidence("E3: a1 died");
    control_.history = [this](const v1::HistoryRequest& request, v1::HistoryResponse* response) {
      if (request.before() != 0) return grpc::Status::OK;  // there is no older one
      limit_ = request.limit();
      *response = history_;
      return grpc::Status::OK;
    };
  }
  std::atomic<std::uint32_t> limit_ = 77;
  v1::HistoryResponse history_;
};

TEST_F(Trail, IsATableAndWideSaysWhy) {
  Serve();
  const CliResult result = minderctl_.Run({"history", "--limit", "3"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(limit_, 3u);
  EXPECT_EQ(result.out,
            "NO  TIME                     KIND   EPOCH  WHAT\n"
            "7   2023-11-14 22:13:20.000  grant  3      b1 is ordered to make b1 primary\n");
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(minderctl_.Run({"history", "-o", "wide"}).out, HasSubstr("abcd  E3: a1 died  b1 is ordered"));
  EXPECT_EQ(limit_, 0u);
}

TEST_F(Trail, WhatDoesNotFitIntoOneAnswerIsAskedForAgain) {
  control_.history = [](const v1::HistoryRequest& request, v1::HistoryResponse* response) {
    const std::uint64_t newest = request.before() == 0 ? 5 : request.before() - 1;
    for (std::uint64_t n = newest; n > 0 && n + 2 > newest; --n) response->add_entries()->set_number(n);
    return grpc::Status::OK;
  };
  Serve();
  const auto numbers = [this](const char* limit) {
    std::vector<int> all;
    for (const YAML::Node& entry :
         YAML::Load(minderctl_.Run({"history", "--limit", limit, "-o", "yaml"}).out)["entries"])
      all.push_back(entry["number"].as<int>());
    return all;
  };
  EXPECT_THAT(numbers("100"), testing::ElementsAre(5, 4, 3, 2, 1));
  EXPECT_THAT(numbers("2"), testing::ElementsAre(5, 4));
}

TEST_F(Trail, ABrokenChainIsShownAndIsAnError) {
  history_.set_broken_at(5);
  Serve();
  for (const char* format : {"table", "json"}) {
    const CliResult result = minderctl_.Run({"history", "-o", format});
    EXPECT_EQ(result.code, 1);
    EXPECT_THAT(result.out, HasSubstr("b1 is ordered"));
    EXPECT_THAT(result.err, HasSubstr("broken at entry 5"));
  }
}

}  // namespace
}  // namespace minder
