#ifndef MINDER_COMMON_MYSQL_GALERA_VARIABLES_H_
#define MINDER_COMMON_MYSQL_GALERA_VARIABLES_H_

#include <optional>
#include <string>
#include <vector>

#include "common/mysql/connection.h"
#include "minder/v1/status.pb.h"

namespace minder {

// Names of the status variables that WsrepStatusOf reads, for a WHERE … IN.
const std::vector<std::string>& WsrepStatusNames();

// From rows (name, value) of SHOW GLOBAL STATUS; names in any case and order. What is missing or malformed stays unset,
// and last_committed -1: unknown, never a guess.
v1::WsrepStatus WsrepStatusOf(const std::vector<Row>& rows);

// From @@wsrep_provider_options ("name = value; …"). What is missing or malformed stays unset.
v1::ProviderOptions ProviderOptionsOf(const std::string& options);

// A server version, as the leading numbers of @@version give it.
struct ServerVersion {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;
  auto operator<=>(const ServerVersion&) const = default;
};
// Nothing when `version` does not begin with three numbers.
std::optional<ServerVersion> ParseServerVersion(const std::string& version);

// False for a server that puts member names, which peers choose, into a shell line for wsrep_notify_cmd unquoted
// (CVE-2026-49261, galera.md section 4: fixed in 10.6.27, 10.11.18, 11.4.12, 11.8.8), and for a version that cannot be
// read.
bool NotifyHookSafe(const std::string& version);

// `text` as valid UTF-8, other bytes replaced by "?": names and statements come from outside, and a proto string with
// other bytes is refused by its receiver as a whole.
std::string CleanUtf8(const std::string& text);

}  // namespace minder

#endif  // MINDER_COMMON_MYSQL_GALERA_VARIABLES_H_
