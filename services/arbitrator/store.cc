#include "services/arbitrator/store.h"

#include <sqlite3.h>

#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "google/protobuf/util/time_util.h"

namespace minder {
namespace {

constexpr int kSchemaVersion = 1;

using Row = std::vector<std::string>;

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

  absl::StatusOr<google::protobuf::RepeatedPtrField<v1::DrainRecord>> Drains() override {
    google::protobuf::RepeatedPtrField<v1::DrainRecord> drains;
    MINDER_RETURN_IF_ERROR(
        Execute("SELECT dbserver, drain_id, ordered_at, ending FROM drain ORDER BY dbserver", {}, [&](const Row& row) {
          v1::DrainRecord& drain = *drains.Add();
          drain.set_dbserver(row[0]);
          drain.set_drain_id(row[1]);
          google::protobuf::util::TimeUtil::FromString(row[2], drain.mutable_ordered_at());
          drain.set_ending(row[3] == "1");
        }));
    return drains;
  }

  absl::Status SetDrains(const google::protobuf::RepeatedPtrField<v1::DrainRecord>& drains) override {
    MINDER_RETURN_IF_ERROR(Execute("BEGIN"));
    absl::Status status = Execute("DELETE FROM drain");
    for (const v1::DrainRecord& drain : drains) {
      if (!status.ok()) break;
      status = Execute("INSERT INTO drain (dbserver, drain_id, ordered_at, ending) VALUES (?, ?, ?, ?)",
                       {drain.dbserver(), drain.drain_id(),
                        google::protobuf::util::TimeUtil::ToString(drain.ordered_at()), drain.ending() ? "1" : "0"});
    }
    if (status.ok()) status = Execute("COMMIT");
    if (!status.ok()) Execute("ROLLBACK").IgnoreError();
    return status;
  }

 private:
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
      MINDER_RETURN_IF_ERROR(
          Execute("CREATE TABLE drain (dbserver TEXT PRIMARY KEY, drain_id TEXT NOT NULL, ordered_at TEXT NOT NULL, "
                  "ending INTEGER NOT NULL)"));
      MINDER_RETURN_IF_ERROR(Execute(absl::StrFormat("PRAGMA user_version=%d", kSchemaVersion)));
    }
    std::string owner;
    MINDER_RETURN_IF_ERROR(Execute("SELECT name FROM cluster", {}, [&](const Row& row) { owner = row[0]; }));
    if (owner == cluster) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrFormat("%s is the state of cluster '%s', not of '%s': give each cluster a state_dir of its own", path_,
                        owner, cluster));
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

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory, const std::string& cluster) {
  MINDER_RETURN_IF_ERROR(MakeDirectories(directory));
  auto store = std::make_unique<SqliteStore>(directory + "/arbitrator.sqlite");
  MINDER_RETURN_IF_ERROR(store->Open(cluster));
  return store;
}

}  // namespace minder
