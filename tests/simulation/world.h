#ifndef MINDER_TESTS_SIMULATION_WORLD_H_
#define MINDER_TESTS_SIMULATION_WORLD_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "minder/v1/config.pb.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/galera.h"
#include "tests/simulation/mutants.h"
#include "tests/simulation/network.h"
#include "tests/simulation/seat.h"
#include "tests/simulation/sim_agent.h"
#include "tests/simulation/sim_arbitrator.h"
#include "tests/simulation/stage.h"

namespace minder {

// Stands for whatever stream there is.
inline constexpr int kAnyStream = 0;

// Everything that one seed makes: a cluster over two data centres, its agents, the arbitrator on a host of its own, and
// those who watch them.
class World {
 public:
  World(std::uint64_t seed, const Mutant& mutant, std::ostream* trace);

  // All healthy; every program begins.
  void Begin();
  // Runs events until then, or until something did not hold.
  void RunUntil(absl::Time until);

  int nodes() const { return static_cast<int>(names.size()); }
  int arbitrator_host() const { return nodes(); }
  const std::string& name(int host) const { return names[static_cast<std::size_t>(host)]; }
  Machine& machine(int host) { return machines_[static_cast<std::size_t>(host)]; }
  Seat& seat(int host) { return seats_[static_cast<std::size_t>(host)]; }  // of the agent, or of the arbitrator
  v1::AgentPromise& promise(int host) { return promises_[static_cast<std::size_t>(host)]; }
  // nullptr while it is not running.
  SimAgent* agent(int host) { return agents_[static_cast<std::size_t>(host)].get(); }
  SimArbitrator* arbitrator() { return arbitrator_.get(); }

  void Reboot(int host, absl::Duration down);
  // A human starts what is stopped, but nothing that waits for a lease.
  void HumanStarts(int host);
  // The guard of the process lets it live until then, whatever becomes of the agent. A process without one gets one.
  void Guard(int host, int pid, BootTime until, bool may_turn_primary);
  bool Guarded(int host) const { return guards_[static_cast<std::size_t>(host)].pid == galera.pid(host); }
  // A statement that was sent to the server: it takes it up when it can, whatever became of the sender, and says so.
  void Bootstrap(int host, int pid, BootTime not_after, std::uint64_t epoch, const std::shared_ptr<bool>& executed);

  // What the agent of `host` runs with. Another one is an older version on an even host, and the same version with a
  // change on an odd one.
  v1::Configuration ConfigOf(int host) const;

  // Messages between an agent's host and the arbitrator.
  int NextStream() { return ++streams_; }
  void ToArbitrator(int host, int stream, const v1::Message& message);
  void ToAgent(int host, const v1::Message& message);
  void Dial(int host, int stream);
  void Accept(int host, int stream);
  void Close(int host, int stream);

  const Mutant& mutant;
  Stage stage;
  std::vector<std::string> names;
  v1::Configuration config;
  Network network;
  Galera galera;
  Checks checks;
  v1::DurableState durable;          // the arbitrator's disk
  bool disk_full = false;            // the arbitrator's
  std::vector<bool> other_config;    // by host: see ConfigOf
  double slow_statements = 0;        // part of the statements that a server takes up late, by up to 12 s
  double promise_errors = 0;         // part of the writes of promises that fail
  bool child_mode = true;            // the agent is the parent of mariadbd, or systemd is
  std::map<std::string, int> rules;  // how often each rule matched
  int evictions = 0;

 private:
  // minder-fence.
  struct FenceGuard {
    int pid = 0;
    absl::Time until;
  };

  void MakeSeats();
  void Watch(int host, int pid);

  std::deque<Machine> machines_;
  std::vector<FenceGuard> guards_;  // by host
  std::vector<v1::AgentPromise> promises_;
  std::deque<Seat> seats_;
  std::vector<std::unique_ptr<SimAgent>> agents_;
  std::unique_ptr<SimArbitrator> arbitrator_;
  std::vector<std::unique_ptr<SimAgent>> dead_agents_;  // until the event in which they died is over
  std::vector<std::unique_ptr<SimArbitrator>> dead_arbitrators_;
  int streams_ = 0;
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_WORLD_H_
