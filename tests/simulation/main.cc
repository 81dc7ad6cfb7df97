// simulate: plays seeds of the simulator, or one of them with its whole trace.
#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <set>
#include <thread>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "common/core/rules.h"
#include "tests/simulation/simulation.h"

namespace minder {
namespace {

struct Options {
  std::uint64_t first = 1;
  std::uint64_t seeds = 2000;
  std::uint64_t seed = 0;
  bool trace = false;
  bool list = false;
  std::string mutant = "none";
  int jobs = 1;
  int failures = 1;
  double seconds = 1e9;
};

// What all seeds together have shown.
struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t failed = 0;
  std::uint64_t promoted = 0;
  std::uint64_t promotions = 0;
  std::uint64_t evictions = 0;
  std::uint64_t refused = 0;
  std::uint64_t writes = 0;
  std::uint64_t lost_by_galera = 0;
  std::uint64_t humans = 0;
  std::map<std::string, std::uint64_t> rules;  // in how many seeds each matched
  std::map<std::string, std::uint64_t> refusals;

  void Add(const SimulationResult& result) {
    ++seeds;
    failed += result.failure.empty() ? 0 : 1;
    promoted += result.promotions > 0 ? 1 : 0;
    promotions += static_cast<std::uint64_t>(result.promotions);
    evictions += static_cast<std::uint64_t>(result.evictions);
    writes += static_cast<std::uint64_t>(result.writes);
    lost_by_galera += static_cast<std::uint64_t>(result.lost_by_galera);
    humans += result.human ? 1 : 0;
    if (!result.refusal.empty()) ++refused, ++refusals[result.refusal];
    for (const auto& [rule, count] : result.rules) ++rules[rule];
  }
};

void PrintFailure(std::uint64_t seed, const Options& options, const SimulationResult& result) {
  for (const std::string& line : result.last) std::cout << "  " << line << "\n";
  std::cout << absl::StrFormat("seed %d: %s\nreplay: build/bin/simulate --seed %d --trace%s\n", seed, result.failure,
                               seed, options.mutant == "none" ? "" : " --mutant " + options.mutant);
}

void Print(const Totals& totals, double seconds) {
  std::cout << absl::StrFormat(
      "%d seeds in %.1f s: %d failed; %d promotions in %d seeds, %d evictions, %d writes, %d seeds ended with an "
      "explained refusal, "
      "%d lost by Galera alone, %d with a human's own bootstrap\n",
      totals.seeds, seconds, totals.failed, totals.promotions, totals.promoted, totals.evictions, totals.writes,
      totals.refused, totals.lost_by_galera, totals.humans);
  for (const Rule& rule : Rules()) {
    const auto it = totals.rules.find(rule.id);
    std::cout << absl::StrFormat("  %s in %6d seeds: %s\n", rule.id, it == totals.rules.end() ? 0 : it->second,
                                 rule.title);
  }
}

bool EveryRuleHit(const Totals& totals) {
  bool all = true;
  for (const Rule& rule : Rules()) {
    if (totals.rules.contains(rule.id)) continue;
    std::cout << "no seed hit " << rule.id << ": " << rule.title << "\n";
    all = false;
  }
  return all;
}

int PlayMany(const Options& options, const Mutant& mutant) {
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  Totals totals;
  std::mutex mutex;
  std::atomic<std::uint64_t> next = options.first;
  std::atomic<int> failures = 0;
  const auto work = [&] {
    while (failures < options.failures && elapsed() < options.seconds) {
      const std::uint64_t seed = next++;
      if (seed >= options.first + options.seeds) return;
      const SimulationResult result = Simulate(seed, mutant, nullptr);
      const std::lock_guard lock(mutex);
      totals.Add(result);
      if (result.failure.empty()) continue;
      ++failures;
      PrintFailure(seed, options, result);
    }
  };
  std::vector<std::jthread> workers;
  for (int i = 1; i < options.jobs; ++i) workers.emplace_back(work);
  work();
  workers.clear();
  Print(totals, elapsed());
  if (options.list) {
    for (const auto& [refusal, count] : totals.refusals) std::cout << absl::StrFormat("%6d %s\n", count, refusal);
  }
  if (totals.failed > 0) return 1;
  // A simulation in which something never happens proves nothing about it.
  return totals.seeds < 1000 || EveryRuleHit(totals) ? 0 : 1;
}

int PlayOne(const Options& options, const Mutant& mutant) {
  const SimulationResult result = Simulate(options.seed, mutant, options.trace ? &std::cout : nullptr);
  std::cout << absl::StrFormat("seed %d: %s; trace %016x\n", options.seed,
                               result.failure.empty() ? "nothing wrong" : result.failure, result.hash);
  if (!result.refusal.empty()) std::cout << "nothing was promoted in the end: " << result.refusal << "\n";
  return result.failure.empty() ? 0 : 1;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Plays minder and a model of Galera through faults that a seed chooses.");
  app.add_option("--seed", options.seed, "play this seed alone");
  app.add_flag("--trace", options.trace, "show all that happens in it");
  app.add_option("--seeds", options.seeds, "how many seeds")->capture_default_str();
  app.add_option("--first", options.first, "the first of them")->capture_default_str();
  app.add_option("--mutant", options.mutant, "take away this rule of safety")->capture_default_str();
  app.add_option("--jobs", options.jobs, "how many at a time")->capture_default_str();
  app.add_option("--failures", options.failures, "stop after so many")->capture_default_str();
  app.add_option("--seconds", options.seconds, "stop after so long");
  app.add_flag("--refusals", options.list, "list why nothing was promoted in the end");
  CLI11_PARSE(app, argc, argv);
  const Mutant* mutant = FindMutant(options.mutant);
  if (mutant == nullptr) {
    std::cerr << "no such mutant; there are:\n";
    for (const Mutant& known : Mutants()) std::cerr << absl::StrFormat("  %-24s %s\n", known.name, known.what);
    return 2;
  }
  return options.seed != 0 ? PlayOne(options, *mutant) : PlayMany(options, *mutant);
}

}  // namespace
}  // namespace minder

int main(int argc, char** argv) { return minder::Main(argc, argv); }
