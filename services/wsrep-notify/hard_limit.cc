#include "services/wsrep-notify/hard_limit.h"

#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace minder {
namespace {

void Leave(int) { _exit(0); }

}  // namespace

// An exception that nobody catches ends in SIGABRT too.
void LeaveWithin(int milliseconds) {
  struct sigaction leave {};
  leave.sa_handler = Leave;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGALRM, SIGABRT, SIGSEGV, SIGBUS, SIGTERM}) {
    sigaction(signal, &leave, nullptr);
    sigaddset(&signals, signal);
  }
  sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  const itimerval limit = {.it_interval = {},
                           .it_value = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000L}};
  setitimer(ITIMER_REAL, &limit, nullptr);
}

}  // namespace minder
