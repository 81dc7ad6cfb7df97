#include "tests/lab/sql.h"

#include <errmsg.h>
#include <mysql.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"

namespace minder::lab {

struct SqlSession::Handle {
  MYSQL* mysql = nullptr;
  ~Handle() { mysql_close(mysql); }
};

namespace {

absl::Status Error(MYSQL* mysql) {
  const unsigned code = mysql_errno(mysql);
  const std::string message = absl::StrFormat("(%d) %s", code, mysql_error(mysql));
  if (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) return absl::UnavailableError(message);
  return absl::InternalError(message);
}

SqlResult Fetch(MYSQL_RES* result) {
  SqlResult out;
  const unsigned width = mysql_num_fields(result);
  const MYSQL_FIELD* fields = mysql_fetch_fields(result);
  for (unsigned i = 0; i < width; ++i) out.columns.emplace_back(fields[i].name);
  while (MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* lengths = mysql_fetch_lengths(result);
    std::vector<std::string>& cells = out.rows.emplace_back();
    for (unsigned i = 0; i < width; ++i) {
      cells.push_back(row[i] == nullptr ? std::string("NULL") : std::string(row[i], lengths[i]));
    }
  }
  return out;
}

const char* OrNull(const std::string& s) { return s.empty() ? nullptr : s.c_str(); }

}  // namespace

SqlSession::SqlSession() = default;
SqlSession::SqlSession(SqlSession&&) noexcept = default;
SqlSession& SqlSession::operator=(SqlSession&&) noexcept = default;
SqlSession::~SqlSession() = default;

absl::StatusOr<SqlSession> SqlSession::Open(const SqlTarget& target) {
  // Once, before any thread can be the first: mysql_init would do it without a lock.
  [[maybe_unused]] static const int ready = mysql_library_init(0, nullptr, nullptr);
  SqlSession session;
  session.handle_ = std::make_unique<Handle>();
  MYSQL* mysql = session.handle_->mysql = mysql_init(nullptr);
  const unsigned seconds = static_cast<unsigned>(std::max<int64_t>(1, absl::ToInt64Seconds(target.deadline)));
  for (const auto option : {MYSQL_OPT_CONNECT_TIMEOUT, MYSQL_OPT_READ_TIMEOUT, MYSQL_OPT_WRITE_TIMEOUT}) {
    mysql_options(mysql, option, &seconds);
  }
  if (mysql_real_connect(mysql, OrNull(target.host), target.user.c_str(), OrNull(target.password),
                         OrNull(target.schema), static_cast<unsigned>(target.port), OrNull(target.socket),
                         0) == nullptr) {
    return absl::UnavailableError(Error(mysql).message());
  }
  return session;
}

absl::StatusOr<SqlResult> SqlSession::Query(const std::string& statement) {
  if (handle_ == nullptr) return absl::UnavailableError("not connected");
  MYSQL* mysql = handle_->mysql;
  if (mysql_real_query(mysql, statement.data(), statement.size()) != 0) return Error(mysql);
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(mysql), &mysql_free_result);
  if (result != nullptr) return Fetch(result.get());
  if (mysql_field_count(mysql) != 0) return Error(mysql);
  return SqlResult{};
}

}  // namespace minder::lab
