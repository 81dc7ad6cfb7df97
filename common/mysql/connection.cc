#include "common/mysql/connection.h"

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/unique_fd.h"
#include "common/base/unix_address.h"

namespace minder {
namespace {

constexpr char kErrnoPayload[] = "minder/mysql-errno";

absl::StatusCode CodeOf(unsigned error) {
  if (error >= CR_MIN_ERROR && error <= CR_MAX_ERROR) return absl::StatusCode::kUnavailable;
  switch (error) {
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
      return absl::StatusCode::kPermissionDenied;
    case ER_CON_COUNT_ERROR:
    case ER_SERVER_SHUTDOWN:
    case ER_CONNECTION_KILLED:
      return absl::StatusCode::kUnavailable;
    default:
      return absl::StatusCode::kAborted;
  }
}

absl::Status ErrorOf(MYSQL* mysql, const std::string& what) {
  const unsigned error = mysql_errno(mysql);
  absl::Status status(CodeOf(error), absl::StrFormat("%s: %s (error %u)", what, mysql_error(mysql), error));
  status.SetPayload(kErrnoPayload, absl::Cord(absl::StrCat(error)));
  return status;
}

// libmariadb (3.3, Debian 12) closes the descriptor of a refused connection twice, and by the second time the number
// may be that of a file or socket of another thread. So it is asked to connect only where somebody listens.
absl::Status CheckListens(const std::string& socket_path, const std::string& what) {
  MINDER_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::Of(socket_path));
  const UniqueFd tried(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (address.Connect(tried.get()) == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrFormat("%s: %s", what, std::strerror(errno)));
}

// What libmariadb waits for, in the terms of poll.
short PollEvents(int wait_for) {
  short events = 0;
  if (wait_for & MYSQL_WAIT_READ) events |= POLLIN;
  if (wait_for & MYSQL_WAIT_WRITE) events |= POLLOUT;
  if (wait_for & MYSQL_WAIT_EXCEPT) events |= POLLPRI;
  return events;
}

// What poll saw, in the terms of libmariadb. A hang-up is given to it as readable: it reads, and finds the end.
int WaitResult(short revents) {
  int result = 0;
  if (revents & (POLLIN | POLLHUP | POLLERR)) result |= MYSQL_WAIT_READ;
  if (revents & POLLOUT) result |= MYSQL_WAIT_WRITE;
  if (revents & POLLPRI) result |= MYSQL_WAIT_EXCEPT;
  return result;
}

// Waits until libmariadb can go on; 0 when the deadline came first.
int Wait(MYSQL* mysql, int wait_for, BootTime deadline) {
  const BootClock clock;
  while (true) {
    const absl::Duration left = deadline - clock.Now();
    if (left <= absl::ZeroDuration()) return 0;
    pollfd poll_fd{.fd = mysql_get_socket(mysql), .events = PollEvents(wait_for), .revents = 0};
    const timespec timeout = absl::ToTimespec(left);
    if (ppoll(&poll_fd, 1, &timeout, nullptr) > 0) return WaitResult(poll_fd.revents);
  }
}

// Drives one operation of the non-blocking API to its end: `start` and `go_on` return what it waits for, 0 when it is
// done.
template <typename Start, typename GoOn>
absl::Status Drive(MYSQL* mysql, BootTime deadline, const std::string& what, Start start, GoOn go_on) {
  if (BootClock().Now() >= deadline) return absl::DeadlineExceededError(absl::StrFormat("%s: no time left", what));
  for (int wait_for = start(); wait_for != 0;) {
    const int ready = Wait(mysql, wait_for, deadline);
    if (ready == 0) return absl::DeadlineExceededError(absl::StrFormat("%s: no answer in time", what));
    wait_for = go_on(ready);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Password(const std::string& file) {
  if (file.empty()) return std::string();
  MINDER_ASSIGN_OR_RETURN(const std::string content, ReadFile(file, 4096));
  return std::string(absl::StripSuffix(absl::StripSuffix(content, "\n"), "\r"));
}

std::vector<Row> RowsOf(MYSQL_RES* result) {
  std::vector<Row> rows;
  const unsigned columns = mysql_num_fields(result);
  while (MYSQL_ROW values = mysql_fetch_row(result)) {
    const unsigned long* lengths = mysql_fetch_lengths(result);
    Row& row = rows.emplace_back(columns);
    for (unsigned i = 0; i < columns; ++i) {
      if (values[i] != nullptr) row[i].emplace(values[i], lengths[i]);
    }
  }
  return rows;
}

}  // namespace

class Connection::Handle {
 public:
  Handle() : mysql_(mysql_init(nullptr)) {
    mysql_options(mysql_, MYSQL_OPT_NONBLOCK, nullptr);
    mysql_options(mysql_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  }
  // Never blocks: mysql_close says goodbye to a server that may not listen, so the way there is shut first.
  ~Handle() {
    if (mysql_get_socket(mysql_) != MARIADB_INVALID_SOCKET) shutdown(mysql_get_socket(mysql_), SHUT_RDWR);
    mysql_close(mysql_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  absl::Status Connect(const ConnectionOptions& options, const std::string& password, BootTime deadline) {
    const std::string what = absl::StrFormat("cannot connect to %s as %s", options.socket, options.user);
    MYSQL* connected = nullptr;
    MINDER_RETURN_IF_ERROR(CheckListens(options.socket, what));
    MINDER_RETURN_IF_ERROR(Drive(
        mysql_, deadline, what,
        [&] {
          return mysql_real_connect_start(&connected, mysql_, nullptr, options.user.c_str(), password.c_str(), nullptr,
                                          0, options.socket.c_str(), 0);
        },
        [&](int ready) { return mysql_real_connect_cont(&connected, mysql_, ready); }));
    return connected != nullptr ? absl::OkStatus() : ErrorOf(mysql_, what);
  }

  absl::StatusOr<std::vector<Row>> Query(const std::string& sql, BootTime deadline) {
    int failed = 0;
    MINDER_RETURN_IF_ERROR(Drive(
        mysql_, deadline, sql, [&] { return mysql_real_query_start(&failed, mysql_, sql.data(), sql.size()); },
        [&](int ready) { return mysql_real_query_cont(&failed, mysql_, ready); }));
    if (failed != 0) return ErrorOf(mysql_, sql);
    return StoreResult(sql, deadline);
  }

 private:
  absl::StatusOr<std::vector<Row>> StoreResult(const std::string& sql, BootTime deadline) {
    if (mysql_field_count(mysql_) == 0) return std::vector<Row>();
    MYSQL_RES* stored = nullptr;
    MINDER_RETURN_IF_ERROR(Drive(
        mysql_, deadline, sql, [&] { return mysql_store_result_start(&stored, mysql_); },
        [&](int ready) { return mysql_store_result_cont(&stored, mysql_, ready); }));
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(stored, mysql_free_result);
    if (result == nullptr) return ErrorOf(mysql_, sql);
    return RowsOf(result.get());
  }

  MYSQL* mysql_;
};

void Connection::CloseHandle::operator()(Handle* handle) const { delete handle; }

absl::StatusOr<Connection> Connection::Open(const ConnectionOptions& options, BootTime deadline) {
  MINDER_ASSIGN_OR_RETURN(const std::string password, Password(options.password_file));
  std::unique_ptr<Handle, CloseHandle> handle(new Handle);
  MINDER_RETURN_IF_ERROR(handle->Connect(options, password, deadline));
  return Connection(std::move(handle));
}

absl::StatusOr<std::vector<Row>> Connection::Query(const std::string& sql, BootTime deadline) {
  if (!usable()) return absl::UnavailableError("the connection was given up after an earlier error");
  auto rows = handle_->Query(sql, deadline);
  const absl::StatusCode code = rows.status().code();
  if (code == absl::StatusCode::kDeadlineExceeded || code == absl::StatusCode::kUnavailable) handle_.reset();
  return rows;
}

absl::Status Connection::Execute(const std::string& sql, BootTime deadline) { return Query(sql, deadline).status(); }

std::optional<unsigned> MysqlErrno(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrnoPayload);
  unsigned number = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &number)) return std::nullopt;
  return number;
}

}  // namespace minder
