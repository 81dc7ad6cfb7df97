#ifndef MINDER_TESTS_SIMULATION_MUTANTS_H_
#define MINDER_TESTS_SIMULATION_MUTANTS_H_

#include <span>
#include <string_view>

#include "common/base/clock.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// One rule of safety taken away, by wrapping what is shipped: the simulator has to notice.
struct Mutant {
  const char* name = "none";
  const char* what = "as it is shipped";
  // Alters what Decide is shown.
  void (*mind)(const v1::Configuration&, v1::ArbitratorState&, BootTime now) = nullptr;
  bool newest_nonce = false;      // the agent takes each order as if it quoted its newest report
  bool send_first = false;        // orders are sent before they are recorded
  bool volatile_promise = false;  // an agent's promise is not on its disk
  bool late_bootstrap = false;    // the server does not look at the time
  bool merges_unseen = false;     // who was counted out is not refused
  bool leases_go_on = false;      // who is left behind by a grant is given leases all the same
  bool forgetful = false;         // what was recorded is gone when the arbitrator starts again
  bool refuses = false;           // it does no harm in any seed, and ends too many with a refusal
  int first = 1;                  // from this seed on
  int seeds = 500;                // so many are enough to catch it
};

// All but the first, which is none.
std::span<const Mutant> Mutants();

// nullptr when there is none of that name.
const Mutant* FindMutant(std::string_view name);

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_MUTANTS_H_
