#include "services/arbitrator/store.h"

#include <openssl/sha.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/time_util.h"

namespace minder {
namespace {

constexpr int kSchemaVersion = 2;
constexpr std::size_t kMostHistory = (1 << 20) - 1024;  // bytes; a message may have 1 MiB (common/rpc)
constexpr std::size_t kAroundAnEntry = 8;               // its tag, and its length

using Records = google::protobuf::RepeatedPtrField<v1::AuditRecord>;

using Row = std::vector<std::string>;

std::string ToJson(const google::protobuf::Message& message) {
  std::string text;
  MINDER_CHECK(google::protobuf::util::MessageToJsonString(message, &text).ok());
  return text;
}

// Each entry vouches for all before it: who changes one has to change every later one.
std::string HashOf(const std::string& previous, const std::string& number, const std::string& time,
                   const std::string& record) {
  const std::string all = absl::StrCat(previous, "\n", number, "\n", time, "\n", record);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data());
  return absl::BytesToHexString(std::string(digest.begin(), digest.end()));
}

// What a write is about: how far it brings a grant, or else what it records.
std::string MomentOf(const v1::DurableState& state, const Records& records) {
  const bool of_grant = std::ranges::any_of(records, [](const v1::AuditRecord& r) { return r.kind() == "grant"; });
  if (of_grant) return v1::GrantState_Name(state.grant().state());
  return records.empty() ? "" : records[0].kind();
}

class SqliteStore : public Store {
 public:
  explicit SqliteStore(std::string path) : path_(std::move(path)) {}
  ~SqliteStore() override { sqlite3_close(db_); }

  absl::Status Open(const std::string& cluster) {
    if (sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) != SQLITE_OK)
      return Error("open");
    // EXCLUSIVE keeps a second arbitrator off the same file for as long as this one lives.
    MINDER_RETURN_IF_ERROR(Execute("PRAGMA locking_mode=EXCLUSIVE"));
    MINDER_RETURN_IF_ERROR(Execute("PRAGMA synchronous=FULL"));
    MINDER_RETURN_IF_ERROR(Execute("BEGIN EXCLUSIVE"));
    const absl::Status status = Migrate(cluster);
    const absl::Status end = Execute(status.ok() ? "COMMIT" : "ROLLBACK");
    return status.ok() ? end : status;
  }

  absl::StatusOr<v1::DurableState> Load() override {
    v1::DurableState state;
    absl::Status parsed;
    MINDER_RETURN_IF_ERROR(
        Execute("SELECT content FROM state", {}, [&](const Row& row) { parsed = FromJson(row[0], state); }));
    MINDER_RETURN_IF_ERROR(parsed);
    return state;
  }

  absl::Status Save(const v1::DurableState& state, const Records& records) override {
    MINDER_RETURN_IF_ERROR(Execute("BEGIN"));
    const std::string moment = MomentOf(state, records);
    absl::Status status = Write(state, records);
    if (status.ok()) status = Failpoint("store.before_commit", moment);
    if (status.ok()) status = Execute("COMMIT");
    if (!status.ok()) Execute("ROLLBACK").IgnoreError();
    if (status.ok()) Failpoint("store.after_commit", moment).IgnoreError();
    return status;
  }

  absl::StatusOr<v1::HistoryResponse> History(std::uint32_t limit, std::uint64_t before) override {
    v1::HistoryResponse history;
    std::deque<v1::HistoryEntry> newest;
    std::size_t bytes = 0;
    absl::Status parsed;
    std::string previous;
    Head last;
    MINDER_RETURN_IF_ERROR(
        Execute("SELECT number, time, record, hash FROM audit ORDER BY number", {}, [&](const Row& row) {
          v1::HistoryEntry entry;
          entry.set_number(std::stoull(row[0]));
          google::protobuf::util::TimeUtil::FromString(row[1], entry.mutable_time());
          if (const absl::Status status = FromJson(row[2], *entry.mutable_record()); !status.ok()) parsed = status;
          entry.set_hash(row[3]);
          const bool holds = row[3] == HashOf(previous, row[0], row[1], row[2]);
          if (!holds && history.broken_at() == 0) history.set_broken_at(entry.number());
          previous = row[3];
          last.number = entry.number();
          if (before != 0 && entry.number() >= before) return;
          bytes += entry.ByteSizeLong() + kAroundAnEntry;
          newest.push_front(std::move(entry));
          while (newest.size() > limit || bytes > kMostHistory) {
            bytes -= newest.back().ByteSizeLong() + kAroundAnEntry;
            newest.pop_back();
          }
        }));
    MINDER_RETURN_IF_ERROR(parsed);
    last.hash = previous;
    MINDER_ASSIGN_OR_RETURN(const Head head, LoadHead());
    if (history.broken_at() == 0 && head != last)
      history.set_broken_at(head.number == last.number ? last.number : std::min(head.number, last.number) + 1);
    history.mutable_entries()->Assign(newest.begin(), newest.end());
    return history;
  }

 private:
  // The newest entry of the trail, kept apart from it: the chain alone does not show that its end is gone.
  struct Head {
    std::uint64_t number = 0;
    std::string hash;
    bool operator==(const Head&) const = default;
  };

  absl::StatusOr<Head> LoadHead() {
    Head head;
    bool understood = true;
    MINDER_RETURN_IF_ERROR(Execute("SELECT number, hash FROM head", {}, [&](const Row& row) {
      understood = absl::SimpleAtoi(row[0], &head.number);
      head.hash = row[1];
    }));
    if (!understood) return absl::DataLossError(absl::StrFormat("%s: the head of the audit trail is no number", path_));
    return head;
  }

