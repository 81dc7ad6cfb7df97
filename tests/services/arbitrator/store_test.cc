#include "services/arbitrator/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

namespace minder {
namespace {

using ::testing::HasSubstr;
using Drains = google::protobuf::RepeatedPtrField<v1::DrainRecord>;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "minder-store-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name + "/state";
  }
  void TearDown() override { std::filesystem::remove_all(std::filesystem::path(directory_).parent_path()); }

  static Drains One(const std::string& dbserver, bool ending) {
    Drains drains;
    drains.Add()->set_dbserver(dbserver);
    drains[0].set_drain_id("it's \"d1\"; DROP TABLE drain");
    drains[0].mutable_ordered_at()->set_seconds(1700000000);
    drains[0].set_ending(ending);
    return drains;
  }
  std::string directory_;
};

TEST_F(StoreTest, DrainsSurviveReopening) {
  ASSERT_TRUE(OpenSqliteStore(directory_, "shop").value()->SetDrains(One("node3", true)).ok());
  const Drains drains = OpenSqliteStore(directory_, "shop").value()->Drains().value();
  ASSERT_EQ(drains.size(), 1);
  EXPECT_EQ(drains[0].SerializeAsString(), One("node3", true)[0].SerializeAsString());
}

TEST_F(StoreTest, SetReplacesAll) {
  const auto store = OpenSqliteStore(directory_, "shop").value();
  ASSERT_TRUE(store->SetDrains(One("node3", false)).ok());
  ASSERT_TRUE(store->SetDrains(One("node1", false)).ok());
  ASSERT_EQ(store->Drains()->size(), 1);
  ASSERT_TRUE(store->SetDrains({}).ok());
  EXPECT_EQ(store->Drains()->size(), 0);
}

TEST_F(StoreTest, FailedWriteChangesNothing) {
  const auto store = OpenSqliteStore(directory_, "shop").value();
  ASSERT_TRUE(store->SetDrains(One("node3", false)).ok());
  Drains twice = One("node1", false);
  *twice.Add() = twice[0];  // breaks the primary key half way
  EXPECT_FALSE(store->SetDrains(twice).ok());
  ASSERT_EQ(store->Drains()->size(), 1);
  EXPECT_EQ((*store->Drains())[0].dbserver(), "node3");
}

TEST_F(StoreTest, SecondArbitratorOnTheSameStateIsRefused) {
  const auto first = OpenSqliteStore(directory_, "shop");
  ASSERT_TRUE(first.ok());
  const absl::Status second = OpenSqliteStore(directory_, "shop").status();
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.message()), HasSubstr("another arbitrator"));
}

TEST_F(StoreTest, StateOfAnotherClusterIsRefused) {
  ASSERT_TRUE(OpenSqliteStore(directory_, "shop").ok());
  const absl::Status other = OpenSqliteStore(directory_, "bank").status();
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.message()), HasSubstr("'shop'"));
}

TEST_F(StoreTest, NewerSchemaIsRefused) {
  ASSERT_TRUE(OpenSqliteStore(directory_, "shop").ok());
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ + "/arbitrator.sqlite").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "PRAGMA user_version=99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  EXPECT_THAT(std::string(OpenSqliteStore(directory_, "shop").status().message()), HasSubstr("newer minder"));
}

TEST_F(StoreTest, GarbageIsNamedNotOverwritten) {
  std::filesystem::create_directories(directory_);
  std::ofstream(directory_ + "/arbitrator.sqlite") << std::string(4096, 'x');
  const absl::Status status = OpenSqliteStore(directory_, "shop").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("arbitrator.sqlite"));
  EXPECT_EQ(std::filesystem::file_size(directory_ + "/arbitrator.sqlite"), 4096u);
}

}  // namespace
}  // namespace minder
