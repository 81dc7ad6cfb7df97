#include "services/dbserver-agent/server_clocks.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"

namespace minder {
namespace {

constexpr char kWall[] = "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS INTEGER)";
// Of a UUID `u` of version 1: hundreds of nanoseconds.
constexpr char kSteady[] =
    "CAST(CONV(CONCAT(SUBSTR(u, 16, 3), SUBSTR(u, 10, 4), SUBSTR(u, 1, 8)), 16, 10) AS INTEGER) DIV 10";

}  // namespace

absl::StatusOr<ServerClocks> ReadClocks(Connection& connection, BootTime deadline) {
  MINDER_ASSIGN_OR_RETURN(
      const std::vector<Row> rows,
      connection.Query(absl::StrFormat("SELECT %s, %s FROM (SELECT UUID() AS u) AS uuid", kWall, kSteady), deadline));
  ServerClocks clocks;
  if (rows.size() != 1 || rows[0].size() != 2 || !rows[0][0] || !rows[0][1] ||
      !absl::SimpleAtoi(*rows[0][0], &clocks.wall_us) || !absl::SimpleAtoi(*rows[0][1], &clocks.steady_us))
    return absl::FailedPreconditionError("mariadbd does not tell the time");
  return clocks;
}

std::string UnlessLater(const ServerClocks& told, absl::Duration left, const std::string& statement) {
  const std::int64_t left_us = absl::ToInt64Microseconds(left);
  return absl::StrFormat(
      "BEGIN NOT ATOMIC DECLARE u CHAR(36) DEFAULT UUID(); IF %s <= %d AND %s <= %d THEN %s; END IF; END", kWall,
      told.wall_us + left_us, kSteady, told.steady_us + left_us, statement);
}

}  // namespace minder
