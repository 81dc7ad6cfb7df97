#include "services/dbserver-agent/drain_keeper.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <vector>

#include "common/base/file.h"
#include "services/dbserver-agent/instance_lock.h"

namespace minder {
namespace {

class DrainKeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/minder-drain-XXXXXX";
    dir_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  absl::StatusOr<std::unique_ptr<DrainKeeper>> Open() {
    return DrainKeeper::Open(loop_, worker_, {.path = dir_, .owner = {}},
                             {.set_read_only =
                                  [this](bool on) {
                                    // What is carried out is on the disk already.
                                    on_disk_.push_back(OnDisk().state());
                                    asked_.push_back(on);
                                    return absl::OkStatus();
                                  },
                              .on_change =
                                  [this] {
                                    if (keeper_->shown().state() == awaited_) loop_.Stop();
                                  }});
  }

  v1::DrainStatus OnDisk() const {
    return StateFile({.path = dir_, .owner = {}}, "drain.json", "", "").Load<v1::DrainStatus>().value().value();
  }

  // Runs the loop until the keeper shows this; once, and at most 5 s.
  void RunUntil(v1::DrainState state) {
    awaited_ = state;
    loop_.After(absl::Seconds(5), [this] { loop_.Stop(); });
    loop_.Run();
    EXPECT_EQ(keeper_->shown().state(), state);
  }

  std::string dir_;
  std::vector<v1::DrainState> on_disk_;
  std::vector<bool> asked_;
  EventLoop loop_;
  std::unique_ptr<DrainKeeper> keeper_;
  v1::DrainState awaited_ = v1::DRAIN_STATE_UNSPECIFIED;
  Worker worker_{loop_};  // last: ends first
};

v1::Drain Order(bool balancers_done) {
  v1::Drain order;
  order.set_drain_id("d1");
  order.set_balancers_done(balancers_done);
  return order;
}

TEST_F(DrainKeeperTest, ShowsADrainOnlyOnceItIsOnDiskAndFindsItAgain) {
  keeper_ = *Open();
  keeper_->OnDrain(Order(false));
  EXPECT_EQ(keeper_->shown().state(), v1::DRAIN_STATE_SERVING);
  RunUntil(v1::DRAIN_STATE_WAITING_FOR_BALANCERS);
  const auto again = Open();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->shown().state(), v1::DRAIN_STATE_WAITING_FOR_BALANCERS);
  EXPECT_EQ((*again)->shown().drain_id(), "d1");
}

TEST_F(DrainKeeperTest, ReadOnlyIsSetAfterTheWrite) {
  keeper_ = *Open();
  keeper_->OnDrain(Order(true));
  const BootTime later = loop_.Now() + absl::Seconds(1);
  keeper_->OnObservation(
      {.asked_at = later, .listed_at = later, .read_only = false, .open_transactions = 0, .oldest_age = {}});
  RunUntil(v1::DRAIN_STATE_READ_ONLY);
  EXPECT_EQ(on_disk_, std::vector<v1::DrainState>{v1::DRAIN_STATE_READ_ONLY});
  EXPECT_EQ(asked_, std::vector<bool>{true});
}

TEST_F(DrainKeeperTest, WhatCannotBeWrittenIsNotCarriedOut) {
  keeper_ = *Open();
  std::filesystem::remove_all(dir_);
  keeper_->OnDrain(Order(true));
  const BootTime later = loop_.Now() + absl::Seconds(1);
  keeper_->OnObservation(
      {.asked_at = later, .listed_at = later, .read_only = false, .open_transactions = 0, .oldest_age = {}});
  // The disk comes back; tried again with each observation.
  std::function<void()> observe = [&] {
    EXPECT_TRUE(asked_.empty() || std::filesystem::exists(dir_));
    std::filesystem::create_directory(dir_);
    keeper_->OnObservation(
        {.asked_at = later, .listed_at = later, .read_only = false, .open_transactions = 0, .oldest_age = {}});
    loop_.After(absl::Milliseconds(50), observe);
  };
  loop_.After(absl::Milliseconds(50), observe);
  RunUntil(v1::DRAIN_STATE_READ_ONLY);
  EXPECT_TRUE(asked_.front());
  EXPECT_EQ(on_disk_.front(), v1::DRAIN_STATE_READ_ONLY);
}

TEST_F(DrainKeeperTest, AStateThatCannotBeReadIsRefusedWithItsFile) {
  for (const char* odd : {"", "{}", "garbage", "{\"state\":77}", "{\"state\":\"DRAIN_STATE_DRAINED\",\"x\":1}", "[]"}) {
    ASSERT_TRUE(WriteFileDurably(dir_ + "/drain.json", odd).ok());
    const auto keeper = Open();
    EXPECT_EQ(keeper.status().code(), absl::StatusCode::kFailedPrecondition) << odd;
    EXPECT_NE(keeper.status().message().find("drain.json"), absl::string_view::npos);
  }
}

TEST(InstanceLock, IsHeldByOne) {
  char name[] = "/tmp/minder-lock-XXXXXX";
  const std::string dir = std::string(mkdtemp(name)) + "/state";
  auto lock = LockStateDir(dir);
  ASSERT_TRUE(lock.ok()) << lock.status();
  const auto second = LockStateDir(dir);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(second.status().message().find(dir), absl::string_view::npos);
  *lock = UniqueFd();
  EXPECT_TRUE(LockStateDir(dir).ok());
  std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace minder
