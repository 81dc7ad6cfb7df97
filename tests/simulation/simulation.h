#ifndef MINDER_TESTS_SIMULATION_SIMULATION_H_
#define MINDER_TESTS_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "tests/simulation/mutants.h"

namespace minder {

// What became of one seed.
struct SimulationResult {
  std::string failure;            // what did not hold; empty when all did
  std::vector<std::string> last;  // the last lines of the trace
  std::uint64_t hash = 0;         // of the whole trace
  std::map<std::string, int> rules;
  int promotions = 0;  // of groups
  int bootstraps = 0;  // of first nodes
  int evictions = 0;
  int writes = 0;
  int lost_by_galera = 0;  // acknowledged writes that were in the memory of a dead process alone
  std::string refusal;     // the rule and reason with which it ended without a primary component; empty otherwise
  bool human = false;      // a human bootstrapped by hand
};

// Plays one seed to its end: a healthy cluster, then faults for some seconds, then peace until everything has come
// together again. The same seed gives the same result. `trace` may be nullptr.
SimulationResult Simulate(std::uint64_t seed, const Mutant& mutant, std::ostream* trace);

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_SIMULATION_H_
