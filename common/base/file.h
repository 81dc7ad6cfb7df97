#ifndef MINDER_COMMON_BASE_FILE_H_
#define MINDER_COMMON_BASE_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace minder {

// Reads a regular file. NOT_FOUND when there is none, OUT_OF_RANGE when it is larger than `limit` bytes,
// FAILED_PRECONDITION when it is not a regular file, otherwise the errno's status. The message names the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit = 1 << 20);

// Replaces `path` by `content`, mode 0600: written to a temporary file beside it, fsynced, renamed, directory fsynced.
// Either the old or the new content is there after a crash.
absl::Status WriteFileDurably(const std::string& path, const std::string& content);

// Renames within one file system, in place of what is there, and fsyncs the directory of `to`: it is so after a crash
// as well. NOT_FOUND when there is no `from`.
absl::Status RenameDurably(const std::string& from, const std::string& to);

// Makes `path` and its parents, mode 0750; fine when it is there.
absl::Status MakeDirectories(const std::string& path);

}  // namespace minder

#endif  // MINDER_COMMON_BASE_FILE_H_
