#ifndef MINDER_SERVICES_WSREP_NOTIFY_HAND_OVER_H_
#define MINDER_SERVICES_WSREP_NOTIFY_HAND_OVER_H_

#include <string>

#include "minder/v1/status.pb.h"

namespace minder {

// Leaves the event with the agent that listens at `socket` and does not wait for it: never blocks, so that a hung agent
// costs mariadbd nothing. False when there is nobody, or its queue is full; the event is then lost, which is fine,
// since the agent also polls.
bool HandOver(const v1::WsrepEvent& event, const std::string& socket);

}  // namespace minder

#endif  // MINDER_SERVICES_WSREP_NOTIFY_HAND_OVER_H_
