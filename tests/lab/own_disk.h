#ifndef MINDER_TESTS_LAB_OWN_DISK_H_
#define MINDER_TESTS_LAB_OWN_DISK_H_

#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace minder::lab {

// A file system of its own for what a directory holds, which is there again when this is gone. Nobody may have a file
// of the directory open at its begin and at its end.
class OwnDisk {
 public:
  static absl::StatusOr<std::unique_ptr<OwnDisk>> Make(const std::string& directory, int megabytes);
  ~OwnDisk();
  OwnDisk(const OwnDisk&) = delete;
  OwnDisk& operator=(const OwnDisk&) = delete;

  absl::Status Fill() const;
  void Empty() const;

  // From now on nothing that writes here ends, and cannot be killed. It thaws when this program ends, however it does.
  absl::Status Freeze();
  absl::Status Thaw();  // fine when it is not frozen

 private:
  explicit OwnDisk(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;
  FILE* thaws_at_end_ = nullptr;
};

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_OWN_DISK_H_
