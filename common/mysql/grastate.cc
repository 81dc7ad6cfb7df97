#include "common/mysql/grastate.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace minder {
namespace {

constexpr absl::string_view kRecovered = "WSREP: Recovered position:";
constexpr std::size_t kMaxGrastate = 64 << 10;  // a real one has 130 bytes

// SimpleAtoi also takes blanks and a plus sign, which no writer of these files makes.
bool ParseSeqno(absl::string_view text, std::int64_t* seqno) {
  if (text.empty() || (text[0] != '-' && !absl::ascii_isdigit(text[0]))) return false;
  return absl::SimpleAtoi(text, seqno) && *seqno >= -1;
}

absl::Status Malformed(absl::string_view line) {
  return absl::InvalidArgumentError(
      absl::StrFormat("grastate.dat: \"%s\" is no line of it", absl::CHexEscape(line.substr(0, 60))));
}

// Sets the one field that `key` names; false when the value is malformed. Other keys, such as version, are of no
// interest.
bool SetField(absl::string_view key, absl::string_view value, Grastate& state) {
  if (key == "uuid") {
    state.position.set_uuid(absl::AsciiStrToLower(value));
    return IsUuid(value);
  }
  if (key == "seqno") {
    std::int64_t seqno = -1;
    if (!ParseSeqno(value, &seqno)) return false;
    state.position.set_seqno(seqno);
  }
  if (key == "safe_to_bootstrap") {
    state.safe_to_bootstrap = value == "1";
    return value == "0" || value == "1";
  }
  return true;
}

// UUID:SEQNO and whatever follows, up to a blank.
std::optional<RecoveredPosition> ParsePosition(absl::string_view text) {
  text = text.substr(0, text.find_first_of(" \t\r\n"));
  const std::pair<absl::string_view, absl::string_view> position_and_gtid =
      absl::StrSplit(text, absl::MaxSplits(',', 1));
  const std::pair<absl::string_view, absl::string_view> uuid_and_seqno =
      absl::StrSplit(position_and_gtid.first, absl::MaxSplits(':', 1));
  std::int64_t seqno = -1;
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isgraph)) return std::nullopt;  // it becomes an argument
  if (!IsUuid(uuid_and_seqno.first) || !ParseSeqno(uuid_and_seqno.second, &seqno)) return std::nullopt;
  RecoveredPosition recovered;
  recovered.position.set_uuid(absl::AsciiStrToLower(uuid_and_seqno.first));
  recovered.position.set_seqno(seqno);
  recovered.start_position = std::string(text);
  return recovered;
}

}  // namespace

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

absl::StatusOr<Grastate> ParseGrastate(const std::string& content) {
  if (content.size() > kMaxGrastate) return absl::InvalidArgumentError("grastate.dat is far too large to be one");
  Grastate state;
  std::set<std::string> seen;
  for (absl::string_view line : absl::StrSplit(content, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const std::pair<absl::string_view, absl::string_view> field = absl::StrSplit(line, absl::MaxSplits(':', 1));
    const std::string key(absl::StripAsciiWhitespace(field.first));
    if (!absl::StrContains(line, ':') || !seen.insert(key).second) return Malformed(line);
    if (!SetField(key, absl::StripAsciiWhitespace(field.second), state)) return Malformed(line);
  }
  if (!seen.contains("uuid") || !seen.contains("seqno")) {
    return absl::InvalidArgumentError("grastate.dat: uuid or seqno is missing");
  }
  return state;
}

absl::StatusOr<RecoveredPosition> ParseRecoveredPosition(const std::string& log) {
  const absl::string_view text(log);
  for (std::size_t at = text.rfind(kRecovered); at != absl::string_view::npos;
       at = at == 0 ? at : text.rfind(kRecovered, at - 1)) {
    const auto recovered = ParsePosition(absl::StripLeadingAsciiWhitespace(text.substr(at + kRecovered.size())));
    if (recovered.has_value()) return *recovered;
    if (at == 0) break;
  }
  return absl::NotFoundError("mariadbd --wsrep-recover printed no position");
}

}  // namespace minder
