#include "tests/lab/haproxy_cli.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/unique_fd.h"
#include "common/base/unix_address.h"

namespace minder::lab {
namespace {

// Columns of `show stat` (HAProxy 2.6 management guide, section 9.1).
constexpr std::size_t kName = 1;
constexpr std::size_t kSessions = 4;
constexpr std::size_t kStatus = 17;
constexpr std::size_t kWeight = 18;

}  // namespace

absl::StatusOr<std::string> AskHaproxy(const std::string& socket, const std::string& command) {
  const auto failed = [&] { return absl::ErrnoToStatus(errno, absl::StrFormat("cannot ask HAProxy at %s", socket)); };
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval timeout{.tv_sec = 2, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  MINDER_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::Of(socket));
  if (address.Connect(fd.get()) != 0) return failed();
  const std::string line = command + "\n";
  if (send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size())) return failed();
  std::string answer;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t n = recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (n < 0) return failed();
    if (n == 0) return answer;
    answer.append(buffer.data(), n);
  }
}

bool BackendServer::TakesNewSessions() const {
  return weight > 0 && (absl::StartsWith(status, "UP") || status == "no check");
}

absl::StatusOr<std::map<std::string, BackendServer>> BackendServers(const std::string& socket) {
  MINDER_ASSIGN_OR_RETURN(const std::string table, AskHaproxy(socket, "show stat galera 4 -1"));
  std::map<std::string, BackendServer> servers;
  for (const auto line : absl::StrSplit(table, '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, ',');
    if (cells.size() <= kWeight || absl::StartsWith(cells[0], "#")) continue;
    BackendServer& server = servers[cells[kName]];
    server.status = cells[kStatus];
    if (!absl::SimpleAtoi(cells[kWeight], &server.weight) || !absl::SimpleAtoi(cells[kSessions], &server.sessions)) {
      return absl::InternalError(absl::StrFormat("HAProxy's `show stat` has an unexpected line for %s", cells[kName]));
    }
  }
  return servers;
}

}  // namespace minder::lab
