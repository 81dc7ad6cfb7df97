#ifndef MINDER_TESTS_BENCH_BENCH_LAB_H_
#define MINDER_TESTS_BENCH_BENCH_LAB_H_

#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "tests/lab/lab.h"

namespace minder::bench {

constexpr absl::Duration kGiveUp = absl::Seconds(15);  // a baseline that is not there by then never gets there
inline const BootClock kClock;

inline void Say(const std::string& text) { std::cerr << "bench: " << text << "\n"; }

// A lab of a measurement's own, taken down at the end, however that comes.
class ScopedLab {
 public:
  static absl::StatusOr<ScopedLab> Up(const std::string& name, const std::string& topology, bool agents,
                                      lab::BalancerCheck check = lab::BalancerCheck::kNone,
                                      const std::string& promotion = "") {
    const std::string build = lab::OwnBuildDirectory();
    const std::string directory = build + "/lab-bench/" + name;
    MINDER_RETURN_IF_ERROR(lab::Lab::Down(directory));
    Say("bringing up the lab '" + name + "'");
    ScopedLab scoped(directory);
    MINDER_ASSIGN_OR_RETURN(scoped.lab_, lab::Lab::Up({.directory = directory,
                                                       .build_directory = build,
                                                       .topology = topology,
                                                       .agents = agents,
                                                       .check = check,
                                                       .promotion = promotion},
                                                      [](const std::string&) {}));
    return scoped;
  }
  ScopedLab(ScopedLab&& other) noexcept
      : directory_(std::exchange(other.directory_, "")), lab_(std::move(other.lab_)) {}
  ScopedLab& operator=(ScopedLab&&) = delete;
  ~ScopedLab() {
    if (!directory_.empty()) lab::Lab::Down(directory_).IgnoreError();
  }

  const lab::Lab& lab() const { return *lab_; }

 private:
  explicit ScopedLab(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;
  std::optional<lab::Lab> lab_;
};

}  // namespace minder::bench

#endif  // MINDER_TESTS_BENCH_BENCH_LAB_H_
