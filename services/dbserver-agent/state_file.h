#ifndef MINDER_SERVICES_DBSERVER_AGENT_STATE_FILE_H_
#define MINDER_SERVICES_DBSERVER_AGENT_STATE_FILE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "google/protobuf/message.h"
#include "minder/v1/status.pb.h"

namespace minder {

// Where an agent keeps what it must not forget, and whose it is.
struct StateDir {
  std::string path;
  v1::StateOwner owner;
};

// One message on the disk of one agent, as JSON that a human can read, with the name of its owner: a promise that
// another node or another cluster gave is worth nothing here, and hides that this one gave another. Blocks.
class StateFile {
 public:
  // `holds`: what is forgotten without it. `unneeded_when`: when a human may remove it.
  StateFile(const StateDir& dir, const std::string& name, std::string holds, std::string unneeded_when);

  // What was saved, if anything was. FAILED_PRECONDITION, with the cure, when it cannot be understood
  // or is not this agent's. One without an owner, of a minder that wrote none, is taken over and gets this one.
  template <typename State>
  absl::StatusOr<std::optional<State>> Load() const {
    State state;
    MINDER_ASSIGN_OR_RETURN(const bool found, Read(state));
    if (!found) return std::nullopt;
    if (state.has_owner()) {
      MINDER_RETURN_IF_ERROR(CheckOwner(state.owner()));
    } else if (const absl::Status claimed = Save(state); !claimed.ok()) {
      spdlog::warn("{}", std::string(claimed.message()));
    }
    state.clear_owner();
    return state;
  }

  template <typename State>
  absl::Status Save(State state) const {
    *state.mutable_owner() = owner_;
    return Write(state);
  }

  absl::Status NotUnderstood() const;

 private:
  absl::StatusOr<bool> Read(google::protobuf::Message& state) const;
  absl::Status Write(const google::protobuf::Message& state) const;
  absl::Status CheckOwner(const v1::StateOwner& found) const;

  const std::string path_;
  const v1::StateOwner owner_;
  const std::string holds_;
  const std::string unneeded_when_;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_STATE_FILE_H_
