// Plays tests/scenarios/*.txt: lines of a story, "---- " before what the decision is expected to be. With
// MINDER_REWRITE=1 in the environment the expected parts are written anew; read the difference before you commit it.
#include "tests/core/scenario.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/core/rules.h"

namespace minder {
namespace {

constexpr char kSeparator[] = "----";

std::vector<std::filesystem::path> Files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(MINDER_SCENARIOS)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string ReadAll(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The story with the answers that it gets now. `rules` collects the rules that matched.
std::string Play(const std::string& text, std::set<std::string>& rules) {
  Scenario scenario;
  std::string played;
  bool answered = false;  // old answers are skipped, up to the next empty line
  for (const auto& view : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
    const std::string line(view);
    if (answered && !line.empty()) continue;
    answered = false;
    played += line + "\n";
    if (line.empty() || line[0] == '#') continue;
    const std::string answer = scenario.Run(line);
    if (answer.empty()) continue;
    played += std::string(kSeparator) + "\n" + answer;
    answered = true;
    rules.insert(scenario.last().rule());
  }
  return played;
}

class ScenarioFile : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(ScenarioFile, IsDecidedAsWritten) {
  const std::string text = ReadAll(GetParam());
  std::set<std::string> rules;
  const std::string played = Play(text, rules);
  EXPECT_FALSE(absl::StrContains(played, "\nerror:")) << played;
  if (std::getenv("MINDER_REWRITE") != nullptr) {
    std::ofstream(GetParam()) << played;
  } else {
    EXPECT_EQ(played, text);
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ScenarioFile, ::testing::ValuesIn(Files()), [](const auto& test) {
  std::string name = test.param.stem();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

TEST(Scenarios, HitEveryRule) {
  std::set<std::string> rules;
  for (const auto& file : Files()) Play(ReadAll(file), rules);
  for (const Rule& rule : Rules()) EXPECT_TRUE(rules.contains(rule.id)) << rule.id << ": " << rule.title;
}

}  // namespace
}  // namespace minder
