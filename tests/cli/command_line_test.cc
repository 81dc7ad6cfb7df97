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
