#include "services/arbitrator/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/core/proto_time.h"
#include "tests/services/arbitrator/tamper.h"

namespace minder {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Records = google::protobuf::RepeatedPtrField<v1::AuditRecord>;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "minder-store-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name + "/state";
  }
  void TearDown() override { std::filesystem::remove_all(std::filesystem::path(directory_).parent_path()); }

  static v1::DurableState StateAt(std::uint64_t epoch) {
    v1::DurableState state;
    state.set_epoch(epoch);
    state.mutable_grant()->set_nonce(std::string("\0\xff", 2));
    state.add_drains()->set_drain_id("it's \"d1\"; DROP TABLE audit");
    state.mutable_drains(0)->mutable_ordered_at()->set_seconds(1700000000);
    return state;
  }
  static Records One(const std::string& text) {
    Records records;
    records.Add()->set_kind("grant");
    records[0].set_text(text);
    records[0].add_evidence("E3: a1: seen to exit");
    return records;
  }
  std::string path() const { return directory_ + "/arbitrator.sqlite"; }
  void Tamper(const std::string& sql) const { minder::Tamper(path(), sql); }
  // Three entries on disk, and nobody who holds the file.
  void WriteThree() const {
    const auto store = OpenSqliteStore(directory_, "shop").value();
    for (const char* text : {"one", "two", "three"}) ASSERT_TRUE(store->Save(StateAt(1), One(text)).ok());
  }
  v1::HistoryResponse HistoryOf(std::uint32_t limit = 100) const {
    return OpenSqliteStore(directory_, "shop").value()->History(limit, 0).value();
  }
  std::string directory_;
};

TEST_F(StoreTest, StateSurvivesReopening) {
  ASSERT_TRUE(OpenSqliteStore(directory_, "shop").value()->Save(StateAt(7), {}).ok());
  const v1::DurableState state = OpenSqliteStore(directory_, "shop").value()->Load().value();
  EXPECT_EQ(state.SerializeAsString(), StateAt(7).SerializeAsString());
}

TEST_F(StoreTest, BeforeTheFirstSaveThereIsAnEmptyState) {
  EXPECT_EQ(OpenSqliteStore(directory_, "shop").value()->Load()->ByteSizeLong(), 0u);
  EXPECT_THAT(HistoryOf().entries(), SizeIs(0));
}

TEST_F(StoreTest, SaveReplacesTheStateAndAppendsToTheTrail) {
  const auto store = OpenSqliteStore(directory_, "shop").value();
  ASSERT_TRUE(store->Save(StateAt(1), One("one")).ok());
  Records two = One("two");
  two.Add()->set_text("three");
  ASSERT_TRUE(store->Save(StateAt(2), two).ok());
  EXPECT_EQ(store->Load()->epoch(), 2u);
  const v1::HistoryResponse history = store->History(2, 0).value();
  ASSERT_THAT(history.entries(), SizeIs(2));
  EXPECT_EQ(history.entries(0).record().text(), "three");
  EXPECT_EQ(history.entries(0).number(), 3u);
  EXPECT_EQ(history.entries(1).record().evidence(0), "E3: a1: seen to exit");
  EXPECT_EQ(history.broken_at(), 0u);
}

