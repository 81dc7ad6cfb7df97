#ifndef MINDER_SERVICES_WSREP_NOTIFY_HARD_LIMIT_H_
#define MINDER_SERVICES_WSREP_NOTIFY_HARD_LIMIT_H_

namespace minder {

// From now on this process ends with exit code 0: after `milliseconds` wherever it is by then, and at once when it
// aborts, crashes or is told to terminate. Whatever signals the parent blocked.
void LeaveWithin(int milliseconds);

}  // namespace minder

#endif  // MINDER_SERVICES_WSREP_NOTIFY_HARD_LIMIT_H_
