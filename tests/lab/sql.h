#ifndef MINDER_TESTS_LAB_SQL_H_
#define MINDER_TESTS_LAB_SQL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace minder::lab {

// Where and as whom to connect: by `socket`, or by `host` and `port` when it is empty.
struct SqlTarget {
  std::string socket{};
  std::string host{};
  int port = 3306;
  std::string user{};
  std::string password{};
  std::string schema{};
  absl::Duration deadline = absl::Seconds(5);  // of connecting and of every read and write; whole seconds, at least 1
};

struct SqlResult {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // NULL is "NULL"
};

// A client of the lab's own, no part of minder, so that what minder believes is checked by something else. One thread
// at a time.
class SqlSession {
 public:
  SqlSession();
  SqlSession(SqlSession&&) noexcept;
  SqlSession& operator=(SqlSession&&) noexcept;
  ~SqlSession();

  // UNAVAILABLE with the server's or the client's message.
  static absl::StatusOr<SqlSession> Open(const SqlTarget& target);

  // INTERNAL "(1047) WSREP has not yet prepared …" for the server's errors, UNAVAILABLE when the connection is lost or
  // the deadline is over; the session is then of no use any more.
  absl::StatusOr<SqlResult> Query(const std::string& statement);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_SQL_H_
