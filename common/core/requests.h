#ifndef MINDER_COMMON_CORE_REQUESTS_H_
#define MINDER_COMMON_CORE_REQUESTS_H_

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/core/drain_plan.h"
#include "common/core/facts.h"
#include "common/core/rules.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// What a human may ask of the arbitrator about primary components, and what it refuses. Pure.

// `state` with the request, or the death, as it would be recorded.
v1::ArbitratorState WithRequest(v1::ArbitratorState state, const v1::PromotionRequest& request);
v1::ArbitratorState WithDeath(v1::ArbitratorState state, const v1::Death& death);

// Whether `request` would not lead to a promotion now of just the group that it names: asks the rules themselves, with
// the request in the state. All names in it are configured.
Refusal RefuseMakePrimary(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now,
                          const v1::PromotionRequest& request);

// Why a rule refuses whatever a human asks about primary components while it matches.
struct RuleRefusal {
  std::string_view rule;
  const char* reason;
  const char* cure;
};
// nullptr when that depends on what is asked.
const RuleRefusal* FindRefusal(const Rule& rule);

// The reason of those whose cure is a recovery.
inline constexpr std::string_view kFullStop = "FULL_STOP";

// The reason of RefuseForce when the digest is of another state.
inline constexpr char kStateChanged[] = "STATE_CHANGED";

// Whether a forced request lacks what it needs: why, and the digest of the state that the human was shown, which has to
// be that of now.
Refusal RefuseForce(const v1::PromotionRequest& request, const std::string& confirm, const std::string& digest);

// Whether a human's word that `dbserver` is dead is refused: it is no member of the last primary component, or is seen
// to run, by its agent or in the view of another node.
Refusal RefuseDeath(const Facts& facts, const std::string& dbserver);

// The proof that a human gives; RefuseDeath has not refused it.
v1::Death DeathOf(const Facts& facts, const std::string& dbserver, const std::string& reason);

// Stands for all that a forced promotion rests on: 16 hex digits that differ when a node's running, primary, freshness,
// view, seqno or last primary view does, or the confirmed component, a death, a grant, the epoch, the configuration
// version. Reports that only get older, while they are fresh, change nothing.
std::string DigestOf(const v1::Configuration& config, const v1::ArbitratorState& state, const Facts& facts);

// The exact command with which a human may do what `decision` leaves undone; empty when there is none.
std::string OverrideCommand(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now,
                            const Facts& facts, const v1::Decision& decision);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_REQUESTS_H_
