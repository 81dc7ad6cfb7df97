// What a bad network does to the correspondence, and that it comes to nothing.
#include "tests/lab/correspondence_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/lab/wait_for.h"
#include "tests/rpc/endpoint.h"

namespace minder::lab {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Ge;
using ::testing::Le;

const v1::Party kArbitrator = TestParty(v1::PARTY_TYPE_ARBITRATOR, "arb");
const v1::Party kNode = TestParty(v1::PARTY_TYPE_DBSERVER, "node1");

// A node that reaches its arbitrator through the proxy only.
class CorrespondenceProxyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    arbitrator_port_ = arbitrator_.Listen();
    auto proxy = CorrespondenceProxy::Start(
        {.listen = "127.0.0.1:0", .target = absl::StrFormat("127.0.0.1:%d", arbitrator_port_)});
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    node_.Dial(proxy_->port());
  }

  // The states "1" to "<last>", at a pace at which most become a message of their own.
  void SayStates(int last) {
    for (int state = 1; state <= last; ++state) {
      node_.Say(absl::StrFormat("%d", state));
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  static std::vector<int> States(Endpoint& endpoint) {
    std::vector<int> states;
    for (const v1::Message& message : endpoint.Heard()) {
      states.push_back(std::atoi(message.db_status_report().group().c_str()));
    }
    return states;
  }

  static Correspondent::Counters CountersOf(Endpoint& endpoint) {
    Correspondent::Counters counters;
    endpoint.OnLoop([&] { counters = endpoint.switchboard().correspondents().front()->counters(); });
    return counters;
  }

  static absl::Status WaitAcknowledged(Endpoint& endpoint) {
    return WaitFor(
        [&] {
          std::size_t waiting = 0;
          endpoint.OnLoop([&] { waiting = endpoint.switchboard().correspondents().front()->unacknowledged(); });
          return waiting == 0;
        },
        absl::Seconds(20), "everything is acknowledged");
  }

  void ExpectOnlyNewerStatesUpTo(int last) {
    EXPECT_TRUE(arbitrator_.WaitHeardGroup(absl::StrFormat("%d", last)));
    EXPECT_EQ(WaitAcknowledged(node_), absl::OkStatus());
    const std::vector<int> states = States(arbitrator_);
    EXPECT_TRUE(std::ranges::is_sorted(states, std::ranges::less_equal())) << ::testing::PrintToString(states);
    EXPECT_THAT(states, Each(AllOf(Ge(1), Le(last))));
  }

  Endpoint arbitrator_{kArbitrator, kNode};
  Endpoint node_{kNode, kArbitrator};
  int arbitrator_port_ = 0;
  std::unique_ptr<CorrespondenceProxy> proxy_;
};

TEST_F(CorrespondenceProxyTest, PassesBothWaysWithoutFaults) {
  node_.Say("up");
  EXPECT_TRUE(arbitrator_.WaitHeardGroup("up"));
  arbitrator_.Say("down");
  EXPECT_TRUE(node_.WaitHeardGroup("down"));
  EXPECT_EQ(proxy_->counters().streams, 1u);
  EXPECT_EQ(proxy_->counters().dropped + proxy_->counters().duplicated + proxy_->counters().reordered, 0u);
}

TEST_F(CorrespondenceProxyTest, DelayedMessagesAndAcksArrive) {
  proxy_->Set({.delay = absl::Milliseconds(30), .jitter = absl::Milliseconds(20)});
  const absl::Time start = absl::Now();
  SayStates(1);
  ASSERT_TRUE(arbitrator_.WaitHeardGroup("1"));
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(10));
  EXPECT_EQ(WaitAcknowledged(node_), absl::OkStatus());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(20));
  arbitrator_.Say("down");
  EXPECT_TRUE(node_.WaitHeardGroup("down"));
  EXPECT_EQ(WaitAcknowledged(arbitrator_), absl::OkStatus());
}

TEST_F(CorrespondenceProxyTest, ChangedMessagesArriveChanged) {
  proxy_->Set({.change = [](v1::Message& message) {
    if (message.has_db_status_report()) message.mutable_db_status_report()->set_group("changed");
  }});
  node_.Say("up");
  EXPECT_TRUE(arbitrator_.WaitHeardGroup("changed"));
  proxy_->Set({});
  node_.Say("down");
  EXPECT_TRUE(arbitrator_.WaitHeardGroup("down"));
}

