// minder-fence: kills one process at a deadline (CLOCK_BOOTTIME, so that a suspended machine gains nothing), unless it
// is moved on in time. It does as little as possible, and nothing that could block before it kills. Started by the
// agent, which it outlives: PID DEADLINE_NS SOCKET, with the listening SOCKET as standard input. A connection brings
// deadlines, as 64-bit nanoseconds, 0 to ask only, and each is answered with itself; the newest connection is listened
// to.
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "common/base/version.h"

namespace {

void SetDeadline(int timer, std::int64_t ns) {
  const std::int64_t at = ns < 1 ? 1 : ns;  // 0 would disarm the timer
  itimerspec when{};
  when.it_value.tv_sec = at / 1'000'000'000;
  when.it_value.tv_nsec = at % 1'000'000'000;
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

// False when the connection has ended.
bool TakeDeadline(int connection, int timer) {
  std::int64_t ns = 0;
  const ssize_t n = recv(connection, &ns, sizeof(ns), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n != sizeof(ns)) return false;
  if (ns != 0) SetDeadline(timer, ns);
  return send(connection, &ns, sizeof(ns), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(ns);
}

int Guard(pid_t pid, std::int64_t deadline_ns, const char* socket_path) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  const int timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  if (pidfd < 0 || timer < 0) return 1;
  SetDeadline(timer, deadline_ns);
  int connection = -1;
  while (true) {
    pollfd fds[] = {{.fd = pidfd, .events = POLLIN, .revents = 0},
                    {.fd = timer, .events = POLLIN, .revents = 0},
                    {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                    {.fd = connection, .events = POLLIN, .revents = 0}};
    if (poll(fds, 4, -1) < 0) continue;
    if (fds[0].revents != 0) break;
    if (fds[3].revents != 0 && !TakeDeadline(connection, timer)) {
      close(connection);
      connection = -1;
    }
    if (fds[2].revents != 0) {
      const int newer = accept4(STDIN_FILENO, nullptr, nullptr, SOCK_CLOEXEC);
      if (newer >= 0 && connection >= 0) close(connection);
      if (newer >= 0) connection = newer;
    }
    std::uint64_t expirations = 0;  // read, for a deadline that was moved on meanwhile has not expired
    if (fds[1].revents == 0 || read(timer, &expirations, sizeof(expirations)) != sizeof(expirations)) continue;
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
    std::printf("minder-fence: killed mariadbd (pid %d): its lease had run out\n", static_cast<int>(pid));
    std::fflush(stdout);
  }
  unlink(socket_path);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("minder-fence %s\n", minder::kVersion);
    return 0;
  }
  if (argc != 4) {
    std::fprintf(stderr, "minder-fence is started by minder-dbserver, and by nobody else\n");
    return 2;
  }
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  mlockall(MCL_CURRENT | MCL_FUTURE);
  return Guard(std::atoi(argv[1]), std::atoll(argv[2]), argv[3]);
}
