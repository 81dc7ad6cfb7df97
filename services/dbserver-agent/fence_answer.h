#ifndef MINDER_SERVICES_DBSERVER_AGENT_FENCE_ANSWER_H_
#define MINDER_SERVICES_DBSERVER_AGENT_FENCE_ANSWER_H_

#include <cstdint>

namespace minder {

// What minder-fence answers to each deadline.
struct FenceAnswer {
  std::int64_t deadline_ns = 0;
  std::int64_t watchdog_ns = 0;  // the timeout of its watchdog; 0 without one
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_FENCE_ANSWER_H_
