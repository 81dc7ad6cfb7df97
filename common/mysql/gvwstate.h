#ifndef MINDER_COMMON_MYSQL_GVWSTATE_H_
#define MINDER_COMMON_MYSQL_GVWSTATE_H_

#include <string>

#include "absl/status/statusor.h"
#include "minder/v1/status.pb.h"

namespace minder {

// gvwstate.dat: the last primary view of a node, and who it was in it. Galera writes it on each primary view, leaves it
// alone on a non-primary one, and removes it on a clean stop (gcomm/src/pc.cpp, view_state.cpp).
struct Gvwstate {
  std::string my_uuid;  // since a start from the file: a newer incarnation of the member, see gvwstate.cc
  v1::PrimaryView view;
};

// INVALID_ARGUMENT for anything that is not plainly one; CRLF, comments and blank lines are fine.
absl::StatusOr<Gvwstate> ParseGvwstate(const std::string& content);

}  // namespace minder

#endif  // MINDER_COMMON_MYSQL_GVWSTATE_H_
