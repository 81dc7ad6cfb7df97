#include "services/dbclient-agent/haproxy_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/unix_address.h"

namespace minder {
namespace {

constexpr std::size_t kAnswerLimit = 4 << 20;

absl::Status Unreachable(const std::string& path, const char* why) {
  return absl::UnavailableError(absl::StrFormat(
      "HAProxy's runtime API at %s: %s; start HAProxy with 'stats socket %s level admin'", path, why, path));
}

// The conversation of one AskHaproxy, under one deadline.
class Conversation {
 public:
  Conversation(const std::string& path, absl::Duration deadline)
      : path_(path), deadline_(deadline), end_(clock_.Now() + deadline) {}

  absl::Status Connect() {
    while (true) {
      absl::StatusOr<UniqueFd> fd = ConnectHaproxy(path_);
      if (fd.ok()) {
        fd_ = *std::move(fd);
        return absl::OkStatus();
      }
      if (!absl::IsResourceExhausted(fd.status())) return fd.status();
      // A full queue cannot be polled for.
      MINDER_RETURN_IF_ERROR(CheckTime());
      poll(nullptr, 0, 5);
    }
  }

  absl::Status Send(const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      MINDER_RETURN_IF_ERROR(WaitFor(POLLOUT));
      const ssize_t n = send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN && errno != EINTR) return Unreachable(path_, std::strerror(errno));
      sent += std::max<ssize_t>(n, 0);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReceiveAll() {
    std::string answer;
    std::array<char, 16384> buffer;
    while (answer.size() <= kAnswerLimit) {
      MINDER_RETURN_IF_ERROR(WaitFor(POLLIN));
      const ssize_t n = recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (n == 0) return answer;
      if (n < 0 && errno != EAGAIN && errno != EINTR) return Unreachable(path_, std::strerror(errno));
      answer.append(buffer.data(), std::max<ssize_t>(n, 0));
    }
    return absl::OutOfRangeError(absl::StrFormat("the answer at %s is longer than %d bytes", path_, kAnswerLimit));
  }

 private:
  absl::Status CheckTime() const {
    if (clock_.Now() < end_) return absl::OkStatus();
    return absl::DeadlineExceededError(
        absl::StrFormat("HAProxy's runtime API at %s gave no answer in %s", path_, absl::FormatDuration(deadline_)));
  }

  absl::Status WaitFor(short events) {
    while (true) {
      MINDER_RETURN_IF_ERROR(CheckTime());
      pollfd waiting{.fd = fd_.get(), .events = events, .revents = 0};
      const auto left = absl::ToInt64Milliseconds(end_ - clock_.Now());
      if (poll(&waiting, 1, static_cast<int>(left) + 1) > 0) return absl::OkStatus();
    }
  }

  const std::string& path_;
  const absl::Duration deadline_;
  const BootClock clock_;
  const BootTime end_;
  UniqueFd fd_;
};

}  // namespace

absl::StatusOr<UniqueFd> ConnectHaproxy(const std::string& path) {
  MINDER_ASSIGN_OR_RETURN(const UnixAddress address, UnixAddress::Of(path));
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "socket");
  if (address.Connect(fd.get()) == 0) return fd;
  if (errno == EAGAIN) return absl::ResourceExhaustedError(path + ": too many connections wait to be accepted");
  return Unreachable(path, std::strerror(errno));
}

absl::StatusOr<std::string> AskHaproxy(const std::string& path, const std::string& line, absl::Duration deadline) {
  Conversation conversation(path, deadline);
  MINDER_RETURN_IF_ERROR(conversation.Connect());
  MINDER_RETURN_IF_ERROR(conversation.Send(line + "\n"));
  return conversation.ReceiveAll();
}

}  // namespace minder
