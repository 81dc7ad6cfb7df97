#ifndef MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_SOCKET_H_
#define MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_SOCKET_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/unique_fd.h"

namespace minder {

// A non-blocking connection to a unix stream socket; never waits. UNAVAILABLE with the path and the cure when there is
// nobody, or, for a queue that is full at the moment, RESOURCE_EXHAUSTED. INVALID_ARGUMENT when the path is too long
// for a socket.
absl::StatusOr<UniqueFd> ConnectHaproxy(const std::string& path);

// Sends one line (commands, separated by ";") to HAProxy's runtime API and returns everything that it answers before it
// hangs up. DEADLINE_EXCEEDED when all of it takes longer than `deadline`, OUT_OF_RANGE when the answer is longer than
// 4 MB. Blocks: for workers.
absl::StatusOr<std::string> AskHaproxy(const std::string& path, const std::string& line, absl::Duration deadline);

}  // namespace minder

#endif  // MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_SOCKET_H_
