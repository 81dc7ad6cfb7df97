#ifndef MINDER_COMMON_MYSQL_CONNECTION_H_
#define MINDER_COMMON_MYSQL_CONNECTION_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace minder {

// How to reach a mariadbd on this host.
struct ConnectionOptions {
  std::string socket;         // unix socket
  std::string user;           // authenticates with unix_socket when there is no password
  std::string password_file;  // read at each Open, one line; empty for no password
};

// One row; a missing value is SQL NULL.
using Row = std::vector<std::optional<std::string>>;

// One session. Deadlines are moments and cover the whole call, whatever the server does: one that accepts and never
// answers costs exactly the time until then. Blocks: for workers. Uses the non-blocking API of libmariadb and poll,
// because its own timeouts count per read.
//
// Errors: DEADLINE_EXCEEDED; UNAVAILABLE when the server cannot be reached or went away; PERMISSION_DENIED when it
// refuses the account; ABORTED for any other error of the server. MysqlErrno gives its number. After any error but
// ABORTED and PERMISSION_DENIED of a query the session is unusable.
class Connection {
 public:
  static absl::StatusOr<Connection> Open(const ConnectionOptions& options, BootTime deadline);

  // Rows of one statement; none for a statement that gives no rows. Values are UTF-8.
  absl::StatusOr<std::vector<Row>> Query(const std::string& sql, BootTime deadline);
  // A statement whose rows do not matter.
  absl::Status Execute(const std::string& sql, BootTime deadline);

  // False once an answer was missed or the server went away; every further call then fails.
  bool usable() const { return handle_ != nullptr; }

 private:
  class Handle;  // keeps mysql.h out of here
  struct CloseHandle {
    void operator()(Handle* handle) const;
  };
  explicit Connection(std::unique_ptr<Handle, CloseHandle> handle) : handle_(std::move(handle)) {}

  std::unique_ptr<Handle, CloseHandle> handle_;
};

// Number of the MariaDB error (server: 1000…, client library: 2000…) behind a status of Connection; nothing when there
// is none.
std::optional<unsigned> MysqlErrno(const absl::Status& status);

}  // namespace minder

#endif  // MINDER_COMMON_MYSQL_CONNECTION_H_
