#ifndef MINDER_SERVICES_DBSERVER_AGENT_BOOTSTRAP_LEFTOVERS_H_
#define MINDER_SERVICES_DBSERVER_AGENT_BOOTSTRAP_LEFTOVERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace minder {

// FAILED_PRECONDITION, with the option, when what `command` (mariadbd and its arguments) and the files that it reads
// its defaults from hold would make it start a cluster of its own; or when that cannot be told. Blocks, for less than
// 0.1 s as a rule.
absl::Status CheckDefaults(const std::vector<std::string>& command);

// True for an option that says which files mariadbd reads its defaults from.
bool IsAboutDefaults(absl::string_view argument);

// FAILED_PRECONDITION, with the option, `where` it is and the cure, when one of `options` would do so.
absl::Status CheckOptions(const std::vector<std::string>& options, absl::string_view where);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_BOOTSTRAP_LEFTOVERS_H_
