#ifndef MINDER_COMMON_CORE_REJOIN_H_
#define MINDER_COMMON_CORE_REJOIN_H_

#include <string>

#include "common/core/facts.h"

namespace minder {

// Who is on the way into a primary component: its agent is starting it, or it was started a short while ago and is not
// in the confirmed one yet. Empty when nobody is. A server that stays outside holds up the others for a while only.
std::string WhoJoins(const Facts& facts);

// The orders to whoever died, and is not in the primary component any more, to start without its old view: one after
// the other (galera.md section 3), for Galera was seen to lose the component while two joined. Who is held up by the
// delay after its last failure lets the others go first.
void OrderRejoins(const v1::Configuration& config, const Facts& facts, v1::Decision& decision);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_REJOIN_H_