  absl::Status Migrate(const std::string& cluster) {
    int version = 0;
    MINDER_RETURN_IF_ERROR(Execute("PRAGMA user_version", {}, [&](const Row& row) { version = std::stoi(row[0]); }));
    if (version > kSchemaVersion) {
      return absl::FailedPreconditionError(
          absl::StrFormat("%s was written by a newer minder (schema %d, this one knows %d): start that one", path_,
                          version, kSchemaVersion));
    }
    if (version == 0) {
      MINDER_RETURN_IF_ERROR(Execute("CREATE TABLE cluster (name TEXT NOT NULL)"));
      MINDER_RETURN_IF_ERROR(Execute("INSERT INTO cluster VALUES (?)", {cluster}));
      MINDER_RETURN_IF_ERROR(Execute("CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), content TEXT)"));
      MINDER_RETURN_IF_ERROR(
          Execute("CREATE TABLE audit (number INTEGER PRIMARY KEY, time TEXT NOT NULL, record TEXT NOT NULL, "
                  "hash TEXT NOT NULL)"));
    }
    if (version < kSchemaVersion) {
      MINDER_RETURN_IF_ERROR(
          Execute("CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, "
                  "hash TEXT NOT NULL)"));
      MINDER_RETURN_IF_ERROR(
          Execute("INSERT INTO head SELECT 1, number, hash FROM audit ORDER BY number DESC LIMIT 1"));
      MINDER_RETURN_IF_ERROR(Execute(absl::StrFormat("PRAGMA user_version=%d", kSchemaVersion)));
    }
    std::string owner;
    MINDER_RETURN_IF_ERROR(Execute("SELECT name FROM cluster", {}, [&](const Row& row) { owner = row[0]; }));
    if (owner == cluster) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrFormat("%s is the state of cluster '%s', not of '%s': give each cluster a state_dir of its own", path_,
                        owner, cluster));
  }

  absl::Status Write(const v1::DurableState& state, const Records& records) {
    MINDER_RETURN_IF_ERROR(Execute("INSERT OR REPLACE INTO state VALUES (1, ?)", {ToJson(state)}));
    if (records.empty()) return absl::OkStatus();
    MINDER_ASSIGN_OR_RETURN(Head head, LoadHead());
    const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(), absl::UTCTimeZone());
    for (const v1::AuditRecord& record : records) {
      const std::string text = ToJson(record);
      const std::string key = std::to_string(++head.number);
      head.hash = HashOf(head.hash, key, time, text);
      MINDER_RETURN_IF_ERROR(Execute("INSERT INTO audit VALUES (?, ?, ?, ?)", {key, time, text, head.hash}));
    }
    return Execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?)", {std::to_string(head.number), head.hash});
  }

  absl::Status FromJson(const std::string& text, google::protobuf::Message& message) const {
    const auto status = google::protobuf::util::JsonStringToMessage(text, &message);
    if (status.ok()) return absl::OkStatus();
    return absl::DataLossError(absl::StrFormat("%s cannot be understood: %s", path_, status.ToString()));
  }

  // Runs one statement with text parameters.
  absl::Status Execute(const std::string& sql, const std::vector<std::string>& parameters = {},
                       const std::function<void(const Row&)>& on_row = nullptr) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) return Error(sql);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(raw, sqlite3_finalize);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      sqlite3_bind_text(raw, static_cast<int>(i) + 1, parameters[i].c_str(), -1, SQLITE_TRANSIENT);
    }
    int result;
    while ((result = sqlite3_step(raw)) == SQLITE_ROW) {
      if (on_row) on_row(RowOf(raw));
    }
    return result == SQLITE_DONE ? absl::OkStatus() : Error(sql);
  }

  static Row RowOf(sqlite3_stmt* statement) {
    Row row;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      row.emplace_back(text == nullptr ? "" : text);
    }
    return row;
  }

  absl::Status Error(const std::string& what) const {
    const int code = sqlite3_errcode(db_);
    if (code == SQLITE_BUSY) {
      return absl::UnavailableError(
          absl::StrFormat("%s is held by another arbitrator: stop it, or give this one another state_dir", path_));
    }
    return absl::DataLossError(absl::StrFormat("%s: %s (%s)", path_, sqlite3_errmsg(db_), what));
  }

  std::string path_;
  sqlite3* db_ = nullptr;
};

class UnreadableStore : public Store {
 public:
  explicit UnreadableStore(absl::Status why) : why_(std::move(why)) {}
  absl::StatusOr<v1::DurableState> Load() override { return why_; }
  absl::Status Save(const v1::DurableState&, const Records&) override { return why_; }
  absl::StatusOr<v1::HistoryResponse> History(std::uint32_t, std::uint64_t) override { return why_; }

 private:
  const absl::Status why_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory, const std::string& cluster) {
  if (const absl::Status made = MakeDirectories(directory); !made.ok()) return absl::DataLossError(made.message());
  auto store = std::make_unique<SqliteStore>(directory + "/arbitrator.sqlite");
  MINDER_RETURN_IF_ERROR(store->Open(cluster));
  return store;
}

absl::StatusOr<std::unique_ptr<Store>> OpenStoreOrNone(const std::string& directory, const std::string& cluster) {
  auto store = OpenSqliteStore(directory, cluster);
  if (!absl::IsDataLoss(store.status())) return store;
  return std::make_unique<UnreadableStore>(store.status());
}

}  // namespace minder
