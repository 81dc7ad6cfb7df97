#ifndef MINDER_COMMON_CORE_REBOOT_H_
#define MINDER_COMMON_CORE_REBOOT_H_

#include <string>

#include "common/base/clock.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// The arbitrator starts at `now` with what it had recorded. After a reboot (another `boot_id`) the times of before mean
// nothing: what had to be waited for is waited for again from now, and a pause lasts another hour, for how much of it
// was left is not known, and a human can end it.
void Resume(const std::string& boot_id, BootTime now, v1::DurableState& durable);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_REBOOT_H_
