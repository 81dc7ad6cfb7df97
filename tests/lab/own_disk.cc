#include "tests/lab/own_disk.h"

#include <filesystem>
#include <iostream>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "tests/lab/process.h"

namespace minder::lab {
namespace {

absl::Status Shell(const std::string& command) {
  return RunCommand({"sh", "-ec", command}, absl::Seconds(60)).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<OwnDisk>> OwnDisk::Make(const std::string& directory, int megabytes) {
  MINDER_RETURN_IF_ERROR(
      Shell(absl::StrFormat("mv -T %1$s %1$s.kept && truncate -s %2$dM %1$s.disk && mkfs.ext4 -q -m 0 %1$s.disk && "
                            "mkdir %1$s && mount -o loop %1$s.disk %1$s && rmdir %1$s/lost+found && "
                            "cp -a %1$s.kept/. %1$s && rm -r %1$s.kept",
                            directory, megabytes)));
  return std::unique_ptr<OwnDisk>(new OwnDisk(directory));
}

OwnDisk::~OwnDisk() {
  absl::Status status = Thaw();
  status.Update(Shell(
      absl::StrFormat("mkdir %1$s.kept && cp -a %1$s/. %1$s.kept && umount -l %1$s && rmdir %1$s && rm %1$s.disk && "
                      "mv -T %1$s.kept %1$s",
                      directory_)));
  if (!status.ok()) std::cerr << "the disk of " << directory_ << " is left: " << status << "\n";
}

// What is written down last needs less room than ext4 had set aside for it, so it is filled again.
absl::Status OwnDisk::Fill() const {
  return Shell(
      absl::StrFormat("for i in 1 2 3; do ! dd if=/dev/zero bs=1k oflag=append conv=notrunc,fsync of=%s/filler; "
                      "done 2>&1",
                      directory_));
}

void OwnDisk::Empty() const { std::filesystem::remove(directory_ + "/filler"); }

absl::Status OwnDisk::Freeze() {
  MINDER_RETURN_IF_ERROR(Shell("fsfreeze -f " + directory_));
  thaws_at_end_ = popen(("read x; fsfreeze -u " + directory_).c_str(), "we");
  return thaws_at_end_ != nullptr ? absl::OkStatus() : absl::ErrnoToStatus(errno, "a shell that thaws it");
}

absl::Status OwnDisk::Thaw() {
  if (thaws_at_end_ == nullptr) return absl::OkStatus();
  return pclose(std::exchange(thaws_at_end_, nullptr)) != -1 ? absl::OkStatus()
                                                             : absl::ErrnoToStatus(errno, "thawing " + directory_);
}

}  // namespace minder::lab
