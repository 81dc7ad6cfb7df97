#ifndef MINDER_COMMON_CORE_NODE_DRAIN_H_
#define MINDER_COMMON_CORE_NODE_DRAIN_H_

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "minder/v1/message.pb.h"
#include "minder/v1/status.pb.h"

namespace minder {

// What can happen to a drain.
enum class DrainEvent {
  kOrdered,            // "drain"
  kBalancersDone,      // "drain", and every balancer gives no new session
  kTransactionsEnded,  // those open when the balancers were done
  kQuiet,              // read_only is on and no transaction is open
  kUndrained,          // "undrain", and read_only is as it was before the drain
};

// The transition matrix: the state after `event`, nothing when it is not legal there. An event that changes nothing
// gives the same state.
std::optional<v1::DrainState> NextDrainState(v1::DrainState state, DrainEvent event);

// What a probe saw of the server.
struct DrainObservation {
  BootTime asked_at;   // when the question was sent; read_only is not older
  BootTime listed_at;  // what follows is not older than this: InnoDB answers from a copy
  bool read_only = false;
  unsigned open_transactions = 0;
  absl::Duration oldest_age;  // of the oldest open transaction; never less than its true age, more by a second at most
};

// What the agent has to do, in this order.
struct DrainActions {
  bool persist = false;               // write Durable(), and only then
  std::optional<bool> set_read_only;  // SET GLOBAL read_only; asked for again with each observation until it is seen
};

// The drain of one dbserver (design.md section 4, galera.md section 6), for its agent: no I/O, no clock.
//
// "Open when the balancers were done" is judged by the age of the oldest open transaction, not by ids: InnoDB gives a
// transaction another trx_id at its first write, and a list of them may be cut short.
class NodeDrain {
 public:
  // `durable` is what Durable() last gave, a default one in the first life of the agent. A drain goes on where it was;
  // which transactions were open is forgotten with the old process, so it waits for those that are open now.
  explicit NodeDrain(const v1::DrainStatus& durable);

  // Orders. A repeated one changes nothing; one of another drain takes its id over and never goes backward.
  DrainActions OnDrain(const v1::Drain& order, BootTime now);
  DrainActions OnUndrain();
  // After each answered probe.
  DrainActions OnObservation(const DrainObservation& observation);

  // For the report: SERVING only once read_only is as it was.
  v1::DrainStatus Reported() const;
  // For the disk. SERVING with a drain_id means: undrained, and read_only is still to be put back.
  v1::DrainStatus Durable() const;
  // True while quick probes bring it forward.
  bool InProgress() const;

 private:
  bool Apply(DrainEvent event);
  bool TransactionsEnded(const DrainObservation& observation);
  DrainActions PutBack(const DrainObservation& observation);

  v1::DrainStatus status_;
  bool undraining_ = false;
  std::optional<BootTime> balancers_done_at_;  // nothing: taken from the next observation
  std::optional<BootTime> read_only_seen_at_;  // in READ_ONLY: a list from before it says nothing
};

// False for what Durable() never gave.
bool IsDurableDrain(const v1::DrainStatus& status);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_NODE_DRAIN_H_
