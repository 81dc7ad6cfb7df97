#ifndef MINDER_TESTS_SIMULATION_SEAT_H_
#define MINDER_TESTS_SIMULATION_SEAT_H_

#include <functional>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "tests/simulation/stage.h"

namespace minder {

// A host: its boot clock, which begins anew with each boot.
struct Machine {
  absl::Time booted_at;
  std::string boot_id;
};

// Where one program of minder runs: it is paused, crashes and starts again here, and what it has scheduled waits or
// dies with it.
class Seat {
 public:
  struct Handlers {
    std::function<void()> begin;  // the program starts, with what is on its disk
    std::function<void()> end;    // it is gone
  };

  Seat(Stage& stage, const Machine& machine, std::string name, Handlers handlers)
      : stage_(stage), machine_(machine), name_(std::move(name)), handlers_(std::move(handlers)) {}

  BootTime Now() const { return SinceBoot(stage_.now() - machine_.booted_at); }
  bool running() const { return running_; }
  int life() const { return life_; }
  const std::string& name() const { return name_; }

  void Begin() {
    if (std::exchange(running_, true)) return;
    ++life_;
    paused_until_ = stage_.now();
    handlers_.begin();
  }
  void Crash(absl::Duration down) {
    if (!std::exchange(running_, false)) return;
    ++life_;
    stage_.Note(name_ + " crashes");
    handlers_.end();
    stage_.After(down, [this] { Begin(); });
  }
  void Pause(absl::Duration how_long) {
    stage_.Note(name_ + " is paused");
    paused_until_ = stage_.now() + how_long;
  }

  // For the program: later, unless it has crashed by then.
  void After(absl::Duration delay, std::function<void()> what) {
    if (!running_) return;
    stage_.After(delay, [this, life = life_, what = std::move(what)]() mutable { Run(life, std::move(what)); });
  }
  // A chance to die right here; true when it has happened, and the caller must do nothing more.
  bool CrashesAt(const char* point) {
    if (!stage_.random.Chance(crash_chance)) return false;
    stage_.Note(name_ + ": " + point);
    Crash(stage_.random.Between(absl::Milliseconds(50), absl::Seconds(3)));
    return true;
  }

  double crash_chance = 0;  // at each point

 private:
  void Run(int life, std::function<void()> what) {
    if (life != life_) return;
    if (stage_.now() < paused_until_) return After(paused_until_ - stage_.now(), std::move(what));
    what();
  }

  Stage& stage_;
  const Machine& machine_;
  std::string name_;
  Handlers handlers_;
  bool running_ = false;
  int life_ = 0;
  absl::Time paused_until_ = absl::InfinitePast();
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_SEAT_H_
