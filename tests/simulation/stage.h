#ifndef MINDER_TESTS_SIMULATION_STAGE_H_
#define MINDER_TESTS_SIMULATION_STAGE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <ostream>
#include <queue>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace minder {

// The only source of chance in a simulation: the same numbers for the same seed on every machine (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next();
  int Below(int n) { return static_cast<int>(Next() % static_cast<std::uint64_t>(n)); }
  bool Chance(double probability) { return static_cast<double>(Next() >> 11) < probability * 0x1p53; }
  absl::Duration Between(absl::Duration low, absl::Duration high);
  template <typename T>
  const T& Pick(const std::vector<T>& items) {
    return items[static_cast<std::size_t>(Below(static_cast<int>(items.size())))];
  }

 private:
  std::uint64_t state_;
};

// What happened, a line each: hashed, so that two runs can be compared, and the last lines kept for a failure.
class Trace {
 public:
  explicit Trace(std::ostream* out) : out_(out) {}

  void Add(absl::Time now, const std::string& line);
  std::uint64_t hash() const { return hash_; }
  const std::deque<std::string>& last() const { return last_; }

 private:
  std::ostream* out_;  // nullptr: nobody reads along
  std::uint64_t hash_ = 0xcbf29ce484222325u;
  std::deque<std::string> last_;
};

// Simulated time, which only events move, and what every part of a simulation shares.
class Stage {
 public:
  Stage(std::uint64_t seed, std::ostream* out) : random(seed), trace_(out) {}
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  absl::Time now() const { return now_; }
  void At(absl::Time when, std::function<void()> what);
  void After(absl::Duration delay, std::function<void()> what) { At(now_ + delay, std::move(what)); }
  // Runs the next event; false when there is none before `until`. Events of one moment keep the order of their calls.
  bool Step(absl::Time until);

  void Note(const std::string& line) { trace_.Add(now_, line); }
  const Trace& trace() const { return trace_; }

  Random random;

 private:
  struct Event {
    absl::Time when;
    std::uint64_t number;
    std::function<void()> what;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.when != b.when ? a.when > b.when : a.number > b.number;
    }
  };

  absl::Time now_ = absl::UnixEpoch();
  std::uint64_t events_ = 0;
  std::priority_queue<Event, std::vector<Event>, Later> queue_;
  Trace trace_;
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_STAGE_H_
