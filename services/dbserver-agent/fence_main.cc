// minder-fence: kills one process at a deadline (CLOCK_BOOTTIME, so that a suspended machine gains nothing), unless it
// is moved on in time. It does as little as possible, and nothing that could block before it kills. Started by the
// agent, which it outlives: PID DEADLINE_NS SOCKET [WATCHDOG], with the listening SOCKET as standard input. A
// connection brings deadlines, as 64-bit nanoseconds, 0 to ask only, and each is answered with itself and the timeout
// of the watchdog (FenceAnswer); the newest connection is listened to.
//
// A WATCHDOG is opened first, for without it there is no guard. It is kept alive until the deadline; after that the
// machine ends by the watchdog's timeout, unless mariadbd is seen to have ended before, and so it does when this
// process hangs (Documentation/watchdog/watchdog-api.rst of Linux).
#include <fcntl.h>
#include <linux/watchdog.h>
#include <poll.h>
#include <sys/ioctl.h>
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
#include "services/dbserver-agent/fence_answer.h"

namespace {

using minder::FenceAnswer;

constexpr int kWatchdogSeconds = 10;  // asked for; the device says what it gives
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

struct Watchdog {
  int fd = -1;
  int seconds = 0;
  bool KeepAlive() const { return fd < 0 || write(fd, "", 1) == 1; }
  // Without this letter the machine would end.
  void Release() const {
    if (fd >= 0 && write(fd, "V", 1) == 1) close(fd);
  }
};

bool Open(const char* path, Watchdog& watchdog) {
  watchdog.fd = open(path, O_WRONLY | O_CLOEXEC);
  if (watchdog.fd < 0) {
    std::fprintf(stderr, "minder-fence: cannot open the watchdog %s: %m\n", path);
    return false;
  }
  int seconds = kWatchdogSeconds;
  ioctl(watchdog.fd, WDIOC_SETTIMEOUT, &seconds);  // not every device has a choice
  if (ioctl(watchdog.fd, WDIOC_GETTIMEOUT, &watchdog.seconds) == 0 && watchdog.seconds > 0 && watchdog.KeepAlive())
    return true;
  std::fprintf(stderr, "minder-fence: the watchdog %s does not say when it ends the machine: %m\n", path);
  watchdog.Release();
  return false;
}

std::int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

struct Deadline {
  int timer = -1;
  std::int64_t ns = 0;
  void Set(std::int64_t to) {
    ns = to < 1 ? 1 : to;  // 0 would disarm the timer
    itimerspec when{};
    when.it_value.tv_sec = ns / kNsPerSecond;
    when.it_value.tv_nsec = ns % kNsPerSecond;
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
  }
};

// False when the connection has ended.
bool TakeDeadline(int connection, const Watchdog& watchdog, Deadline& deadline) {
  std::int64_t ns = 0;
  const ssize_t n = recv(connection, &ns, sizeof(ns), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n != sizeof(ns)) return false;
  if (ns != 0) deadline.Set(ns);
  const FenceAnswer answer = {.deadline_ns = ns, .watchdog_ns = watchdog.seconds * kNsPerSecond};
  return send(connection, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(answer);
}

int Guard(pid_t pid, std::int64_t deadline_ns, const Watchdog& watchdog) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  Deadline deadline = {.timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)};
  if (pidfd < 0 || deadline.timer < 0) return watchdog.Release(), 1;
  deadline.Set(deadline_ns);
  const int wait_ms = watchdog.fd < 0 ? -1 : watchdog.seconds * 1000 / 4;
  int connection = -1;
  while (true) {
    pollfd fds[] = {{.fd = pidfd, .events = POLLIN, .revents = 0},
                    {.fd = deadline.timer, .events = POLLIN, .revents = 0},
                    {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                    {.fd = connection, .events = POLLIN, .revents = 0}};
    if (poll(fds, 4, wait_ms) < 0) continue;
    if (fds[0].revents != 0) break;
    if (fds[3].revents != 0 && !TakeDeadline(connection, watchdog, deadline)) {
      close(connection);
      connection = -1;
    }
    if (fds[2].revents != 0) {
      const int newer = accept4(STDIN_FILENO, nullptr, nullptr, SOCK_CLOEXEC);
      if (newer >= 0 && connection >= 0) close(connection);
      if (newer >= 0) connection = newer;
    }
    if (NowNs() < deadline.ns) watchdog.KeepAlive();
    std::uint64_t expirations = 0;  // read, for a deadline that was moved on meanwhile has not expired
    if (fds[1].revents == 0 || read(deadline.timer, &expirations, sizeof(expirations)) != sizeof(expirations)) continue;
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
    std::printf("minder-fence: killed mariadbd (pid %d): its lease had run out\n", static_cast<int>(pid));
    std::fflush(stdout);
  }
  watchdog.Release();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("minder-fence %s\n", minder::kVersion);
    return 0;
  }
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "minder-fence is started by minder-dbserver, and by nobody else\n");
    return 2;
  }
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  mlockall(MCL_CURRENT | MCL_FUTURE);
  Watchdog watchdog;
  const int code = argc == 5 && !Open(argv[4], watchdog) ? 1 : Guard(std::atoi(argv[1]), std::atoll(argv[2]), watchdog);
  unlink(argv[3]);
  return code;
}
