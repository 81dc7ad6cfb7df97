#include "tests/simulation/simulation.h"

#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <sstream>

namespace minder {
namespace {

TEST(Simulation, TheSameSeedGivesTheSameTrace) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    std::ostringstream once;
    std::ostringstream again;
    const SimulationResult first = Simulate(seed, *FindMutant("none"), &once);
    const SimulationResult second = Simulate(seed, *FindMutant("none"), &again);
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(once.str(), again.str()) << "seed " << seed;
    EXPECT_GT(first.writes, 0) << "seed " << seed;
    hashes.insert(first.hash);
  }
  EXPECT_EQ(hashes.size(), 10u);
}

// A checker that has never been seen to fail proves nothing.
class EachMutant : public ::testing::TestWithParam<Mutant> {};

TEST_P(EachMutant, IsCaught) {
  for (int seed = 1; seed <= GetParam().seeds; ++seed) {
    const SimulationResult result = Simulate(static_cast<std::uint64_t>(seed), GetParam(), nullptr);
    if (result.failure.empty()) continue;
    std::cout << GetParam().what << ": caught by seed " << seed << ": " << result.failure << "\n";
    return;
  }
  FAIL() << GetParam().what << ", and none of " << GetParam().seeds << " seeds notices";
}

INSTANTIATE_TEST_SUITE_P(Mutants, EachMutant, ::testing::ValuesIn(Mutants().begin(), Mutants().end()),
                         [](const auto& test) {
                           std::string name = test.param.name;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace minder
