#include "services/dbserver-agent/instance_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"

namespace minder {

absl::StatusOr<UniqueFd> LockStateDir(const std::string& state_dir) {
  MINDER_RETURN_IF_ERROR(MakeDirectories(state_dir));
  const std::string path = state_dir + "/minder-dbserver.lock";
  UniqueFd lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.ok()) return absl::ErrnoToStatus(errno, absl::StrFormat("cannot open %s", path));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return absl::ErrnoToStatus(errno, absl::StrFormat("cannot lock %s", path));
  return absl::AlreadyExistsError(absl::StrFormat(
      "another minder-dbserver runs with state_dir %s: stop it, or give this one a state_dir of its own", state_dir));
}

}  // namespace minder
