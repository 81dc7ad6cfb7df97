#include "services/dbserver-agent/state_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/file.h"

namespace minder {
namespace {

using ::testing::HasSubstr;

class StateFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "minder-state-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    Promise promise;
    promise.set_highest_epoch(7);
    ASSERT_TRUE(Of("shop", "node1").Save(promise).ok());
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  using Promise = v1::AgentPromise;
  StateFile Of(const std::string& cluster, const std::string& dbserver) const {
    StateDir dir{.path = dir_, .owner = {}};
    dir.owner.set_cluster(cluster);
    dir.owner.set_dbserver(dbserver);
    return {dir, "promise.json", "promises", "no promotion is under way"};
  }
  std::string Text() const { return ReadFile(dir_ + "/promise.json").value(); }
  void Put(const std::string& text) const { ASSERT_TRUE(WriteFileDurably(dir_ + "/promise.json", text).ok()); }

  std::string dir_;
};

TEST_F(StateFileTest, ItsOwnerReadsItBack) {
  const auto read = Of("shop", "node1").Load<Promise>();
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_TRUE(read->has_value());
  EXPECT_EQ((*read)->highest_epoch(), 7);
  EXPECT_FALSE((*read)->has_owner()) << "what is read is reported: the owner is the file's alone";
}

TEST_F(StateFileTest, NothingIsReadWhereNothingWasSaved) {
  std::filesystem::remove(dir_ + "/promise.json");
  const auto read = Of("shop", "node1").Load<Promise>();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_FALSE(read->has_value());
}

TEST_F(StateFileTest, AnotherClusterOrNodeIsRefusedWithTheCureAndTheFileIsKept) {
  const std::string before = Text();
  for (const auto& [cluster, node] : {std::pair("bank", "node1"), std::pair("shop", "node2")}) {
    const auto read = Of(cluster, node).Load<Promise>();
    EXPECT_TRUE(absl::IsFailedPrecondition(read.status())) << read.status();
    const std::string message(read.status().message());
    EXPECT_THAT(message, HasSubstr(dir_ + "/promise.json is of dbserver 'node1' of cluster 'shop'"));
    EXPECT_THAT(message, HasSubstr("remove it when no promotion is under way"));
    EXPECT_EQ(Text(), before);
  }
}

TEST_F(StateFileTest, OneWithoutAnOwnerIsTakenOverOnce) {
  Put("{\"highestEpoch\": \"9\"}\n");
  const auto read = Of("shop", "node1").Load<Promise>();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->highest_epoch(), 9);
  EXPECT_TRUE(absl::IsFailedPrecondition(Of("bank", "node1").Load<Promise>().status())) << Text();
  EXPECT_EQ(Of("shop", "node1").Load<Promise>().value()->highest_epoch(), 9);
}

TEST_F(StateFileTest, WhatIsNoneIsRefusedAndKept) {
  Put("{\"half");
  const auto read = Of("shop", "node1").Load<Promise>();
  EXPECT_TRUE(absl::IsFailedPrecondition(read.status())) << read.status();
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("put a backup back, or remove it when"));
  EXPECT_EQ(Text(), "{\"half");
}

}  // namespace
}  // namespace minder
