#include "tests/bench/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder::bench {
namespace {

using ::testing::HasSubstr;

TEST(Results, JsonHasEveryFieldAndNullForWhatIsNot) {
  const std::string json = ToJson({{.name = "a", .value = 5, .baseline = "plain", .baseline_value = 10, .limit = 4},
                                   {.name = "b", .value = 1, .baseline = "plain", .limit = 2},
                                   {.name = "c", .value = 1, .unit = "MB", .limit = 1}});
  EXPECT_THAT(
      json,
      HasSubstr(
          R"({"name": "a", "value": 5, "unit": "ms", "baseline": "plain", "baseline_value": 10, "ratio": 0.5, "limit": 4, "ok": false},)"));
  EXPECT_THAT(
      json,
      HasSubstr(
          R"("name": "b", "value": 1, "unit": "ms", "baseline": "plain", "baseline_value": null, "ratio": null)"));
  EXPECT_THAT(
      json,
      HasSubstr(R"("unit": "MB", "baseline": null, "baseline_value": null, "ratio": null, "limit": 1, "ok": true})"));
}

TEST(Results, PercentileIsTheNearestRank) {
  std::vector<absl::Duration> samples;
  for (int i = 100; i >= 1; --i) samples.push_back(absl::Milliseconds(i));
  EXPECT_EQ(Percentile(samples, 0.99), absl::Milliseconds(99));
  EXPECT_EQ(Percentile(samples, 1), absl::Milliseconds(100));
  EXPECT_EQ(Percentile({absl::Milliseconds(7)}, 0.5), absl::Milliseconds(7));
}

}  // namespace
}  // namespace minder::bench
