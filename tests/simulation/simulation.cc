#include "tests/simulation/simulation.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "common/core/lease.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/world.h"

namespace minder {
namespace {

constexpr absl::Duration kBetweenWrites = absl::Milliseconds(300);
constexpr absl::Duration kPeaceAfter = absl::Seconds(3);
constexpr absl::Duration kLongestPeace = absl::Seconds(70);

void KeepWriting(World& world) {
  world.galera.Write();
  world.stage.After(kBetweenWrites, [&world] { KeepWriting(world); });
}

std::string RuleOf(World& world) { return world.arbitrator() == nullptr ? "" : world.arbitrator()->last().rule(); }

// One primary component, of everybody who can be reached, and the arbitrator says so.
bool IsWhole(World& world, const Faults& faults) {
  if (world.galera.Live().size() != 1) return false;
  int synced = 0;
  bool held_back = false;  // with data that the others lack, until a human has looked at it
  for (int host = 0; host < world.nodes(); ++host) {
    synced += world.galera.Synced(host) ? 1 : 0;
    held_back |= !world.galera.Runs(host);
  }
  if (held_back && RuleOf(world) == "R200") return synced > 0;
  if (faults.sites_stay_cut()) return synced > 0 && RuleOf(world) == "R200";
  return synced == world.nodes() && RuleOf(world) == "R100";
}

// The agent that was ordered to promote cannot tell whether it still may: its disk says so (ADR 0007).
bool IsInDoubt(World& world) {
  const v1::Grant& grant = world.durable.grant();
  const auto target = std::ranges::find(world.names, grant.target());
  if (grant.state() != v1::GRANT_STATE_ORDERED || target == world.names.end()) return false;
  const v1::OrderStatus& order = world.promise(static_cast<int>(target - world.names.begin())).make_primary();
  return order.epoch() == grant.epoch() && order.outcome() == v1::ORDER_OUTCOME_STARTED;
}

// It is said why nothing is promoted, or what may still be carried out. Of servers that answer nobody, as those do that
// wait for others, not even that is known.
bool IsRefused(World& world) {
  if (world.arbitrator() == nullptr) return false;
  if (IsInDoubt(world) && RuleOf(world) == "R030") return true;
  if (!world.galera.Live().empty()) return false;
  bool answered = false;
  for (int host = 0; host < world.nodes(); ++host) answered |= world.galera.Ask(host).has_value();
  const std::string rule = RuleOf(world);
  const bool for_a_human = rule == "R330" || rule == "R340" || rule == "R350";  // minderctl recover
  return absl::StartsWith(rule, "R4") || (!answered && (rule == "R900" || for_a_human));
}

void Converge(World& world, const Faults& faults, SimulationResult& result) {
  const absl::Time limit = world.stage.now() + kLongestPeace;
  int whole = 0;
  while (whole < 3 && world.stage.now() < limit && world.checks.failure().empty()) {
    // Time goes on also when nothing happens: somebody always writes.
    world.RunUntil(world.stage.now() + absl::Seconds(1));
    whole = IsWhole(world, faults) ? whole + 1 : 0;
  }
  if (whole == 3 || world.checks.human()) return;
  if (!IsRefused(world)) {
    world.checks.Fail(absl::StrFormat("no end after %s: %d live primary components, %s: %s",
                                      absl::FormatDuration(kLongestPeace), world.galera.Live().size(), RuleOf(world),
                                      world.arbitrator() == nullptr ? "" : world.arbitrator()->last().reason()));
    return;
  }
  result.refusal = absl::StrFormat("%s: %s", RuleOf(world), world.arbitrator()->last().reason());
}

}  // namespace

SimulationResult Simulate(std::uint64_t seed, const Mutant& mutant, std::ostream* trace) {
  SimulationResult result;
  World world(seed, mutant, trace);
  if (GuardsInUse(world.config)) world.checks.OnGuards();
  if (world.config.promotion().tie() == v1::Promotion::SWITCH_ON) {
    world.checks.OnTie();
    world.galera.ExpectNoForks();
  }
  Faults faults(world);
  world.Begin();
  KeepWriting(world);
  const absl::Time war = world.stage.now() + kPeaceAfter;
  const absl::Time peace = war + world.stage.random.Between(absl::Seconds(8), absl::Seconds(30));
  world.RunUntil(war);
  faults.Begin();
  world.RunUntil(peace);
  if (world.checks.failure().empty()) {
    faults.End();
    Converge(world, faults, result);
  }
  result.failure = world.checks.failure();
  result.last = {world.stage.trace().last().begin(), world.stage.trace().last().end()};
  result.hash = world.stage.trace().hash();
  result.rules = world.rules;
  result.promotions = world.checks.promotions();
  result.bootstraps = world.checks.bootstraps();
  result.evictions = world.evictions;
  result.writes = world.galera.writes();
  result.lost_by_galera = world.galera.lost_by_galera();
  result.human = world.checks.human();
  return result;
}

}  // namespace minder
