#include "services/dbserver-agent/state_file.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/file.h"
#include "google/protobuf/util/json_util.h"

namespace minder {

StateFile::StateFile(const StateDir& dir, const std::string& name, std::string holds, std::string unneeded_when)
    : path_(dir.path + "/" + name),
      owner_(dir.owner),
      holds_(std::move(holds)),
      unneeded_when_(std::move(unneeded_when)) {}

absl::Status StateFile::NotUnderstood() const {
  return absl::FailedPreconditionError(
      absl::StrFormat("%s cannot be understood, and it holds %s: put a backup back, or remove it when %s", path_,
                      holds_, unneeded_when_));
}

absl::StatusOr<bool> StateFile::Read(google::protobuf::Message& state) const {
  const auto text = ReadFile(path_);
  if (absl::IsNotFound(text.status())) return false;
  MINDER_RETURN_IF_ERROR(text.status());
  if (google::protobuf::util::JsonStringToMessage(*text, &state).ok()) return true;
  return NotUnderstood();
}

absl::Status StateFile::Write(const google::protobuf::Message& state) const {
  std::string text;
  MINDER_CHECK(google::protobuf::util::MessageToJsonString(state, &text).ok());
  return WriteFileDurably(path_, text + "\n");
}

absl::Status StateFile::CheckOwner(const v1::StateOwner& found) const {
  if (found.cluster() == owner_.cluster() && found.dbserver() == owner_.dbserver()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s is of dbserver '%s' of cluster '%s', and this is '%s' of '%s': give each a state_dir of its own, put this "
      "one's file back, or remove it when %s",
      path_, found.dbserver(), found.cluster(), owner_.dbserver(), owner_.cluster(), unneeded_when_));
}

}  // namespace minder
