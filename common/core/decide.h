#ifndef MINDER_COMMON_CORE_DECIDE_H_
#define MINDER_COMMON_CORE_DECIDE_H_

#include "common/base/clock.h"
#include "common/core/facts.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// The mind of the arbitrator (design.md section 4): deterministic, total, without I/O. The shell persists `next`
// and `records` when `next` differs from state.durable(), and only then sends what differs from the orders that it
// sent before.
v1::Decision Decide(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now);

// The same, from facts that are gathered already.
v1::Decision Decide(const v1::Configuration& config, const v1::ArbitratorState& state, const Facts& facts,
                    BootTime now);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_DECIDE_H_
