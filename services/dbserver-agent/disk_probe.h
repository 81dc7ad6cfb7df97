#ifndef MINDER_SERVICES_DBSERVER_AGENT_DISK_PROBE_H_
#define MINDER_SERVICES_DBSERVER_AGENT_DISK_PROBE_H_

#include <string>

#include "absl/status/status.h"

namespace minder {

// Writes a byte to the disk of `directory`, in a file without a name that is gone with the call, so that no state
// transfer meets it. Returns when the byte is there; as long as the disk hangs it does not, which nothing can cut
// short. An error of the disk, or of a file system that has no such files, is given as it is.
absl::Status ProbeDisk(const std::string& directory);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_DISK_PROBE_H_
