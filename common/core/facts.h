#ifndef MINDER_COMMON_CORE_FACTS_H_
#define MINDER_COMMON_CORE_FACTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// What is known of one configured dbserver at one moment. A stale report makes every answer unknown: it says what was,
// not what is.
struct NodeFacts {
  const v1::DbserverConfig* config = nullptr;
  const v1::DbStatusReport* report = nullptr;  // the last one, fresh or not; nullptr before the first
  const v1::DrainRecord* drain = nullptr;      // nullptr when none is in force
  absl::Duration age = absl::InfiniteDuration();
  // While primary: how long before `age` it was observed in that component first; all the time when that is not known.
  absl::Duration primary_for = absl::InfiniteDuration();
  bool fresh = false;
  v1::Ternary running = v1::TERNARY_UNKNOWN;
  v1::Ternary primary = v1::TERNARY_UNKNOWN;
  bool synced = false;          // fresh, Primary, Synced and ready
  bool stopped = false;         // fresh, and no process runs
  bool waiting = false;         // fresh, and its process has not opened its data: it waits for a primary component
  bool serving = false;         // synced, and neither drained nor being drained
  std::string contradiction{};  // why its fresh report is not believed, which makes every answer unknown; mostly empty
  bool lost = false;            // of a side of a split brain that did not stay, and not rebuilt yet; never synced
};

// What is known of one configured dbclient.
struct BalancerFacts {
  const v1::DbclientConfig* config = nullptr;
  const v1::BalancerReport* report = nullptr;
  absl::Duration age = absl::InfiniteDuration();
  bool fresh = false;  // reported lately, and could read its balancer
};

// One three-valued fact that rules look at, with what it rests on.
struct Fact {
  v1::Ternary value = v1::TERNARY_UNKNOWN;
  std::string detail;
};

// A member of a live primary component whose process its own agent saw exit.
struct DeadMember {
  const NodeFacts* node = nullptr;
  std::string gcomm_uuid;                     // of the dead process
  std::vector<const NodeFacts*> survivors{};  // in that component, and able to evict it; by name
  bool quorum_stays = false;                  // survivors are more than half of the last primary component by weight
  std::string kept_by{};  // who in that component is no dbserver, and would keep the uuid on its evict list for good
};

// A member of the last primary component that is not in the group to promote.
struct Other {
  enum class Proof {
    kMissing,  // nothing is proven: it may be in a primary component
    kPromise,  // it is seen non-Primary, and can be asked for its promise (E1)
    kWaits,    // it is dead (E3), and a process in its place, of which nobody knows what it holds, is asked to end
    kLease,    // it is not seen, and is harmless after some time: it fences itself (E2), or has no majority (E4)
    kProven,   // it is dead (E3), has given its promise, or has fenced itself by now
  };
  std::string dbserver;
  Proof proof = Proof::kMissing;
  std::string detail{};                          // what is proven or missing
  const NodeFacts* node = nullptr;               // nullptr when it is no longer configured
  std::optional<absl::Duration> fenced_after{};  // with kLease: how long after the grant is begun, if that is known
  bool count_out = false;  // it may live on, without a majority (E4), so the group has to refuse it
};

// Who could be promoted, and what is proven about all the others (design.md section 4, O2 and O3).
struct PromotionPlan {
  std::vector<const NodeFacts*> group;  // G, by name; empty when nobody could be
  std::vector<Other> others;            // O, by name
  std::vector<std::string> missing;     // why not; empty when promises and the end of leases are all that is asked for

  bool Possible() const { return !group.empty() && missing.empty(); }
};

// A dbserver when nobody answers.
struct StoppedNode {
  const NodeFacts* node = nullptr;
  bool given_up = false;                   // by a human: its silence and its data are not waited for
  bool on_purpose = false;                 // it was stopped, and did not crash
  std::optional<v1::Position> position{};  // on its disk, once it is known; not known while it waits
  bool beyond = false;                     // it was left behind, and holds more than the others went on from
  bool outside = false;                    // not of the newest primary component that is known
  bool unmarked = false;                   // its grastate.dat names no history, as before a first transfer has ended
  std::string note{};                      // what is known of it, for humans
};

// What is known after a full stop, and what follows from it (galera.md section 3).
struct RecoveryPlan {
  bool applies = false;                    // nobody answers, and somebody is seen to be stopped or to wait
  std::vector<StoppedNode> nodes{};        // in the order of the configuration
  std::vector<std::string> unseen{};       // those who may run, with why; that may pass
  std::vector<std::string> uncollected{};  // names of those whose position has to be read first
  std::vector<std::string> missing{};      // what only a human can decide
  std::vector<std::string> warnings{};     // why a position may not be all that was acknowledged
  const NodeFacts* source = nullptr;       // whom to start first; nullptr while something of the above is open

  bool AllStopped() const { return applies && unseen.empty(); }
  bool Possible() const { return AllStopped() && missing.empty(); }
};

// Everything that rules look at, computed once for a decision.
struct Facts {
  std::vector<NodeFacts> nodes;                   // in the order of the configuration
  std::vector<BalancerFacts> balancers;           // likewise
  std::optional<v1::ConfirmedPrimary> confirmed;  // P, as of now
  std::vector<v1::Death> deaths;                  // of members of P, sorted by gcomm_uuid
  std::vector<DeadMember> dead_members;
  std::optional<v1::SplitBrain> split;  // in force
  PromotionPlan promotion;
  RecoveryPlan recovery;
  std::string recovery_refused;  // why the last recovery could not go on; empty when there was none
  Fact paused;
  Fact starting;  // the arbitrator waits for the first reports
  Fact split_brain;
  Fact grant_open;
  Fact member_dead;       // there is one that can be evicted
  Fact all_stopped;       // or waits for a primary component, or is given up
  Fact reforming;         // Galera can form its last primary component by itself
  Fact recovery_ready;    // minder can recover; positions may still have to be read
  Fact stopped_by_crash;  // nobody was stopped on purpose
  Fact recovering;        // a recovery by minder is under way
  Fact somebody_primary;  // unknown while somebody is not seen
  Fact somebody_seen;     // any dbserver reports that it runs
  Fact last_primary_confirmed;
  Fact group_ready;                 // there is a group that could be promoted
  Fact others_proven;               // each other member of P is dead, or can give or has given its promise
  Fact held_down;                   // a promotion was made a short while ago
  bool promotes_by_itself = false;  // as configured
  bool requested = false;           // a human asks for a promotion
  Fact reports_fresh;               // every dbserver reported lately
  Fact primary_component;  // there is exactly one that we see; unknown while somebody who could be in one is not seen
  Fact all_synced;         // every dbserver is Synced in it
  Fact none_drained;       // no drain is in force
  Fact balancers_in_step;  // every balancer has what its plan wants
  Fact configuration_agrees;  // every party that reports runs this configuration
  Fact quorum_kept;           // nobody has Galera ignore split brain or quorum
  Fact servers_sound;         // no agent says that something of its server has to be corrected
};

// A report that has just arrived, and was on its way so long at most, takes the place of the last one.
void TakeIn(const v1::DbStatusReport& report, BootTime now, absl::Duration on_its_way, v1::DbserverKnowledge& known);

// Pure. `now` is on the clock of the arbitrator, as are the times in `state`.
Facts GatherFacts(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now);

// The facts of a configured dbserver; nullptr when it is not configured.
const NodeFacts* FindNode(const Facts& facts, const std::string& dbserver);

// The facts in the order of the struct, with their names, as Decision.evidence shows them.
std::vector<v1::Evidence> EvidenceOf(const Facts& facts);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_FACTS_H_
