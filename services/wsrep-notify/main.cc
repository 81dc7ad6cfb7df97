// minder-notify, which mariadbd starts as wsrep_notify_cmd and waits for, without a limit and holding up the whole
// cluster (galera.md section 4). So: no output, exit code 0 whatever happens, and a hard limit on the time.
#include <fcntl.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include "common/base/version.h"
#include "services/wsrep-notify/arguments.h"
#include "services/wsrep-notify/hand_over.h"

namespace {

constexpr int kHardLimitMs = 100;

void Leave(int) { _exit(0); }

// The signal mask comes from mariadbd and may block anything.
void LeaveInTime() {
  struct sigaction leave {};
  leave.sa_handler = Leave;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGPIPE, SIGTERM}) {
    sigaction(signal, &leave, nullptr);
    sigaddset(&signals, signal);
  }
  sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  const itimerval limit = {.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = kHardLimitMs * 1000}};
  setitimer(ITIMER_REAL, &limit, nullptr);
  std::set_terminate([] { _exit(0); });
}

void BeSilent() {
  const int null = open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (null < 0) {
      close(fd);
    } else {
      dup2(null, fd);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("minder-notify %s\n", minder::kVersion);
    return 0;
  }
  LeaveInTime();
  BeSilent();
  const minder::NotifyArguments arguments = minder::ParseNotifyArguments(argc, argv);
  minder::HandOver(arguments.event, arguments.socket);
  _exit(0);  // without tearing down what the kernel frees anyway
}
