#ifndef MINDER_SERVICES_DBSERVER_AGENT_BOOTSTRAP_LEFTOVERS_H_
#define MINDER_SERVICES_DBSERVER_AGENT_BOOTSTRAP_LEFTOVERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace minder {

// FAILED_PRECONDITION, with the option, when the files that `command` (mariadbd and its arguments) reads its defaults
// from would make it start a cluster of its own. Blocks.
absl::Status CheckDefaults(const std::vector<std::string>& command);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_BOOTSTRAP_LEFTOVERS_H_
