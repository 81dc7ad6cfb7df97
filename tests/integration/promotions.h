#ifndef MINDER_TESTS_INTEGRATION_PROMOTIONS_H_
#define MINDER_TESTS_INTEGRATION_PROMOTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "minder/v1/services.pb.h"
#include "tests/lab/balancer_watch.h"
#include "tests/lab/observer.h"

namespace minder::lab {

// A promotion that was ordered, as the arbitrator's history tells it, and whose order its target got in time.
struct Promotion {
  std::uint64_t epoch = 0;
  BootTime ordered_at;  // when that was recorded, which is before anybody was told
  std::vector<std::string> group;
  // By node: since when a primary component of it with somebody of the group is on record, which may have been too
  // short for a sample. As its members had it on disk, each of them.
  std::map<std::string, BootTime> merged_at{};
};

// Oldest first. A start of a first node after a full stop is none. `booted` is the wall time of the machine's boot.
std::vector<Promotion> PromotionsIn(const v1::HistoryResponse& history, absl::Time booted);
absl::Time BootedAt();

// Invariant I6: the chain of the whole history holds; each promotion and each start of a first node was recorded once,
// under an epoch higher than all before, and with evidence unless it was of all `nodes`; no record of a grant follows
// one of a later grant. INTERNAL names the record.
absl::Status CheckRecords(const v1::HistoryResponse& history, std::size_t nodes);

// Invariant I3 over the observer's samples by node: after a promotion was ordered, the first marker write that commits
// on a node outside of the group does so in one component with somebody of the group, or after it was in one. INTERNAL
// tells the sample.
absl::Status CheckDeposedCommitNothing(const std::vector<Promotion>& promotions,
                                       const std::map<std::string, std::vector<Sample>>& samples);

// Invariant I4: from 1 s after the order until then, the balancer gives such a node no new session. Old ones may be
// left: HAProxy counts one whose client has gone until a server that does not answer closes it, and cannot be told to.
absl::Status CheckDeposedGetNoSession(const std::vector<Promotion>& promotions,
                                      const std::map<std::string, std::vector<Sample>>& samples,
                                      const std::vector<BalancerSample>& balancer);

}  // namespace minder::lab

#endif  // MINDER_TESTS_INTEGRATION_PROMOTIONS_H_
