#ifndef MINDER_COMMON_BASE_CLOCK_H_
#define MINDER_COMMON_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace minder {

// A moment on CLOCK_BOOTTIME, kept as an absl::Time whose epoch is the boot of this machine. It goes on while the
// machine sleeps, is never set by anybody, and is the only time that decides anything (design.md section 2). Wall time
// is absl::Now(), for humans only.
using BootTime = absl::Time;

// A boot time from the time since boot, and back; for proto fields.
inline BootTime SinceBoot(absl::Duration d) { return absl::UnixEpoch() + d; }
inline absl::Duration ToSinceBoot(BootTime t) { return t - absl::UnixEpoch(); }

class Clock {
 public:
  virtual ~Clock() = default;
  virtual BootTime Now() const = 0;
};

// The machine's CLOCK_BOOTTIME.
class BootClock : public Clock {
 public:
  BootTime Now() const override;
};

}  // namespace minder

#endif  // MINDER_COMMON_BASE_CLOCK_H_
