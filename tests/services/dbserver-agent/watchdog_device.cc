// Preloaded into minder-fence, makes a file stand for a watchdog device, which no machine of ours has: it answers the
// ioctls, and what is written to the file can be read there. MINDER_TEST_IMMORTAL: no signal ends the guarded process.
#include <dlfcn.h>
#include <linux/watchdog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>

extern "C" int ioctl(int, unsigned long request, ...) {
  va_list args;
  va_start(args, request);
  int* seconds = va_arg(args, int*);
  va_end(args);
  if (request == WDIOC_GETTIMEOUT) *seconds = 1;  // whatever was asked for
  return 0;
}

extern "C" long syscall(long number, ...) {
  va_list args;
  va_start(args, number);
  long a[6];
  for (long& value : a) value = va_arg(args, long);
  va_end(args);
  if (number == SYS_pidfd_send_signal && std::getenv("MINDER_TEST_IMMORTAL") != nullptr) return 0;
  using Syscall = long (*)(long, ...);
  static const auto next = reinterpret_cast<Syscall>(dlsym(RTLD_NEXT, "syscall"));
  return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
