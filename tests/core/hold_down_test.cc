#include <gtest/gtest.h>

#include "common/core/grant.h"
#include "common/core/proto_time.h"

namespace minder {
namespace {

constexpr absl::Duration kAt = absl::Hours(10);

absl::Duration HoldDownAfter(std::uint32_t in_row, absl::Duration first, absl::Duration longest) {
  v1::Configuration config;
  *config.mutable_promotion()->mutable_hold_down() = ToProto(first);
  *config.mutable_promotion()->mutable_longest_hold_down() = ToProto(longest);
  v1::DurableState state;
  state.mutable_last_promotion()->set_in_row(in_row);
  *state.mutable_last_promotion()->mutable_ordered_at() = ToProto(kAt);
  return HeldDownUntil(config, state) - SinceBoot(kAt);
}

TEST(HeldDownUntil, DoublesUpToTheLongest) {
  EXPECT_EQ(HoldDownAfter(1, absl::Minutes(1), absl::Hours(1)), absl::Minutes(1));
  EXPECT_EQ(HoldDownAfter(2, absl::Minutes(1), absl::Hours(1)), absl::Minutes(2));
  EXPECT_EQ(HoldDownAfter(6, absl::Minutes(1), absl::Hours(1)), absl::Minutes(32));
  EXPECT_EQ(HoldDownAfter(7, absl::Minutes(1), absl::Hours(1)), absl::Hours(1));
  EXPECT_EQ(HoldDownAfter(4'000'000'000, absl::Minutes(1), absl::Hours(1)), absl::Hours(1));
}

TEST(HeldDownUntil, AnAbsentLongestLeavesTheFirst) {
  EXPECT_EQ(HoldDownAfter(9, absl::Minutes(1), absl::ZeroDuration()), absl::Minutes(1));
}

TEST(HeldDownUntil, NobodyIsHeldBeforeTheFirstPromotion) {
  EXPECT_EQ(HeldDownUntil(v1::Configuration(), v1::DurableState()), BootTime());
}

}  // namespace
}  // namespace minder
