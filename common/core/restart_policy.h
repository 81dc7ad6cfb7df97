#ifndef MINDER_COMMON_CORE_RESTART_POLICY_H_
#define MINDER_COMMON_CORE_RESTART_POLICY_H_

#include <algorithm>
#include <optional>

#include "common/base/clock.h"

namespace minder {

// When to start a server again that ended without being asked to: at once, then after 1, 2, 4 … 60 s, from the
// beginning again when it had been up for 60 s. A stop that was asked for is not followed by a start.
class RestartPolicy {
 public:
  static constexpr absl::Duration kFirstDelay = absl::Seconds(1);
  static constexpr absl::Duration kLongestDelay = absl::Seconds(60);
  static constexpr absl::Duration kStableAfter = absl::Seconds(60);
  // Who was ended by order is in the way of a promotion, and would be so again with its old view: it is not started for
  // so long, unless it is told to. A promotion takes less.
  static constexpr absl::Duration kWordAfterEnd = absl::Seconds(10);

  // The server was started, or found running.
  void OnStarted(BootTime now) {
    started_at_ = now;
    restart_at_.reset();
  }

  // It ended, or could not be started.
  void OnUnexpectedExit(BootTime now) {
    if (started_at_.has_value() && now - *started_at_ >= kStableAfter) next_delay_ = absl::ZeroDuration();
    started_at_.reset();
    restart_at_ = now + next_delay_;
    next_delay_ = std::clamp(next_delay_ * 2, kFirstDelay, kLongestDelay);
  }

  // It is to be started, and did not fail: it was ended by order, or by nobody who is known.
  void OnAbsent(BootTime now) { restart_at_ = now; }

  // It ended because somebody asked for that.
  void OnExpectedExit() {
    started_at_.reset();
    restart_at_.reset();
  }

  // When to start it; nothing when it runs or is to stay down.
  std::optional<BootTime> restart_at() const { return restart_at_; }

 private:
  std::optional<BootTime> started_at_;
  std::optional<BootTime> restart_at_;
  absl::Duration next_delay_ = absl::ZeroDuration();
};

}  // namespace minder

#endif  // MINDER_COMMON_CORE_RESTART_POLICY_H_
