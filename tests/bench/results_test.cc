#include "tests/bench/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder::bench {
namespace {

using ::testing::HasSubstr;

TEST(Results, JsonHasEveryFieldAndNullForWhatIsNot) {
  const std::string json =
      ToJson({{.name = "a", .value = 5, .baseline = "plain", .baseline_value = 10, .limit = 4, .why = "a \"b\""},
              {.name = "b", .value = 1, .baseline = "plain", .limit = 2},
              {.name = "c", .value = 1, .unit = "MB", .limit = 1}});
  EXPECT_THAT(
      json,
      HasSubstr(
          R"({"name": "a", "value": 5, "unit": "ms", "baseline": "plain", "baseline_value": 10, "ratio": 0.5, "limit": 4, "ok": false, "why": "a \"b\""},)"));
  EXPECT_THAT(
      json,
      HasSubstr(
          R"("name": "b", "value": 1, "unit": "ms", "baseline": "plain", "baseline_value": null, "ratio": null)"));
  EXPECT_THAT(
      json,
      HasSubstr(
          R"("unit": "MB", "baseline": null, "baseline_value": null, "ratio": null, "limit": 1, "ok": true, "why": null})"));
}

TEST(Results, TableSaysWhatAValueIsMadeOf) {
  const std::string table =
      ToTable({{.name = "a", .value = 5, .limit = 4, .why = "the disk"}, {.name = "b", .value = 3, .limit = 4}});
  EXPECT_THAT(table, HasSubstr("MISSED"));
  EXPECT_THAT(table, HasSubstr("\n  the disk\nb "));
}

TEST(Results, RoundsThatNeverGotThereAreTheWorst) {
  const Rounds rounds = {absl::Milliseconds(12), absl::Milliseconds(15)};
  EXPECT_EQ(Worst(rounds), absl::Milliseconds(15));
  EXPECT_EQ(InRounds(rounds), "rounds of 12, 15 ms");
  const Rounds never = {absl::Milliseconds(12), absl::InfiniteDuration()};
  EXPECT_EQ(Worst(never), std::nullopt);
  EXPECT_EQ(InRounds(never), "rounds of 12, never ms");
  EXPECT_EQ(Spread(rounds), "of 2: median 12, p99 15, worst 15 ms");
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
