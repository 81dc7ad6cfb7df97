#include "common/mysql/gvwstate.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/mysql/grastate.h"

namespace minder {
namespace {

constexpr std::size_t kMaxGvwstate = 64 << 10;   // a real one has 60 bytes for each member
constexpr absl::string_view kPrimaryType = "3";  // gcomm V_PRIM

absl::Status NoViewLine(absl::string_view line) {
  return absl::InvalidArgumentError(
      absl::StrFormat("gvwstate.dat: \"%s\" is no line of it", absl::CHexEscape(line.substr(0, 60))));
}

// "view_id: 3 UUID NUMBER".
bool ParseViewId(const std::vector<std::string>& words, std::string* id) {
  std::uint64_t number = 0;
  if (words.size() != 4 || words[1] != kPrimaryType || !IsUuid(words[2]) || !absl::SimpleAtoi(words[3], &number))
    return false;
  *id = absl::StrFormat("%s:%d", absl::AsciiStrToLower(words[2]), number);
  return true;
}

// Takes one line over; false when it is malformed. Other keys, such as bootstrap, are of no interest.
bool TakeLine(const std::vector<std::string>& words, Gvwstate& state) {
  if (words[0] == "my_uuid:") {
    if (!state.my_uuid.empty() || words.size() != 2 || !IsUuid(words[1])) return false;
    state.my_uuid = absl::AsciiStrToLower(words[1]);
  } else if (words[0] == "view_id:") {
    return state.view.id().empty() && ParseViewId(words, state.view.mutable_id());
  } else if (words[0] == "member:") {
    if (words.size() < 2 || !IsUuid(words[1])) return false;
    state.view.add_members(absl::AsciiStrToLower(words[1]));
  }
  return true;
}

// Each start from the file is another incarnation of its member: Galera counts the fourth group of the uuid up, and
// writes it back at once; the members stay as they were (gcomm/src/view_state.cpp).
bool IsIncarnationOf(absl::string_view mine, absl::string_view member) {
  return mine.substr(0, 18) == member.substr(0, 18) && mine.substr(23) == member.substr(23);
}

}  // namespace

absl::StatusOr<Gvwstate> ParseGvwstate(const std::string& content) {
  if (content.size() > kMaxGvwstate) return absl::InvalidArgumentError("gvwstate.dat is far too large to be one");
  Gvwstate state;
  bool ended = false;  // a torn one has no end
  for (absl::string_view line : absl::StrSplit(content, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    ended |= line == "#vwend";
    if (line.empty() || line[0] == '#') continue;
    if (!TakeLine(absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty()), state)) return NoViewLine(line);
  }
  std::ranges::sort(*state.view.mutable_members());
  const auto& members = state.view.members();
  const bool twice = std::ranges::adjacent_find(members) != members.end();
  const bool mine = state.my_uuid.size() == 36 && std::ranges::any_of(members, [&](const std::string& member) {
                      return IsIncarnationOf(state.my_uuid, member);
                    });
  if (!ended || state.view.id().empty() || twice || !mine)
    return absl::InvalidArgumentError("gvwstate.dat: view, end or own member is missing, or a member is there twice");
  return state;
}

}  // namespace minder
