// Every input that a fuzzer has ever kept, through the same functions, without a fuzzer.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/core/proto_time.h"
#include "minder/v1/services.pb.h"
#include "tests/core/scenario.h"
#include "tests/fuzz/targets.h"

namespace minder {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(const fs::path& path) {
  std::stringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

class FuzzCorpus : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzCorpus, NothingIsWrong) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(MINDER_FUZZ_CORPUS) / GetParam().name)) {
    EXPECT_EQ(GetParam().run(ReadAll(entry.path())), "") << entry.path();
    ++files;
  }
  EXPECT_GT(files, 3);
}

// What the decision that the scenario takes now is made of.
std::string CaptureOf(Scenario scenario) {
  v1::ExplainResponse capture;
  const v1::DurableState durable = scenario.state().durable();
  scenario.Run("decide");  // also makes everybody report
  *capture.mutable_configuration() = scenario.config();
  *capture.mutable_state() = scenario.state();
  *capture.mutable_state()->mutable_durable() = durable;
  *capture.mutable_decided_at() = ToProto(ToSinceBoot(scenario.now()));
  return capture.SerializeAsString();
}

// The stories have the decisions that matter most, and are where the corpus of `decide` began.
TEST(FuzzDecide, NothingIsWrongInAnyScenario) {
  int decisions = 0;
  for (const auto& file : fs::directory_iterator(MINDER_SCENARIOS)) {
    if (file.path().extension() != ".txt") continue;
    Scenario scenario;
    std::stringstream story(ReadAll(file.path()));
    for (std::string line; std::getline(story, line);) {
      if (line == "decide") {
        EXPECT_EQ(TryDecide(CaptureOf(scenario)), "") << file.path();
        ++decisions;
      }
      const bool answer = line.empty() || line[0] == '#' || line[0] == ' ' || std::isupper(line[0]) || line == "----";
      if (!answer) scenario.Run(line);
    }
  }
  EXPECT_GT(decisions, 30);
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzCorpus, ::testing::ValuesIn(FuzzTargets()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace minder