TEST_F(StoreTest, HistoryEndsWhereAMessageIsFullAndGoesOnFromThere) {
  const auto store = OpenSqliteStore(directory_, "shop").value();
  constexpr int kAll = 40;
  Records long_ones;
  for (int i = 0; i < kAll; ++i) long_ones.Add()->set_text(std::string(100'000, 'x'));
  ASSERT_TRUE(store->Save(StateAt(1), long_ones).ok());
  int seen = 0;
  for (std::uint64_t before = 0; before != 1;) {
    const v1::HistoryResponse history = store->History(100, before).value();
    ASSERT_GT(history.entries_size(), 0) << before;
    EXPECT_LT(history.ByteSizeLong(), std::size_t{1} << 20);
    EXPECT_EQ(history.entries(0).number(), before == 0 ? kAll : before - 1);
    seen += history.entries_size();
    before = history.entries().rbegin()->number();
  }
  EXPECT_EQ(seen, kAll);
}

TEST_F(StoreTest, TheTrailTellsTheMillisecond) {
  const auto store = OpenSqliteStore(directory_, "shop").value();
  const absl::Time before = absl::Now() - absl::Milliseconds(1);
  ASSERT_TRUE(store->Save(StateAt(1), One("one")).ok());
  const absl::Time at = FromProto(store->History(1, 0)->entries(0).time());
  EXPECT_GT(at, before);
  EXPECT_LE(at, absl::Now());
}

TEST_F(StoreTest, FailedWriteChangesNothing) {
  WriteThree();
  Tamper("CREATE TRIGGER no BEFORE INSERT ON audit WHEN NEW.number = 5 BEGIN SELECT RAISE(ABORT, 'disk full'); END");
  const auto store = OpenSqliteStore(directory_, "shop").value();
  Records two = One("four");
  *two.Add() = two[0];  // the second of them fails
  const absl::Status status = store->Save(StateAt(9), two);
  EXPECT_THAT(std::string(status.message()), HasSubstr("disk full"));
  EXPECT_EQ(store->Load()->epoch(), 1u);
  EXPECT_THAT(store->History(100, 0)->entries(), SizeIs(3));
  EXPECT_TRUE(store->Save(StateAt(9), {}).ok());
}

TEST_F(StoreTest, AChangedEntryBreaksTheChain) {
  for (const char* sql : {"UPDATE audit SET record = replace(record, 'two', 'owt') WHERE number = 2",
                          "UPDATE audit SET time = '2001-01-01T00:00:00Z' WHERE number = 2",
                          "UPDATE audit SET hash = 'ff' WHERE number = 2"}) {
    WriteThree();
    EXPECT_EQ(HistoryOf().broken_at(), 0u);
    Tamper(sql);
    EXPECT_EQ(HistoryOf().broken_at(), 2u) << sql;
    EXPECT_EQ(HistoryOf(1).broken_at(), 2u) << "also when it is not shown";
    std::filesystem::remove_all(directory_);
  }
}

TEST_F(StoreTest, AMissingEntryBreaksTheChain) {
  WriteThree();
  Tamper("DELETE FROM audit WHERE number = 1");
  EXPECT_EQ(HistoryOf().broken_at(), 2u);
}

TEST_F(StoreTest, MissingNewestEntriesBreakTheChainForGood) {
  WriteThree();
  Tamper("DELETE FROM audit WHERE number > 1");
  EXPECT_EQ(HistoryOf().broken_at(), 2u);
  ASSERT_TRUE(OpenSqliteStore(directory_, "shop").value()->Save(StateAt(2), One("four")).ok());
  const v1::HistoryResponse history = HistoryOf();
  ASSERT_THAT(history.entries(), SizeIs(2));
  EXPECT_EQ(history.entries(0).number(), 4u) << "no number is given twice";
  EXPECT_EQ(history.broken_at(), 4u);
}

TEST_F(StoreTest, AnEntryOrAHeadThatSomebodyAddedBreaksTheChain) {
  for (const char* sql : {"INSERT INTO audit SELECT 4, time, record, hash FROM audit WHERE number = 3",
                          "UPDATE head SET number = 4", "UPDATE head SET hash = 'ff'", "DELETE FROM head"}) {
    WriteThree();
    Tamper(sql);
    EXPECT_NE(HistoryOf().broken_at(), 0u) << sql;
    std::filesystem::remove_all(directory_);
  }
}

TEST_F(StoreTest, AStoreOfTheFirstSchemaIsTakenOver) {
  WriteThree();
  Tamper("DROP TABLE head; PRAGMA user_version=1");
  EXPECT_EQ(HistoryOf().broken_at(), 0u);
  ASSERT_TRUE(OpenSqliteStore(directory_, "shop").value()->Save(StateAt(2), One("four")).ok());
  EXPECT_EQ(HistoryOf().broken_at(), 0u);
  Tamper("DELETE FROM audit WHERE number = 4");
  EXPECT_EQ(HistoryOf().broken_at(), 4u);
}

TEST_F(StoreTest, AnEntryThatIsNoJsonIsNamedAsDataLoss) {
  WriteThree();
  Tamper("UPDATE audit SET record = 'x' WHERE number = 2");
  EXPECT_EQ(OpenSqliteStore(directory_, "shop").value()->History(1, 0).status().code(), absl::StatusCode::kDataLoss);
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
  Tamper("PRAGMA user_version=99");
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

TEST_F(StoreTest, OnlyWhatCannotBeReadIsReplacedByAStoreThatRefusesEverything) {
  ASSERT_TRUE(OpenSqliteStore(directory_, "shop").ok());
  EXPECT_EQ(OpenStoreOrNone(directory_, "bank").status().code(), absl::StatusCode::kFailedPrecondition);
  {
    const auto held = OpenSqliteStore(directory_, "shop");
    EXPECT_EQ(OpenStoreOrNone(directory_, "shop").status().code(), absl::StatusCode::kUnavailable);
  }
  std::ofstream(path()) << std::string(4096, 'x');
  const auto none = OpenStoreOrNone(directory_, "shop");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ((*none)->Load().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ((*none)->Save({}, {}).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ((*none)->History(1, 0).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(StoreTest, F35AWriteIsThereInFullOrNotAtAll) {
  for (const auto& [failpoint, entries] :
       {std::pair("store.before_commit/drain=exit", 3), std::pair("store.after_commit=exit", 4)}) {
    WriteThree();
    Records four = One("four");
    four[0].set_kind("drain");
    EXPECT_EXIT(
        {
          setenv("MINDER_FAILPOINTS", failpoint, 1);
          OpenSqliteStore(directory_, "shop").value()->Save(StateAt(9), four).IgnoreError();
          _exit(0);
        },
        ::testing::ExitedWithCode(kFailpointExit), failpoint[6] == 'b' ? "before_commit/drain" : "after_commit/drain");
    EXPECT_THAT(HistoryOf().entries(), SizeIs(entries));
    EXPECT_EQ(HistoryOf().broken_at(), 0u);
    EXPECT_EQ(OpenSqliteStore(directory_, "shop").value()->Load()->epoch(), entries == 4 ? 9u : 1u);
    std::filesystem::remove_all(directory_);
  }
}

// Whatever page is lost: what is read is what was written, or an error.
TEST_F(StoreTest, F16ADamagedPageIsAnErrorOrHarmless) {
  WriteThree();
  const std::string whole = ReadFile(path(), 1 << 24).value();
  int errors = 0;
  for (std::size_t at = 0; at < whole.size(); at += 1024) {
    std::ofstream(path(), std::ios::binary) << std::string(whole).replace(at, 1024, 1024, '\x5a');
    const auto store = OpenSqliteStore(directory_, "shop");
    const auto state = store.ok() ? (*store)->Load() : store.status();
    const auto history = store.ok() ? (*store)->History(100, 0) : store.status();
    if (state.ok()) {
      EXPECT_EQ(state->SerializeAsString(), StateAt(1).SerializeAsString()) << "byte " << at;
    }
    if (history.ok()) {
      EXPECT_TRUE(history->entries_size() == 3 || history->broken_at() != 0 || !state.ok()) << "byte " << at;
    }
    errors += state.ok() && history.ok() ? 0 : 1;
  }
  EXPECT_GT(errors, 3);
}

// A state directory on a disk of its own, of 256 KB.
class StateDiskTest : public StoreTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root to mount a disk";
    StoreTest::SetUp();
    std::filesystem::create_directory(directory_);
    ASSERT_EQ(mount("minder-test", directory_.c_str(), "tmpfs", 0, "size=256k"), 0) << strerror(errno);
  }
  void TearDown() override {
    if (directory_.empty()) return;
    EXPECT_EQ(umount2(directory_.c_str(), MNT_DETACH), 0) << strerror(errno);
    StoreTest::TearDown();
  }
};

TEST_F(StateDiskTest, F16OnAFullDiskNothingIsChangedAndEverythingCanBeRead) {
  const auto store = OpenSqliteStore(directory_, "shop").value();
  ASSERT_TRUE(store->Save(StateAt(1), One("one")).ok());
  std::ofstream(directory_ + "/filler") << std::string(1 << 20, 'x');
  const std::string long_text(100'000, 'y');
  const absl::Status full = store->Save(StateAt(2), One(long_text));
  EXPECT_EQ(full.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(full.message()), HasSubstr("arbitrator.sqlite: database or disk is full"));
  EXPECT_EQ(store->Load()->epoch(), 1u);
  EXPECT_THAT(store->History(100, 0)->entries(), SizeIs(1));
  std::filesystem::remove(directory_ + "/filler");
  EXPECT_TRUE(store->Save(StateAt(2), One(long_text)).ok());
  EXPECT_EQ(store->History(100, 0)->broken_at(), 0u);
}

TEST_F(StateDiskTest, F16OnAReadOnlyDiskEverythingCanBeReadAndNothingIsRecorded) {
  WriteThree();
  ASSERT_EQ(mount(nullptr, directory_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0) << strerror(errno);
  const auto store = OpenSqliteStore(directory_, "shop").value();
  const absl::Status refused = store->Save(StateAt(9), One("four"));
  EXPECT_EQ(refused.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("arbitrator.sqlite: attempt to write a readonly database"));
  EXPECT_EQ(store->Load()->epoch(), 1u);
  EXPECT_THAT(store->History(100, 0)->entries(), SizeIs(3));
}

}  // namespace
}  // namespace minder
