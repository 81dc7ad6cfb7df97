#ifndef MINDER_COMMON_CORE_FACTS_H_
#define MINDER_COMMON_CORE_FACTS_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// What is known of one configured dbserver at one moment. A stale report makes every answer unknown: it says what was,
// not what is.
struct NodeFacts {
  const v1::DbserverConfig* config = nullptr;
  const v1::DbStatusReport* report = nullptr;  // the last one, fresh or not; nullptr before the first
  const v1::DrainRecord* drain = nullptr;      // nullptr when none is in force
  absl::Duration age = absl::InfiniteDuration();
  bool fresh = false;
  v1::Ternary running = v1::TERNARY_UNKNOWN;
  v1::Ternary primary = v1::TERNARY_UNKNOWN;
  bool synced = false;   // fresh, Primary, Synced and ready
  bool serving = false;  // synced, and neither drained nor being drained
};

// What is known of one configured dbclient.
struct BalancerFacts {
  const v1::DbclientConfig* config = nullptr;
  const v1::BalancerReport* report = nullptr;
  absl::Duration age = absl::InfiniteDuration();
  bool fresh = false;  // reported lately, and could read its balancer
};

// One three-valued fact that rules look at, with what it rests on.
struct Fact {
  v1::Ternary value = v1::TERNARY_UNKNOWN;
  std::string detail;
};

// Everything that rules look at, computed once for a decision.
struct Facts {
  std::vector<NodeFacts> nodes;          // in the order of the configuration
  std::vector<BalancerFacts> balancers;  // likewise
  Fact reports_fresh;                    // every dbserver reported lately
  Fact primary_component;  // there is exactly one that we see; unknown while somebody who could be in one is not seen
  Fact all_synced;         // every dbserver is Synced in it
  Fact none_drained;       // no drain is in force
  Fact balancers_in_step;  // every balancer has what its plan wants
  Fact configuration_agrees;  // every party that reports runs this version
};

// Pure. `now` is on the clock of the arbitrator, as are the times in `state`.
Facts GatherFacts(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now);

// The facts in the order of the struct, with their names, as Decision.evidence shows them.
std::vector<v1::Evidence> EvidenceOf(const Facts& facts);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_FACTS_H_
