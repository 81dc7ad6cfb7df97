#include "services/dbserver-agent/disk_probe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/base/unique_fd.h"

namespace minder {

absl::Status ProbeDisk(const std::string& directory) {
  const UniqueFd file(open(directory.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (file.get() >= 0 && write(file.get(), "m", 1) == 1 && fdatasync(file.get()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write in ", directory));
}

}  // namespace minder
