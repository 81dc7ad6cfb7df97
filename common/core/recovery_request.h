#ifndef MINDER_COMMON_CORE_RECOVERY_REQUEST_H_
#define MINDER_COMMON_CORE_RECOVERY_REQUEST_H_

#include <string>

#include "common/base/clock.h"
#include "common/core/drain_plan.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"
#include "minder/v1/services.pb.h"

namespace minder {

// What a human may ask for after a full stop, and what is refused. Pure.

// `state` with the recovery as it would be recorded.
v1::ArbitratorState WithRecovery(v1::ArbitratorState state, const v1::Recovery& recovery);

// Whether `recovery` would come to nothing now, and what to do about that: asks the rules themselves. All names in it
// are configured.
Refusal RefuseRecover(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now,
                      const v1::Recovery& recovery);

// Stands for what a human confirms: the plan, with every position in it. Whether a server has been started meanwhile
// and waits for the others, or not yet, changes nothing of that.
std::string PlanDigest(const v1::Configuration& config, const v1::DurableState& durable, v1::RecoveryPlan plan);

// Whether it lacks what it needs: a reason for what is given up, and the digest of the plan that the human was shown,
// which has to be that of now.
Refusal RefuseUnconfirmed(const v1::Recovery& recovery, const std::string& confirm, const std::string& digest);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_RECOVERY_REQUEST_H_
