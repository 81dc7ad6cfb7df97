#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "cli/command_line.h"
#include "cli/completion.h"
#include "common/base/clock.h"
#include "tests/cli/fake_arbitrator.h"
#include "tests/cli/run_minderctl.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST(Completion, ScriptsKnowEveryVerbAndFlag) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = CompletionScript(shell);
    for (const std::string& verb : PublicVerbs()) EXPECT_THAT(script, HasSubstr(verb)) << shell;
    for (const char* flag : {"arbitrator", "output", "timeout", "no-color", "deadline", "dry-run", "watch", "version",
                             "force", "without", "confirm", "reason", "for", "file", "limit", "mermaid", "keep"}) {
      EXPECT_THAT(script, HasSubstr(flag)) << shell;
    }
    EXPECT_THAT(script, HasSubstr("minderctl")) << shell;
    EXPECT_THAT(script, HasSubstr("__nodes")) << shell;
  }
  EXPECT_EQ(CompletionScript("tcsh"), "");
}

class BashCompletion : public ::testing::Test {
 protected:
  BashCompletion() {
    control_.status_summary = [this](v1::StatusSummaryResponse* response) {
      *response = summary_;
      return grpc::Status::OK;
    };
    arbitrator_.Start();
    minderctl_.SetEnvironment("MINDER_ARBITRATOR=" + arbitrator_.address());
  }

  // What bash offers for the last of `words`.
  std::vector<std::string> Offered(const std::vector<std::string>& words) {
    const CliResult result = minderctl_.RunInShell(
        "exec bash -c 'source <(\"$1\" completion bash) || exit 1; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); "
        "_minderctl; printf \"%s\\n\" \"${COMPREPLY[@]}\"' bash \"$@\" >\"$HOME/out\" 2>\"$HOME/err\"",
        words);
    EXPECT_EQ(result.err, "");
    return absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  }

  v1::StatusSummaryResponse summary_ = HealthySummary();
  ScriptedControl control_;
  FakeArbitrator arbitrator_{control_};
  MinderctlRunner minderctl_;
};

TEST_F(BashCompletion, Verbs) {
  EXPECT_THAT(Offered({"st"}), UnorderedElementsAre("status_summary", "status"));
  EXPECT_THAT(Offered({"--arbitrator", "a:1", "und"}), ElementsAre("undrain"));
  EXPECT_THAT(Offered({"res"}), ElementsAre("resume"));
}

TEST_F(BashCompletion, FlagsAndTheirValues) {
  EXPECT_THAT(Offered({"drain", "--d"}), UnorderedElementsAre("--deadline", "--dry-run"));
  EXPECT_THAT(Offered({"make_primary", "--de"}), ElementsAre("--deadline"));
  EXPECT_THAT(Offered({"make_primary", "--f"}), ElementsAre("--force"));
  EXPECT_THAT(Offered({"declare_dead", "--d"}), ElementsAre("--dry-run"));
  EXPECT_THAT(Offered({"pause", "--f"}), ElementsAre("--for"));
  EXPECT_THAT(Offered({"rules", "--m"}), ElementsAre("--mermaid"));
  EXPECT_THAT(Offered({"history", "--l"}), ElementsAre("--limit"));
  EXPECT_THAT(Offered({"explain", "--f"}), ElementsAre("--file"));
  EXPECT_THAT(Offered({"status", "-o", "w"}), ElementsAre("wide"));
  EXPECT_THAT(Offered({"completion", "f"}), ElementsAre("fish"));
}

TEST_F(BashCompletion, NodeNamesComeFromTheArbitrator) {
  EXPECT_THAT(Offered({"drain", ""}), ElementsAre("node1", "node2", "node3"));
  EXPECT_THAT(Offered({"request_status", "node2"}), ElementsAre("node2"));
  EXPECT_THAT(Offered({"make_primary", "node3"}), ElementsAre("node3"));
  EXPECT_THAT(Offered({"declare_dead", "node1"}), ElementsAre("node1"));
}

TEST_F(BashCompletion, ANodeNameIsNeverRunAsACommand) {
  summary_.mutable_nodes(0)->set_name("$(touch pwned)");
  EXPECT_THAT(Offered({"drain", "$"}), ElementsAre("\\$\\(touch\\ pwned\\)"));
}

TEST_F(BashCompletion, WithoutAnArbitratorThereIsNothingToOfferAndNoNoise) {
  arbitrator_.Stop();
  const BootTime start = BootClock().Now();
  EXPECT_THAT(Offered({"drain", ""}), ElementsAre());
  EXPECT_LT(BootClock().Now() - start, absl::Seconds(5));
}

}  // namespace
}  // namespace minder
