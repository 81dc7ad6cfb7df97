#ifndef MINDER_TESTS_LAB_WAIT_FOR_H_
#define MINDER_TESTS_LAB_WAIT_FOR_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/clock.h"

namespace minder::lab {

// Asks `condition` every 20 ms until it holds. DEADLINE_EXCEEDED with a message naming `what` was not reached, and what
// was seen last when the condition gives that: a condition returns bool, or absl::Status, whose message says what is
// missing.
inline absl::Status WaitFor(const std::function<absl::Status()>& condition, absl::Duration deadline,
                            const std::string& what) {
  const BootClock clock;
  const BootTime until = clock.Now() + deadline;
  while (true) {
    const absl::Status now = condition();
    if (now.ok()) return now;
    if (clock.Now() >= until) {
      return absl::DeadlineExceededError(
          absl::StrFormat("not reached within %s: %s (%s)", absl::FormatDuration(deadline), what, now.message()));
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
}

inline absl::Status WaitFor(const std::function<bool()>& condition, absl::Duration deadline, const std::string& what) {
  return WaitFor([&] { return condition() ? absl::OkStatus() : absl::UnavailableError("not yet"); }, deadline, what);
}

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_WAIT_FOR_H_
