#include "services/dbserver-agent/hold_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "absl/time/clock.h"
#include "common/base/file.h"

namespace minder {
namespace {

namespace fs = std::filesystem;

// A keeper over directories of its own.
class HoldKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/minder-hold-XXXXXX";
    dir_ = mkdtemp(name);
    fs::create_directories(data());
    fs::create_directories(dir_ + "/state");
    thread_ = std::thread([this] { loop_.Run(); });
    Open();
  }
  void TearDown() override {
    OnLoop([this] { keeper_.reset(); });
    loop_.Stop();
    thread_.join();
    fs::remove_all(dir_);
  }

  // Everything about the keeper happens on its loop.
  void OnLoop(const std::function<void()>& work) {
    std::promise<void> done;
    loop_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  void Open() {
    OnLoop([&] {
      keeper_.reset();
      auto opened = HoldKeeper::Open(loop_, {.path = dir_ + "/state", .owner = {}}, data(), [this] { ++changes_; });
      ASSERT_TRUE(opened.ok()) << opened.status();
      keeper_ = *std::move(opened);
    });
  }
  // Before anything is written.
  void Give(v1::HoldDown::Action action, const std::string& split_id = "s1") {
    v1::HoldDown order;
    order.set_action(action);
    order.set_split_id(split_id);
    OnLoop([&] {
      const v1::HoldStatus before = keeper_->shown();
      keeper_->On(order);
      EXPECT_EQ(keeper_->shown().SerializeAsString(), before.SerializeAsString()) << "not yet on disk";
      held_then_ = keeper_->held();
    });
  }
  v1::HoldStatus Shown() {
    v1::HoldStatus shown;
    OnLoop([&] { shown = keeper_->shown(); });
    return shown;
  }
  bool Held() {
    bool held = false;
    OnLoop([&] { held = keeper_->held(); });
    return held;
  }
  // Looks again and again until this holds, at most 5 s.
  ::testing::AssertionResult Eventually(const std::function<bool()>& condition) {
    const BootTime until = loop_.Now() + absl::Seconds(5);
    while (!condition() && loop_.Now() < until) {
      OnLoop([this] { keeper_->Look(); });
      absl::SleepFor(absl::Milliseconds(1));
    }
    return condition() ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << "not within 5 s";
  }
  ::testing::AssertionResult EventuallyMarked() {
    return Eventually([&] { return Shown().marked(); });
  }
  std::string data() const { return dir_ + "/data"; }
  std::string mark() const { return data() + "/" + kSplitBrainMark; }

  std::string dir_;
  EventLoop loop_;
  std::atomic<int> changes_ = 0;
  bool held_then_ = false;
  std::unique_ptr<HoldKeeper> keeper_;
  std::thread thread_;  // of the loop
};

TEST_F(HoldKeeperTest, HoldsAtOnceAndShowsItWhenItIsOnDisk) {
  EXPECT_FALSE(Held());
  Give(v1::HoldDown::ACTION_HOLD);
  EXPECT_TRUE(held_then_);
  EXPECT_GE(changes_, 1) << "mariadbd is not to be started from now on";
  ASSERT_TRUE(EventuallyMarked());
  EXPECT_EQ(Shown().split_id(), "s1");
  EXPECT_FALSE(Shown().fresh_data());
  EXPECT_TRUE(fs::exists(mark()));
  Open();
  EXPECT_TRUE(Held());
  EXPECT_EQ(Shown().split_id(), "s1");
}

TEST_F(HoldKeeperTest, OnlyAReleaseOfThisSplitBrainEndsIt) {
  Give(v1::HoldDown::ACTION_HOLD);
  ASSERT_TRUE(EventuallyMarked());
  Give(v1::HoldDown::ACTION_RELEASE, "s0");
  Give(v1::HoldDown::ACTION_REBUILD);
  ASSERT_TRUE(Eventually([&] { return Shown().rebuild(); }));
  EXPECT_TRUE(Held());
  Give(v1::HoldDown::ACTION_RELEASE);
  EXPECT_TRUE(held_then_) << "not yet on disk";
  ASSERT_TRUE(Eventually([&] { return !Held(); }));
  EXPECT_FALSE(fs::exists(mark()));
  Open();
  EXPECT_FALSE(Held());
}

TEST_F(HoldKeeperTest, WhatALaterVersionWantsChangesNothing) {
  Give(v1::HoldDown::ACTION_UNSPECIFIED);
  EXPECT_FALSE(held_then_);
  Give(static_cast<v1::HoldDown::Action>(77));
  EXPECT_FALSE(held_then_);
  Give(v1::HoldDown::ACTION_HOLD, "");
  EXPECT_FALSE(held_then_) << "nobody could release it";
  EXPECT_EQ(changes_, 0);
}

TEST_F(HoldKeeperTest, AnotherDirectoryIsSeenAndTheSameOneIsNot) {
  Give(v1::HoldDown::ACTION_REBUILD);
  ASSERT_TRUE(EventuallyMarked());
  fs::rename(data(), data() + ".split-brain");
  Open();  // a new agent does not mark it again
  EXPECT_FALSE(Shown().fresh_data()) << "there is none at all";
  fs::create_directories(data());
  ASSERT_TRUE(Eventually([&] { return Shown().fresh_data(); }));
  fs::remove_all(data());
  fs::rename(data() + ".split-brain", data());
  ASSERT_TRUE(Eventually([&] { return !Shown().fresh_data(); })) << "the old one is back";
}

TEST_F(HoldKeeperTest, WhatCouldNotBeMarkedIsHeldAndNeverTakenForReplaced) {
  fs::remove_all(data());
  Give(v1::HoldDown::ACTION_HOLD);
  ASSERT_TRUE(Eventually([&] { return Shown().split_id() == "s1"; }));
  EXPECT_FALSE(Shown().marked());
  EXPECT_TRUE(Held());
  fs::create_directories(data());
  ASSERT_TRUE(EventuallyMarked()) << "tried again";
  EXPECT_FALSE(Shown().fresh_data());
}

TEST_F(HoldKeeperTest, APromiseThatCannotBeReadIsNotForgotten) {
  std::ofstream(dir_ + "/state/hold.json") << "{ what?";
  EXPECT_EQ(HoldKeeper::Open(loop_, {.path = dir_ + "/state", .owner = {}}, data(), [] {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace minder