TEST_F(CorrespondenceProxyTest, DuplicatesAreDeliveredOnce) {
  proxy_->Set({.duplicates = 2});
  SayStates(200);
  ExpectOnlyNewerStatesUpTo(200);
  EXPECT_GT(CountersOf(arbitrator_).discarded, 0u);
  EXPECT_GT(proxy_->counters().duplicated, 0u);
}

TEST_F(CorrespondenceProxyTest, OvertakenStatesAreNotDelivered) {
  proxy_->Set({.reorder = 0.5});
  SayStates(200);
  ExpectOnlyNewerStatesUpTo(200);
  EXPECT_GT(CountersOf(arbitrator_).discarded, 0u);
  EXPECT_GT(proxy_->counters().reordered, 0u);
}

TEST_F(CorrespondenceProxyTest, AllFaultsAtOnceOnlyCostTime) {
  proxy_->Set({.delay = absl::Milliseconds(10),
               .jitter = absl::Milliseconds(10),
               .duplicates = 1,
               .drop = 0.1,
               .reorder = 0.3});
  SayStates(200);
  ExpectOnlyNewerStatesUpTo(200);
}

TEST_F(CorrespondenceProxyTest, ResendsHealDrops) {
  proxy_->Set({.drop = 0.3});
  int state = 0;
  while (state < 100 && proxy_->counters().dropped < 10) {
    const std::string group = absl::StrFormat("%d", ++state);
    node_.Say(group);
    ASSERT_TRUE(arbitrator_.WaitHeardGroup(group));
  }
  ExpectOnlyNewerStatesUpTo(state);
  EXPECT_GE(proxy_->counters().dropped, 10u);
  EXPECT_EQ(static_cast<int>(States(arbitrator_).size()), state);
}

TEST_F(CorrespondenceProxyTest, HeldStreamIsDialledAnewAndTheNewestStateArrivesOnce) {
  node_.Say("1");
  ASSERT_TRUE(arbitrator_.WaitHeardGroup("1"));
  ASSERT_EQ(WaitAcknowledged(node_), absl::OkStatus());
  proxy_->Hold();
  SayStates(100);
  ASSERT_TRUE(node_.WaitConnected(false));  // nothing came back for 2 * resend_after
  EXPECT_EQ(arbitrator_.Count("100"), 0);
  EXPECT_GT(proxy_->counters().waiting, 0u);
  proxy_->Release();
  ASSERT_TRUE(arbitrator_.WaitHeardGroup("100"));
  EXPECT_TRUE(node_.WaitConnected(true));
  node_.Say("101");
  EXPECT_TRUE(arbitrator_.WaitHeardGroup("101"));
  EXPECT_EQ(arbitrator_.Count("100"), 1);
  EXPECT_GE(proxy_->counters().streams, 2u);
}

TEST_F(CorrespondenceProxyTest, WhatIsSetAsideIsPassedByTheOthersUntilItIsReleased) {
  proxy_->Set({.set_aside = [](const v1::Message& message) { return message.db_status_report().group() == "late"; }});
  node_.Say("late");
  ASSERT_EQ(WaitFor([&] { return proxy_->counters().waiting > 0; }, absl::Seconds(20), "it is set aside"),
            absl::OkStatus());
  arbitrator_.Say("down");
  ASSERT_TRUE(node_.WaitHeardGroup("down"));
  EXPECT_EQ(arbitrator_.Count("late"), 0);
  proxy_->Set({});
  proxy_->Release();
  EXPECT_TRUE(arbitrator_.WaitHeardGroup("late"));
}

TEST_F(CorrespondenceProxyTest, StopsInTimeWithHeldMessagesAndItsPartiesMeetAgain) {
  node_.Say("1");
  ASSERT_TRUE(arbitrator_.WaitHeardGroup("1"));
  proxy_->Hold();
  node_.Say("2");
  arbitrator_.Say("down");
  ASSERT_EQ(WaitFor([&] { return proxy_->counters().waiting >= 2; }, absl::Seconds(20), "both are held"),
            absl::OkStatus());
  const absl::Time start = absl::Now();
  proxy_.reset();
  EXPECT_LT(absl::Now() - start, absl::Seconds(2));
  ASSERT_TRUE(node_.WaitConnected(false));
  node_.Dial(arbitrator_port_);
  EXPECT_TRUE(arbitrator_.WaitHeardGroup("2"));
}

}  // namespace
}  // namespace minder::lab
