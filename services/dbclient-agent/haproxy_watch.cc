#include "services/dbclient-agent/haproxy_watch.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "services/dbclient-agent/haproxy_socket.h"

namespace minder {
namespace {

constexpr absl::Duration kFirstRetry = absl::Milliseconds(5);
constexpr absl::Duration kSlowestRetry = absl::Milliseconds(200);
// `prompt` keeps the connection open after the first answer; HAProxy would end it after 10 s of silence, so that is a
// day.
constexpr std::string_view kStayOpen = "prompt\nset timeout cli 86400\n";

}  // namespace

HaproxyWatch::HaproxyWatch(EventLoop& loop, std::string socket, Handlers handlers)
    : loop_(loop), socket_(std::move(socket)), handlers_(std::move(handlers)), backoff_(kFirstRetry) {
  Connect();
}

HaproxyWatch::~HaproxyWatch() {
  if (fd_.ok()) loop_.Unwatch(fd_.get());
  loop_.Cancel(retry_);
}

void HaproxyWatch::Renew() {
  if (!fd_.ok()) return;  // a retry is pending
  loop_.Unwatch(fd_.get());
  fd_.reset();
  Connect();
}

void HaproxyWatch::Connect() {
  answered_ = false;
  absl::StatusOr<UniqueFd> fd = ConnectHaproxy(socket_);
  if (!fd.ok() || send(fd->get(), kStayOpen.data(), kStayOpen.size(), MSG_NOSIGNAL) < 0) {
    RetryLater();
    return;
  }
  fd_ = *std::move(fd);
  loop_.Watch(fd_.get(), EPOLLIN | EPOLLRDHUP, [this] { ReadSome(); });
}

void HaproxyWatch::ReadSome() {
  std::array<char, 4096> ignored;
  const ssize_t n = recv(fd_.get(), ignored.data(), ignored.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    Lost();
  } else if (!std::exchange(answered_, true)) {
    backoff_ = kFirstRetry;
    handlers_.on_up();
  }
}

void HaproxyWatch::Lost() {
  loop_.Unwatch(fd_.get());
  fd_.reset();
  const bool was_up = std::exchange(answered_, false);
  RetryLater();
  if (was_up) handlers_.on_down();
}

void HaproxyWatch::RetryLater() {
  retry_ = loop_.After(backoff_, [this] { Connect(); });
  backoff_ = std::min(backoff_ * 2, kSlowestRetry);
}

}  // namespace minder
