#ifndef MINDER_TESTS_LAB_HAPROXY_CLI_H_
#define MINDER_TESTS_LAB_HAPROXY_CLI_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace minder::lab {

// Gives HAProxy's answer to one command of its runtime API, within 2 s.
absl::StatusOr<std::string> AskHaproxy(const std::string& socket, const std::string& command);

// What HAProxy does with one server: `status` as in `show stat`: UP, DOWN, MAINT, DRAIN, "no check".
struct BackendServer {
  std::string status;
  int weight = 0;
  int sessions = 0;
  bool TakesNewSessions() const;
};

// The servers of backend `galera` by name.
absl::StatusOr<std::map<std::string, BackendServer>> BackendServers(const std::string& socket);

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_HAPROXY_CLI_H_
