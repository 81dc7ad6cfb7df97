#include "services/dbclient-agent/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/core/names.h"
#include "tests/services/dbclient-agent/reports.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kLeave = v1::BACKEND_STATE_UNSPECIFIED;
constexpr auto kMissing = v1::BACKEND_STATE_MISSING;

BackendPlan Want(v1::BackendState wanted, bool cut = false) {
  return {.dbserver = "node1", .wanted = wanted, .cut_sessions = cut};
}
BackendReading Told(v1::BackendState told, std::uint32_t sessions = 0, std::uint32_t weight = 1) {
  return {.dbserver = "node1", .told = told, .actual = told, .weight = weight, .sessions = sessions};
}

TEST(ChangesFor, EveryDifferenceAndNothingElse) {
  for (const auto wanted : {kLeave, kUp, kDrain, kDown}) {
    for (const auto told : {kUp, kDrain, kDown, kMissing}) {
      const auto changes = ChangesFor({Want(wanted)}, {Told(told)});
      if (wanted == kLeave || told == kMissing || wanted == told) {
        EXPECT_THAT(changes, IsEmpty()) << ShortName(wanted) << " " << ShortName(told);
      } else {
        EXPECT_THAT(changes, ElementsAre(BackendChange{.dbserver = "node1", .from = told, .to = wanted}));
      }
    }
  }
}

TEST(ChangesFor, WhatTheBalancersOwnCheckSaysIsNotOurs) {
  BackendReading reading = Told(kUp);
  reading.actual = kDown;
  EXPECT_THAT(ChangesFor({Want(kUp)}, {reading}), IsEmpty());
}

TEST(ChangesFor, WeightZeroIsRestoredOnlyForUp) {
  EXPECT_TRUE(ChangesFor({Want(kUp)}, {Told(kDrain, 0, 0)})[0].restore_weight);
  EXPECT_FALSE(ChangesFor({Want(kDown)}, {Told(kDrain, 0, 0)})[0].restore_weight);
}

TEST(ChangesFor, UnreadServersAreLeftAlone) { EXPECT_THAT(ChangesFor({Want(kDown)}, {}), IsEmpty()); }

TEST(SessionsToCut, OnlyWhereAskedAndOnlyOnceDown) {
  EXPECT_THAT(SessionsToCut({Want(kDown, true)}, {Told(kDown, 3)}), ElementsAre(Told(kDown, 3)));
  EXPECT_THAT(SessionsToCut({Want(kDown, true)}, {Told(kDown, 0)}), IsEmpty());
  EXPECT_THAT(SessionsToCut({Want(kDown, false)}, {Told(kDown, 3)}), IsEmpty());
  EXPECT_THAT(SessionsToCut({Want(kDown, true)}, {Told(kUp, 3)}), IsEmpty());
  EXPECT_THAT(SessionsToCut({Want(kDown, true)}, {}), IsEmpty());
}

}  // namespace
}  // namespace minder
