#include "services/wsrep-notify/arguments.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "common/core/wsrep_event.h"

namespace minder {
namespace {

constexpr std::size_t kUuidBytes = 36;

v1::WsrepNotifyStatus ParseStatus(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, v1::WsrepNotifyStatus>, 9> kNames = {{
      {"connected", v1::WSREP_NOTIFY_STATUS_CONNECTED},
      {"joiner", v1::WSREP_NOTIFY_STATUS_JOINER},
      {"joined", v1::WSREP_NOTIFY_STATUS_JOINED},
      {"donor", v1::WSREP_NOTIFY_STATUS_DONOR},
      {"synced", v1::WSREP_NOTIFY_STATUS_SYNCED},
      {"disconnecting", v1::WSREP_NOTIFY_STATUS_DISCONNECTING},
      {"disconnected", v1::WSREP_NOTIFY_STATUS_DISCONNECTED},
      {"initializing", v1::WSREP_NOTIFY_STATUS_INITIALIZING},
      {"initialized", v1::WSREP_NOTIFY_STATUS_INITIALIZED},
  }};
  for (const auto& [name, status] : kNames) {
    if (text == name) return status;
  }
  return v1::WSREP_NOTIFY_STATUS_UNSPECIFIED;
}

v1::Ternary ParsePrimary(std::string_view text) {
  if (text == "yes") return v1::TERNARY_YES;
  if (text == "no") return v1::TERNARY_NO;
  return v1::TERNARY_UNSPECIFIED;
}

int ParseIndex(std::string_view text) {
  int index = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  return error == std::errc() && end == text.data() + text.size() && index >= -1 ? index : -1;
}

bool StartsWithUuid(std::string_view text) {
  if (text.size() <= kUuidBytes || text[kUuidBytes] != '/') return false;
  return std::all_of(text.begin(), text.begin() + kUuidBytes,
                     [](unsigned char c) { return std::isxdigit(c) != 0 || c == '-'; });
}

// UUID/NAME/ADDRESS, where the name may hold a slash of its own.
void AddMember(std::string_view text, v1::WsrepEvent& event) {
  if (!StartsWithUuid(text)) return;
  v1::ViewMember& member = *event.add_members();
  member.set_uuid(std::string(text.substr(0, kUuidBytes)));
  const std::string_view rest = text.substr(kUuidBytes + 1);
  const auto slash = rest.rfind('/');
  member.set_name(ToValidUtf8(rest.substr(0, slash)));
  if (slash != std::string_view::npos) member.set_address(ToValidUtf8(rest.substr(slash + 1)));
}

// Members are joined with commas; one that no uuid follows belongs to a name.
void ParseMembers(std::string_view text, v1::WsrepEvent& event) {
  event.clear_members();
  if (text.size() > kMaxWsrepEventBytes) return;
  std::size_t start = 0;
  for (auto comma = text.find(','); comma != std::string_view::npos; comma = text.find(',', comma + 1)) {
    if (!StartsWithUuid(text.substr(comma + 1))) continue;
    AddMember(text.substr(start, comma - start), event);
    start = comma + 1;
  }
  AddMember(text.substr(start), event);
}

// True when `name` is known, and so takes a value.
bool Take(std::string_view name, std::string_view value, NotifyArguments& arguments) {
  v1::WsrepEvent& event = arguments.event;
  if (name == "--socket") {
    arguments.socket = value;
  } else if (name == "--status") {
    event.set_status(ParseStatus(value));
  } else if (name == "--uuid") {
    event.set_state_uuid(ToValidUtf8(value.substr(0, kUuidBytes)));
  } else if (name == "--primary") {
    event.set_primary(ParsePrimary(value));
  } else if (name == "--index") {
    event.set_index(ParseIndex(value));
  } else if (name == "--members") {
    ParseMembers(value, event);
  } else {
    return false;
  }
  return true;
}

// How many bytes of valid UTF-8 `text` begins with: one character, 0 when it is none.
std::size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;  // overlong, surrogates
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;  // overlong, above U+10FFFF
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string ToValidUtf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const std::size_t bytes = CharacterBytes(text);
    valid += bytes == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, bytes);
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return valid;
}

NotifyArguments ParseNotifyArguments(int argc, const char* const* argv) {
  NotifyArguments arguments;
  arguments.socket = kDefaultNotifySocket;
  arguments.event.set_index(-1);
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    // A value that is left out must not swallow the next argument's name.
    if (i + 1 < argc && !value.starts_with("--") && Take(name, value, arguments)) ++i;
  }
  if (arguments.event.ByteSizeLong() > kMaxWsrepEventBytes) arguments.event.clear_members();
  return arguments;
}

}  // namespace minder
