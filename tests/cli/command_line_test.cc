#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

CommandLine Parsed(const std::vector<std::string>& arguments) {
  const auto result = ParseCommandLine(arguments);
  if (const auto* answer = std::get_if<Answer>(&result)) {
    ADD_FAILURE() << answer->text;
    return {};
  }
  return std::get<CommandLine>(result);
}

Answer Answered(const std::vector<std::string>& arguments) {
  const auto result = ParseCommandLine(arguments);
  if (const auto* answer = std::get_if<Answer>(&result)) return *answer;
  ADD_FAILURE() << "was understood";
  return {};
}

TEST(CommandLine, EverySpellingOfAVerb) {
  for (const char* name : {"status", "status_summary", "status-summary"}) {
    EXPECT_EQ(Parsed({name}).verb, Verb::kStatusSummary) << name;
  }
  for (const char* name : {"request_status", "request-status"}) {
    EXPECT_EQ(Parsed({name}).verb, Verb::kRequestStatus) << name;
  }
  EXPECT_EQ(Parsed({"drain", "n"}).verb, Verb::kDrain);
  EXPECT_EQ(Parsed({"undrain", "n"}).verb, Verb::kUndrain);
  EXPECT_EQ(Parsed({"watch"}).verb, Verb::kWatch);
  for (const char* name : {"make_primary", "make-primary"}) {
    EXPECT_EQ(Parsed({name, "a+b"}).verb, Verb::kMakePrimary) << name;
  }
  for (const char* name : {"declare_dead", "declare-dead"}) {
    EXPECT_EQ(Parsed({name, "n", "--reason=x"}).verb, Verb::kDeclareDead) << name;
  }
  EXPECT_EQ(Parsed({"pause", "--reason=x"}).verb, Verb::kPause);
  EXPECT_EQ(Parsed({"resume"}).verb, Verb::kResume);
  EXPECT_EQ(Parsed({"explain"}).verb, Verb::kExplain);
  EXPECT_EQ(Parsed({"capture"}).verb, Verb::kCapture);
  EXPECT_EQ(Parsed({"rules"}).verb, Verb::kRules);
  EXPECT_EQ(Parsed({"history"}).verb, Verb::kHistory);
  EXPECT_EQ(Parsed({"version"}).verb, Verb::kVersion);
  EXPECT_EQ(Parsed({"completion", "zsh"}).shell, "zsh");
  EXPECT_EQ(Parsed({"__nodes"}).verb, Verb::kNodes);
}

TEST(CommandLine, FlagsGoBeforeAndAfterTheVerb) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--arbitrator", "a:1", "-o", "json", "--timeout=2s", "--no-color", "drain", "node3", "--dry-run"},
           {"drain", "--dry-run", "node3", "--arbitrator=a:1", "-ojson", "--timeout", "2s", "--no-color"}}) {
    const CommandLine line = Parsed(arguments);
    EXPECT_EQ(line.node, "node3");
    EXPECT_TRUE(line.dry_run);
    EXPECT_TRUE(line.no_color);
    EXPECT_EQ(line.flags.arbitrator, "a:1");
    EXPECT_EQ(line.flags.output, Format::kJson);
    EXPECT_EQ(line.flags.timeout, absl::Seconds(2));
    EXPECT_FALSE(line.deadline.has_value());
  }
}

TEST(CommandLine, Deadlines) {
  EXPECT_EQ(Parsed({"drain", "n", "--deadline", "90s"}).deadline, absl::Seconds(90));
  EXPECT_EQ(Parsed({"watch", "--deadline", "1h"}).deadline, absl::Hours(1));
}

TEST(CommandLine, FlagsOfTheVerbsAboutPrimaryComponents) {
  const CommandLine forced =
      Parsed({"make_primary", "a+b", "--force", "--confirm=ab", "--reason=fire", "--deadline=9s"});
  EXPECT_EQ(forced.node, "a+b");
  EXPECT_TRUE(forced.force);
  EXPECT_EQ(forced.confirm, "ab");
  EXPECT_EQ(forced.reason, "fire");
  EXPECT_EQ(forced.deadline, absl::Seconds(9));
  EXPECT_EQ(Parsed({"declare_dead", "a", "--confirm=a", "--reason", "fire"}).confirm, "a");
  EXPECT_EQ(Parsed({"pause", "--for", "2h", "--reason=x"}).duration, absl::Hours(2));
  EXPECT_TRUE(Parsed({"resume", "--dry-run"}).dry_run);
  EXPECT_EQ(Parsed({"explain", "--file", "-"}).file, "-");
  EXPECT_EQ(Parsed({"history", "--limit", "5"}).limit, 5u);
  EXPECT_TRUE(Parsed({"rules", "--mermaid"}).mermaid);
}

TEST(CommandLine, EveryMistakeIsOneLineThatNamesIt) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> mistakes = {
      {{}, "a verb is missing; the verbs are status_summary, request_status,"},
      {{"-o", "json"}, "a verb is missing"},
      {{"promote"}, "there is no verb 'promote'; the verbs are status_summary,"},
      {{"status", "--bogus"}, "--bogus"},
      {{"--bogus", "status"}, "--bogus"},
      {{"drain"}, "NODE is required"},
      {{"drain", ""}, "NODE is empty"},
      {{"drain", "a", "b"}, "not expected: b"},
      {{"drain", "a", "--deadline", "10"}, "--deadline: '10' is no length of time; write"},
      {{"status", "--arbitrator"}, "--arbitrator needs a value"},
      {{"status", "--arbitrator", "nope"}, "--arbitrator: 'nope' is no address; write HOST:PORT"},
      {{"status", "-o", "xml"}, "--output: 'xml' is no format; use table,"},
      {{"status", "--timeout", "0s"}, "--timeout: '0s'"},
      {{"make_primary"}, "GROUP is required"},
      {{"make_primary", ""}, "GROUP is empty"},
      {{"make_primary", "a", "--force"}, "--reason=WHY is missing"},
      {{"make_primary", "a", "--confirm=x"}, "--confirm goes with --force"},
      {{"declare_dead", "a"}, "--reason=WHY is missing"},
      {{"declare_dead", "", "--reason=x"}, "NODE is empty"},
      {{"declare_dead", "a", "--reason=x", "--confirm=b"}, "--confirm names 'b', and not 'a'"},
      {{"pause"}, "--reason=WHY is missing"},
      {{"pause", "--for=1", "--reason=x"}, "--for: '1' is no length of time"},
      {{"history", "--limit", "0"}, "--limit"},
      {{"completion", "tcsh"}, "tcsh not in {bash,zsh,fish}"},
      {{"status", "drain", "n"}, "not expected: n drain"},
  };
  for (const auto& [arguments, text] : mistakes) {
    const Answer answer = Answered(arguments);
    EXPECT_EQ(answer.code, ExitCode::kUsage) << text;
    EXPECT_THAT(answer.text, HasSubstr(text));
    EXPECT_THAT(answer.text, Not(HasSubstr("\n")));
  }
}

TEST(CommandLine, HelpAndVersionAreNoMistakes) {
  EXPECT_EQ(Answered({"--version"}).code, ExitCode::kOk);
  EXPECT_THAT(Answered({"--version"}).text, HasSubstr("minderctl "));
  EXPECT_THAT(Answered({"--help"}).text, HasSubstr("Exit codes: 0 ok"));
  EXPECT_THAT(Answered({"--help"}).text, Not(HasSubstr("__nodes")));
  EXPECT_THAT(Answered({"drain", "--help"}).text, HasSubstr("--dry-run"));
}

}  // namespace
}  // namespace minder
