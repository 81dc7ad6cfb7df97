#include "tests/services/dbclient-agent/haproxy_process.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/unix_address.h"
#include "services/dbclient-agent/haproxy_socket.h"

namespace minder {
namespace {

bool Readable(int fd) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) == 1;
}

}  // namespace

bool WaitUntil(const std::function<bool()>& condition, absl::Duration deadline) {
  const absl::Time end = absl::Now() + deadline;
  while (!condition()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return true;
}

SilentListener::SilentListener() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  MINDER_CHECK(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(fd_.get(), 64) == 0);
  MINDER_CHECK(getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
}

SilentListener::SilentListener(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  MINDER_CHECK(UnixAddress::Of(path)->Bind(fd_.get()) == 0);
  MINDER_CHECK(listen(fd_.get(), 64) == 0);
}

HaproxyProcess::HaproxyProcess() : servers_(3) {
  directory_ = std::filesystem::temp_directory_path() / "minder-haproxy-XXXXXX";
  MINDER_CHECK(mkdtemp(directory_.data()) != nullptr);
  Configure(DefaultServers());
}

HaproxyProcess::~HaproxyProcess() {
  if (process_.pid > 0) Kill();
  std::filesystem::remove_all(directory_);
}

std::vector<std::string> HaproxyProcess::DefaultServers() const {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    lines.push_back(absl::StrFormat("server node%d 127.0.0.1:%d", i + 1, servers_[i].port()));
  }
  return lines;
}

void HaproxyProcess::Configure(const std::vector<std::string>& servers) {
  std::ofstream file(directory_ + "/haproxy.cfg");
  file << "global\n  maxconn 200\n  stats socket " << socket() << " level admin\n"
       << "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1m\n  timeout server 1m\n"
       << "listen galera\n  bind unix@" << directory_ << "/front.sock\n";
  for (const std::string& server : servers) file << "  " << server << "\n";
}

void HaproxyProcess::Launch(const std::vector<std::string>& more_arguments) {
  std::vector<std::string> argv = {"haproxy", "-db", "-f", directory_ + "/haproxy.cfg"};
  argv.insert(argv.end(), more_arguments.begin(), more_arguments.end());
  absl::StatusOr<Spawned> spawned = Spawn(argv, directory_ + "/haproxy.log");
  MINDER_CHECK(spawned.ok());
  process_ = *std::move(spawned);
  const std::string me = absl::StrFormat("Pid: %d\n", process_.pid);
  MINDER_CHECK(WaitUntil([&] { return Command("show info").find(me) != std::string::npos; }));
}

void HaproxyProcess::Start() { Launch({}); }

void HaproxyProcess::Kill() {
  kill(process_.pid, SIGKILL);
  MINDER_CHECK(WaitUntil([&] { return Reap(process_.pid).ok(); }));
  process_ = {};
}

UniqueFd HaproxyProcess::Reload() {
  const Spawned old = std::exchange(process_, {});
  Launch({"-sf", std::to_string(old.pid)});
  absl::StatusOr<UniqueFd> pidfd = OpenPidfd(old.pid);
  MINDER_CHECK(pidfd.ok());
  return *std::move(pidfd);
}

UniqueFd HaproxyProcess::OpenSession() const {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (UnixAddress::Of(directory_ + "/front.sock")->Connect(fd.get()) != 0) fd.reset();
  return fd;
}

std::string HaproxyProcess::Command(const std::string& line) const {
  return AskHaproxy(socket(), line, absl::Seconds(2)).value_or("");
}

bool IsClosed(const UniqueFd& session) {
  char byte;
  return Readable(session.get()) && recv(session.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

bool HasEnded(const UniqueFd& pidfd) { return Readable(pidfd.get()); }

}  // namespace minder
