#ifndef MINDER_COMMON_CORE_ORDER_PHASE_H_
#define MINDER_COMMON_CORE_ORDER_PHASE_H_

#include <optional>
#include <string>

#include "minder/v1/status.pb.h"

namespace minder {

// Where an order that makes its receiver primary (make_primary, or recover with ACTION_BOOTSTRAP) is, as far as this
// life of the agent knows.
enum class OrderPhase {
  kNone,           // there was none
  kRecording,      // accepted, and on its way to the disk
  kCarryingOut,    // on disk, and with Galera
  kInDoubt,        // it may still happen
  kWithoutEffect,  // carried out without effect so far, and has none in another view
  kLeavingView,    // as before, and its group is on its way to another view
  kTookEffect,     // waits for the first report that began after it
  kDone,
  kFailed,
};

// What can happen to it.
enum class OrderEvent {
  kAccepted,       // another one, in its place
  kRecorded,       // it is on disk
  kNotRecorded,    // it is not on disk and never will be; or its end is not
  kTakenUp,        // found on the disk: by an agent that was started anew, or when what came after is not recorded
  kUndone,         // nothing was done (FAILED_PRECONDITION)
  kWithoutEffect,  // pc.bootstrap was set, and the node is not Primary (ABORTED)
  kUnclear,        // no clear answer (any other error); or mariadbd starts, and nobody knows as what
  kTookEffect,     // the node was Primary after it
  kPrimarySeen,    // in a report
  kReported,       // a report that began after it took effect
  kViewLeft,       // a report shows that the group is not OPERATIONAL
  kViewEnded,      // a report shows another view
  kServerEnded,    // a report shows that mariadbd does not run
};

// The transition matrix: the phase after `event`, nothing when it is not legal there. An event that changes nothing
// gives the same phase.
std::optional<OrderPhase> NextOrderPhase(OrderPhase phase, OrderEvent event);

// What the disk says of an order in this phase, once all that is on its way is there.
v1::OrderOutcome OutcomeOf(OrderPhase phase);

inline bool IsOver(OrderPhase phase) { return phase == OrderPhase::kDone || phase == OrderPhase::kFailed; }

// For humans: "carrying-out", "view-ended".
std::string ShortName(OrderPhase phase);
std::string ShortName(OrderEvent event);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_ORDER_PHASE_H_
