#ifndef MINDER_SERVICES_DBSERVER_AGENT_STOPPED_STATE_H_
#define MINDER_SERVICES_DBSERVER_AGENT_STOPPED_STATE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/core/position.h"
#include "minder/v1/status.pb.h"

namespace minder {

// What grastate.dat in `data_dir` says; its fields are absent when it is missing or cannot be parsed. Blocks.
v1::StoppedState StoppedStateOf(const std::string& data_dir);

// The last primary view in gvwstate.dat, of a running server or of a stopped one; nothing when there is none, or none
// that can be understood. Blocks.
std::optional<v1::PrimaryView> LastPrimaryViewOf(const std::string& data_dir);

// Renames gvwstate.dat to gvwstate.dat.gone, so that the next start takes a new gcomm uuid (galera.md section 2). Fine
// when there is none. Blocks.
absl::Status MoveOldViewAside(const std::string& data_dir);

// FAILED_PRECONDITION, with the cure, when `own` has data that is not of the history of `limit`, or is beyond it.
absl::Status CheckNotBeyond(const v1::Position& own, const std::optional<v1::Position>& limit);

// Renames a gvwstate.dat that is none, an empty one for instance, to gvwstate.dat.bad: mariadbd does not start with it.
// True when it did so. Blocks.
absl::StatusOr<bool> MoveBrokenViewAside(const std::string& data_dir);

// Has grastate.dat say that this node may be bootstrapped, or that it may not; in one step, with the owner of the data
// directory. One that cannot be understood is kept as grastate.dat.bad; a new one is then written only to allow it,
// from `position`. Blocks.
absl::Status AllowBootstrap(const std::string& data_dir, const v1::Position& position);
absl::Status ForbidBootstrap(const std::string& data_dir);
// False for an empty directory, which has nothing to recover and gets its data from a donor (SST). Blocks.
bool HoldsData(const std::string& data_dir);

// True when grastate.dat holds a position: the server was shut down, and needs no --wsrep-recover.
bool StoppedCleanly(const std::string& data_dir);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_STOPPED_STATE_H_
