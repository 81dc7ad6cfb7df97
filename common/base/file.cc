#include "common/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include "absl/strings/str_format.h"
#include "common/base/failpoint.h"
#include "common/base/status_macros.h"
#include "common/base/unique_fd.h"

namespace minder {
namespace {

absl::Status Errno(std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrFormat("cannot %s %s", what, path));
}

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Errno("write", path);
    content.remove_prefix(n);
  }
  return absl::OkStatus();
}

std::string NameOf(const std::string& path) { return std::filesystem::path(path).filename(); }

absl::Status SyncDirectoryOf(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path();
  UniqueFd fd(open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok() || fsync(fd.get()) != 0) return Errno("sync the directory of", path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.ok()) return Errno("read", path);
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return Errno("read", path);
  if (!S_ISREG(info.st_mode)) return absl::FailedPreconditionError(absl::StrFormat("%s is not a regular file", path));
  std::string content;
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t n = read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Errno("read", path);
    if (n == 0) return content;
    content.append(buffer.data(), n);
    if (content.size() > limit) {
      return absl::OutOfRangeError(absl::StrFormat("%s is larger than %d bytes", path, limit));
    }
  }
}

absl::Status WriteFileDurably(const std::string& path, const std::string& content) {
  const std::string temporary = path + ".new";
  MINDER_RETURN_IF_ERROR(Failpoint("file.before_write", NameOf(path)));
  UniqueFd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.ok()) return Errno("write", temporary);
  MINDER_RETURN_IF_ERROR(WriteAll(fd.get(), content, temporary));
  if (fsync(fd.get()) != 0) return Errno("sync", temporary);
  return RenameDurably(temporary, path);
}

absl::Status RenameDurably(const std::string& from, const std::string& to) {
  MINDER_RETURN_IF_ERROR(Failpoint("file.before_rename", NameOf(to)));
  if (std::rename(from.c_str(), to.c_str()) != 0)
    return absl::ErrnoToStatus(errno, absl::StrFormat("cannot rename %s to %s", from, to));
  MINDER_RETURN_IF_ERROR(Failpoint("file.after_rename", NameOf(to)));
  return SyncDirectoryOf(to);
}

absl::Status MakeDirectories(const std::string& path) {
  for (std::size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    const std::string prefix = path.substr(0, at);
    if (mkdir(prefix.c_str(), 0750) != 0 && errno != EEXIST) return Errno("make the directory", prefix);
    if (at != std::string::npos) ++at;
  }
  return absl::OkStatus();
}

}  // namespace minder
