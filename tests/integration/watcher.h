#ifndef MINDER_TESTS_INTEGRATION_WATCHER_H_
#define MINDER_TESTS_INTEGRATION_WATCHER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "minder/v1/services.pb.h"

namespace minder::lab {

// Watches the arbitrator as any client can, and remembers when each change arrived here.
class Watcher {
 public:
  // Returns once the first summary has arrived, or after 10 s.
  explicit Watcher(const std::string& arbitrator_address);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  using Condition = std::function<bool(const v1::StatusSummaryResponse&)>;
  // When the first summary after `since` arrived for which the condition holds; nothing when none did within
  // `deadline`.
  std::optional<BootTime> FirstAfter(BootTime since, absl::Duration deadline, const Condition& condition);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace minder::lab

#endif  // MINDER_TESTS_INTEGRATION_WATCHER_H_
