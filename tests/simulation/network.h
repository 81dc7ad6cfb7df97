#ifndef MINDER_TESTS_SIMULATION_NETWORK_H_
#define MINDER_TESTS_SIMULATION_NETWORK_H_

#include <functional>
#include <vector>

#include "tests/simulation/stage.h"

namespace minder {

// Which host hears which: every direction can be cut by itself.
class Network {
 public:
  // What the network does to messages of minder. Galera's own are a part of its model.
  struct Weather {
    double drop = 0;
    double twice = 0;
    double slow = 0;  // this part is late by up to `slow_by`, and so overtaken by others
    absl::Duration slow_by = absl::ZeroDuration();
    double late_promotions = 0;  // this part of orders to promote is held back by up to 30 s
  };

  Network(Stage& stage, int hosts) : stage_(stage), hosts_(hosts), cuts_(static_cast<std::size_t>(hosts * hosts), 0) {}

  bool Hears(int from, int to) const { return from == to || cuts_[Index(from, to)] == 0; }
  bool Linked(int a, int b) const { return Hears(a, b) && Hears(b, a); }
  int hosts() const { return hosts_; }

  // Cuts may lie on one another; each is healed by itself.
  void Cut(int from, int to) { ++cuts_[Index(from, to)]; }
  void Heal(int from, int to) { --cuts_[Index(from, to)]; }
  void HealAll() { cuts_.assign(cuts_.size(), 0); }

  // Has `arrive` called once, later, twice or never.
  void Send(int from, int to, bool promotion, const std::function<void()>& arrive);

  Weather weather;

 private:
  std::size_t Index(int from, int to) const { return static_cast<std::size_t>(from * hosts_ + to); }

  Stage& stage_;
  int hosts_;
  std::vector<int> cuts_;
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_NETWORK_H_
