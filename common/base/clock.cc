#include "common/base/clock.h"

#include <ctime>

namespace minder {

BootTime BootClock::Now() const {
  timespec ts;
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return SinceBoot(absl::DurationFromTimespec(ts));
}

}  // namespace minder
