#ifndef MINDER_TESTS_SIMULATION_SIM_ARBITRATOR_H_
#define MINDER_TESTS_SIMULATION_SIM_ARBITRATOR_H_

#include <optional>
#include <string>
#include <vector>

#include "common/core/outbox.h"
#include "common/rpc/correspondent.h"
#include "minder/v1/decision.pb.h"
#include "tests/simulation/seat.h"

namespace minder {

class World;

// The shell of the arbitrator, as services/arbitrator has it, round the same core: Decide, Outbox and Correspondent.
// One life of it: a crash ends it, and the next one has only what is on the disk.
class SimArbitrator {
 public:
  explicit SimArbitrator(World& world);

  void OnDialled(int host, int stream);
  void OnMessage(int host, int stream, const v1::Message& message);

  // A human's words, recorded as the real one does.
  void Pause(absl::Duration how_long);
  void Resume();
  bool Recover();
  void Request(const std::string& group);

  const v1::Decision& last() const { return last_; }

 private:
  struct Peer {
    v1::Party party;
    Correspondent correspondent;
    int stream = 0;
    BootTime wake_at = absl::InfiniteFuture();
  };

  bool Alive() const { return seat_.life() == life_; }
  void ThinkSoon();
  void Think();
  bool Persist(const v1::DurableState& next);
  void Send(const v1::Decision& decision);
  void Flush(int host);
  int HostOf(const v1::Party& party) const;
  std::optional<v1::Lease> Lease(int host) const;

  World& world_;
  Seat& seat_;
  const int life_;
  std::vector<Peer> peers_;  // by host
  v1::ArbitratorState state_;
  Outbox outbox_;
  v1::Decision last_;
  bool thinking_soon_ = false;
  BootTime wake_at_ = absl::InfiniteFuture();
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_SIM_ARBITRATOR_H_
