#include "tests/bench/non_primary.h"

#include "common/base/status_macros.h"
#include "tests/bench/bench_lab.h"

namespace minder::bench {

absl::StatusOr<BootTime> NonPrimaryAt(const lab::Lab& lab, const std::string& node) {
  MINDER_ASSIGN_OR_RETURN(lab::SqlSession session, lab::SqlSession::Open(lab.ObserverAt(node)));
  const BootTime until = kClock.Now() + absl::Seconds(40);
  while (kClock.Now() < until) {
    const auto status = session.Query("SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'");
    if (!status.ok()) return status.status();
    if (status->rows.size() == 1 && status->rows[0][1] == "non-Primary") return kClock.Now();
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::DeadlineExceededError(node + " stays Primary");
}

}  // namespace minder::bench
