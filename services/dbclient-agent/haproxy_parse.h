#ifndef MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_PARSE_H_
#define MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_PARSE_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "services/dbclient-agent/balancer.h"

namespace minder {

// Pure parsers of HAProxy's runtime API (galera.md section 7; tried with 2.6). Columns are found by the names in the
// header line, so that newer versions may add some. INTERNAL when an answer is not what it should be; nothing is
// guessed.

// `show info`: the process, as "PID@START".
absl::StatusOr<std::string> ParseIncarnation(const std::string& show_info);

// `show servers state BACKEND`: by server name; sessions are left 0.
absl::StatusOr<std::map<std::string, BackendReading>> ParseServersState(const std::string& show_servers_state,
                                                                        const std::string& backend);

// `show stat`: open sessions of each server of `backend`, by server name. CSV as HAProxy writes it, with quotes doubled
// inside quotes.
absl::StatusOr<std::map<std::string, std::uint32_t>> ParseSessions(const std::string& show_stat,
                                                                   const std::string& backend);

// Turns what HAProxy says instead of an answer into an error that names the cure: NOT_FOUND, PERMISSION_DENIED, or
// FAILED_PRECONDITION for a text that is not known. OK for the empty answer of a change that was made.
absl::Status CheckReply(const std::string& reply, const std::string& what);

}  // namespace minder

#endif  // MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_PARSE_H_
