// simulate: plays seeds of the simulator, or one of them with its whole trace.
#include <atomic>
#include <chrono>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "common/core/rules.h"
#include "tests/simulation/simulation.h"
#include "tests/simulation/totals.h"

namespace minder {
namespace {

constexpr double kBetweenProgress = 10;  // seconds

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

void PrintFailure(std::uint64_t seed, const Options& options, const SimulationResult& result) {
  for (const std::string& line : result.last) std::cout << "  " << line << "\n";
  std::cout << absl::StrFormat("seed %d: %s\nreplay: build/bin/simulate --seed %d --trace%s\n", seed, result.failure,
                               seed, options.mutant == "none" ? "" : " --mutant " + options.mutant);
}

void Print(const Totals& totals, double seconds) {
  std::cout << absl::StrFormat(
      "%d seeds in %.1f s: %d failed; %d promotions in %d seeds, %d bootstraps, %d evictions, %d writes, %d seeds "
      "ended with an "
      "explained refusal, "
      "%d lost by Galera alone, %d with a human's own bootstrap\n",
      totals.seeds, seconds, totals.failed, totals.promotions, totals.promoted, totals.bootstraps, totals.evictions,
      totals.writes, totals.refused, totals.lost_by_galera, totals.humans);
  for (const Rule& rule : Rules()) {
    const auto it = totals.rules.find(rule.id);
    std::cout << absl::StrFormat("  %s in %6d seeds: %s\n", rule.id, it == totals.rules.end() ? 0 : it->second,
                                 rule.title);
  }
}

void PrintProgress(const Totals& totals, const Options& options, double seconds) {
  std::cerr << absl::StrFormat("%d of %d seeds, %d failed, %.0f s\n", totals.seeds, options.seeds, totals.failed,
                               seconds);
}

int PlayMany(const Options& options, const Mutant& mutant) {
  const auto begin = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  Totals totals;
  double next_progress = kBetweenProgress;
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
      if (elapsed() >= next_progress) {
        PrintProgress(totals, options, elapsed());
        next_progress = elapsed() + kBetweenProgress;
      }
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
  if (totals.seeds < 1000) return 0;  // too few to judge by
  const std::vector<std::string> wrong = WhyProvesNothing(totals);
  for (const std::string& why : wrong) std::cout << why << "\n";
  return wrong.empty() ? 0 : 1;
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
