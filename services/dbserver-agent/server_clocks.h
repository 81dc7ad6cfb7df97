#ifndef MINDER_SERVICES_DBSERVER_AGENT_SERVER_CLOCKS_H_
#define MINDER_SERVICES_DBSERVER_AGENT_SERVER_CLOCKS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/mysql/connection.h"

namespace minder {

// What a mariadbd has for clocks that SQL can read, in microseconds since the epoch. The wall clock may be set. The
// time in UUID() is CLOCK_MONOTONIC plus what was added when the server started (mysys/my_uuid.c); it stands still
// while the machine sleeps. (Status Uptime is wall time as well.)
struct ServerClocks {
  std::int64_t wall_us = 0;
  std::int64_t steady_us = 0;
};

// FAILED_PRECONDITION: the server does not tell them.
absl::StatusOr<ServerClocks> ReadClocks(Connection& connection, BootTime deadline);

// A statement that does `statement`, or nothing if the server takes it up later than `left` after `told`, by either
// clock.
std::string UnlessLater(const ServerClocks& told, absl::Duration left, const std::string& statement);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_SERVER_CLOCKS_H_
