#include "services/arbitrator/past_requests.h"

#include <gtest/gtest.h>

namespace minder {
namespace {

TEST(PastRequests, TheNewestAreRememberedOnceEach) {
  PastRequests requests;
  for (int i = 0; i <= kRememberedRequests; ++i) {
    Remember(requests, "node1", std::to_string(i));
    Remember(requests, "node1", std::to_string(i));
  }
  EXPECT_EQ(requests.size(), kRememberedRequests);
  EXPECT_FALSE(Holds(requests, "node1", "0"));
  EXPECT_TRUE(Holds(requests, "node1", "1"));
  EXPECT_TRUE(Holds(requests, "node1", std::to_string(kRememberedRequests)));
  EXPECT_FALSE(Holds(requests, "node2", "1"));
}

TEST(PastRequests, WhatHasNoIdIsNotRemembered) {
  PastRequests requests;
  Remember(requests, "node1", "");
  EXPECT_TRUE(requests.empty());
  EXPECT_FALSE(Holds(requests, "node1", ""));
}

}  // namespace
}  // namespace minder
