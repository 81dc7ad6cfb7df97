#include "tests/simulation/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/simulation/totals.h"

namespace minder {
namespace {

using ::testing::HasSubstr;

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

// Of 200 seeds.
std::string WhyRefusesTooMuch(const Mutant& mutant) {
  Totals totals;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) totals.Add(Simulate(seed, mutant, nullptr));
  EXPECT_EQ(totals.failed, 0u);
  return WhyRefusesTooMuch(totals);
}

// That nothing bad happens is not enough.
TEST(Simulation, WhoeverAlwaysRefusesIsCaughtByTheShareOfRefusals) {
  EXPECT_EQ(WhyRefusesTooMuch(*FindMutant("none")), "");
  EXPECT_THAT(WhyRefusesTooMuch(*FindMutant("refuses-all")), HasSubstr("and 0 saw a promotion"));
}

// Those that do harm in some seed.
std::vector<std::string> MutantNames() {
  std::vector<std::string> names;
  for (const Mutant& mutant : Mutants()) {
    if (!mutant.refuses) names.emplace_back(mutant.name);
  }
  return names;
}

// A checker that has never been seen to fail proves nothing.
class EachMutant : public ::testing::TestWithParam<std::string> {};

TEST_P(EachMutant, IsCaught) {
  const Mutant& mutant = *FindMutant(GetParam());
  for (int seed = mutant.first; seed < mutant.first + mutant.seeds; ++seed) {
    const SimulationResult result = Simulate(static_cast<std::uint64_t>(seed), mutant, nullptr);
    if (result.failure.empty()) continue;
    std::cout << mutant.what << ": caught by seed " << seed << ": " << result.failure << "\n";
    return;
  }
  FAIL() << mutant.what << ", and none of " << mutant.seeds << " seeds notices";
}

INSTANTIATE_TEST_SUITE_P(Mutants, EachMutant, ::testing::ValuesIn(MutantNames()), [](const auto& test) {
  std::string name = test.param;
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace minder
