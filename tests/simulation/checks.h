#ifndef MINDER_TESTS_SIMULATION_CHECKS_H_
#define MINDER_TESTS_SIMULATION_CHECKS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "minder/v1/decision.pb.h"
#include "tests/simulation/galera.h"

namespace minder {

// What must hold in every run, seen from outside: the truth of the model, the disks, and the messages. Uses nothing of
// the core.
class Checks {
 public:
  // `promises` is what the agents have on their disks, by host.
  Checks(const Galera& galera, std::vector<std::string> names, const std::vector<v1::AgentPromise>& promises)
      : galera_(galera), names_(std::move(names)), promises_(promises) {}

  // The arbitrator has this on its disk.
  void OnRecorded(const v1::DurableState& state);
  // It sends this order.
  void OnOrdered(int host, const v1::MakePrimary& order);
  // The agent of the host has this on its disk.
  void OnPromised(int host, const v1::AgentPromise& before, const v1::AgentPromise& now);
  // A server carries out a promotion, and a primary view will come of it.
  void OnPromotion(int host, std::uint64_t epoch);
  // Whose writes since the last common primary view are given up by it: those that were ended by their guards (E2).
  std::vector<int> GivenUpBy(std::uint64_t epoch) const;
  // After each event.
  void Look();
  // Nodes fence themselves.
  void OnGuards() { guards_ = true; }
  // Votes may stand for who is not heard.
  void OnTie() { tie_ = true; }
  // A human bootstraps with his own hands: what comes of it is his.
  void OnHumanBootstrap() { human_ = true; }

  void Fail(const std::string& what);
  // The first thing that did not hold; empty while all does.
  const std::string& failure() const { return failure_; }
  // Of a group that was there, and of a first node after a full stop.
  int promotions() const { return static_cast<int>(carried_out_.size()) - bootstraps_; }
  int bootstraps() const { return bootstraps_; }
  bool human() const { return human_; }

 private:
  void CheckEvidence(const v1::DurableState& state);
  int HostOf(const std::string& name) const;

  const Galera& galera_;
  const std::vector<std::string> names_;
  const std::vector<v1::AgentPromise>& promises_;
  std::map<std::uint64_t, v1::Grant> ordered_;        // as recorded when they were given
  std::map<std::uint64_t, std::vector<int>> fenced_;  // hosts of which only the guard is evidence, by epoch
  std::uint64_t highest_epoch_ = 0;
  std::set<std::uint64_t> carried_out_;
  int bootstraps_ = 0;            // of these
  std::set<std::uint64_t> over_;  // as recorded
  bool human_ = false;
  bool guards_ = false;
  bool tie_ = false;
  std::string failure_;
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_CHECKS_H_
