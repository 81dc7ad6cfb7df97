#include "services/dbclient-agent/haproxy_parse.h"

#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"

namespace minder {
namespace {

// srv_admin_state bits of HAProxy's server-t.h. Maintenance by an order, inherited from a tracked server, or for want
// of an address.
constexpr std::uint32_t kForcedMaint = 0x01;
constexpr std::uint32_t kForcedDrain = 0x08;
constexpr std::uint32_t kAnyMaint = 0x01 | 0x02 | 0x20;
constexpr std::uint32_t kAnyDrain = 0x08 | 0x10;
// srv_op_state: 0 stopped, 1 starting, 2 running, 3 stopping (its check answers "no new sessions").
constexpr std::uint32_t kStopped = 0;
constexpr std::uint32_t kStopping = 3;

using Row = std::vector<std::string>;

std::vector<std::string> Lines(const std::string& text) { return absl::StrSplit(text, '\n'); }

struct Table {
  Row columns;
  std::vector<Row> rows;
};

// A line of HAProxy's CSV; no value when a quote is left open.
std::optional<Row> SplitCsv(const std::string& line) {
  Row row(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      const bool doubled = quoted && i + 1 < line.size() && line[i + 1] == '"';
      if (doubled) {
        row.back() += line[i++];
      } else {
        quoted = !quoted;
      }
    } else if (line[i] == ',' && !quoted) {
      row.emplace_back();
    } else {
      row.back() += line[i];
    }
  }
  if (quoted) return std::nullopt;
  return row;
}

std::optional<Row> SplitSpaces(const std::string& line) { return Row(absl::StrSplit(line, ' ')); }

// Lines before the header (a version number) and lines that are shorter than it are passed over.
absl::StatusOr<Table> ParseTable(const std::string& text, std::optional<Row> (*split)(const std::string&)) {
  Table table;
  for (const std::string& line : Lines(text)) {
    if (line.starts_with("# ") && table.columns.empty()) {
      table.columns = split(line.substr(2)).value_or(Row());
    } else if (!table.columns.empty()) {
      std::optional<Row> row = split(line);
      if (row.has_value() && row->size() >= table.columns.size()) table.rows.push_back(std::move(*row));
    }
  }
  if (table.columns.empty()) return absl::InternalError("HAProxy's answer has no header line");
  return table;
}

absl::StatusOr<std::size_t> ColumnOf(const Table& table, const char* name) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i] == name) return i;
  }
  return absl::InternalError(absl::StrFormat("HAProxy's answer has no column %s", name));
}

absl::StatusOr<std::uint32_t> Number(const Row& row, std::size_t column) {
  std::uint32_t value;
  if (absl::SimpleAtoi(row[column], &value)) return value;
  return absl::InternalError(
      absl::StrFormat("HAProxy's answer has '%s' where a number belongs", absl::CHexEscape(row[column].substr(0, 20))));
}

v1::BackendState Told(std::uint32_t admin, std::uint32_t weight) {
  if (admin & kForcedMaint) return v1::BACKEND_STATE_DOWN;
  if ((admin & kForcedDrain) || weight == 0) return v1::BACKEND_STATE_DRAIN;
  return v1::BACKEND_STATE_UP;
}

v1::BackendState Actual(std::uint32_t admin, std::uint32_t op_state, std::uint32_t weight) {
  if ((admin & kAnyMaint) || op_state == kStopped) return v1::BACKEND_STATE_DOWN;
  if ((admin & kAnyDrain) || op_state == kStopping || weight == 0) return v1::BACKEND_STATE_DRAIN;
  return v1::BACKEND_STATE_UP;
}

std::string ValueOf(const std::string& show_info, const std::string& key) {
  for (const std::string& line : Lines(show_info)) {
    if (line.starts_with(key + ": ")) return line.substr(key.size() + 2);
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> ParseIncarnation(const std::string& show_info) {
  const std::string pid = ValueOf(show_info, "Pid");
  if (pid.empty()) return absl::InternalError("HAProxy's show info has no Pid");
  return pid + "@" + ValueOf(show_info, "Start_time_sec");
}

absl::StatusOr<std::map<std::string, BackendReading>> ParseServersState(const std::string& show_servers_state,
                                                                        const std::string& backend) {
  MINDER_ASSIGN_OR_RETURN(const Table table, ParseTable(show_servers_state, SplitSpaces));
  MINDER_ASSIGN_OR_RETURN(const std::size_t backend_column, ColumnOf(table, "be_name"));
  MINDER_ASSIGN_OR_RETURN(const std::size_t name_column, ColumnOf(table, "srv_name"));
  MINDER_ASSIGN_OR_RETURN(const std::size_t op_column, ColumnOf(table, "srv_op_state"));
  MINDER_ASSIGN_OR_RETURN(const std::size_t admin_column, ColumnOf(table, "srv_admin_state"));
  MINDER_ASSIGN_OR_RETURN(const std::size_t weight_column, ColumnOf(table, "srv_uweight"));
  std::map<std::string, BackendReading> servers;
  for (const Row& row : table.rows) {
    if (row[backend_column] != backend) continue;
    MINDER_ASSIGN_OR_RETURN(const std::uint32_t op_state, Number(row, op_column));
    MINDER_ASSIGN_OR_RETURN(const std::uint32_t admin, Number(row, admin_column));
    MINDER_ASSIGN_OR_RETURN(const std::uint32_t weight, Number(row, weight_column));
    servers[row[name_column]] = {.dbserver = row[name_column],
                                 .told = Told(admin, weight),
                                 .actual = Actual(admin, op_state, weight),
                                 .weight = weight};
  }
  return servers;
}

absl::StatusOr<std::map<std::string, std::uint32_t>> ParseSessions(const std::string& show_stat,
                                                                   const std::string& backend) {
  MINDER_ASSIGN_OR_RETURN(const Table table, ParseTable(show_stat, SplitCsv));
  MINDER_ASSIGN_OR_RETURN(const std::size_t backend_column, ColumnOf(table, "pxname"));
  MINDER_ASSIGN_OR_RETURN(const std::size_t name_column, ColumnOf(table, "svname"));
  MINDER_ASSIGN_OR_RETURN(const std::size_t sessions_column, ColumnOf(table, "scur"));
  std::map<std::string, std::uint32_t> sessions;
  for (const Row& row : table.rows) {
    if (row[backend_column] != backend) continue;
    MINDER_ASSIGN_OR_RETURN(sessions[row[name_column]], Number(row, sessions_column));
  }
  return sessions;
}

absl::Status CheckReply(const std::string& reply, const std::string& what) {
  const std::string text(absl::StripAsciiWhitespace(reply));
  if (text.empty()) return absl::OkStatus();
  if (text == "Permission denied") {
    return absl::PermissionDeniedError(
        absl::StrFormat("HAProxy refuses %s: give its stats socket 'level admin'", what));
  }
  if (text == "No such server." || text == "No such backend." || text == "Can't find backend." ||
      text == "No such proxy.") {
    return absl::NotFoundError(
        absl::StrFormat("HAProxy has no %s: add it to its configuration, or correct minder's", what));
  }
  return absl::FailedPreconditionError(
      absl::StrFormat("HAProxy about %s: %s", what, absl::CHexEscape(text.substr(0, 200))));
}

}  // namespace minder
