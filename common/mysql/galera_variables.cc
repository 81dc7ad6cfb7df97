#include "common/mysql/galera_variables.h"

#include <array>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace minder {
namespace {

v1::ClusterStatus ClusterStatusOf(const std::string& value) {
  if (value == "Primary") return v1::CLUSTER_STATUS_PRIMARY;
  if (value == "non-Primary") return v1::CLUSTER_STATUS_NON_PRIMARY;
  if (value == "Disconnected") return v1::CLUSTER_STATUS_DISCONNECTED;
  return v1::CLUSTER_STATUS_UNSPECIFIED;
}

// Numbers of wsrep::server_state as Galera shows them; a closed list, so anything else that was shown is OTHER.
v1::LocalState LocalStateOf(const std::string& value) {
  static constexpr std::array kStates = {v1::LOCAL_STATE_INITIALIZED, v1::LOCAL_STATE_JOINING, v1::LOCAL_STATE_DONOR,
                                         v1::LOCAL_STATE_JOINED, v1::LOCAL_STATE_SYNCED};
  if (value.size() == 1 && value[0] >= '0' && value[0] <= '4') return kStates[value[0] - '0'];
  return v1::LOCAL_STATE_OTHER;
}

template <typename Number>
Number NumberOf(const std::string& value, Number otherwise = 0) {
  Number number = 0;
  return absl::SimpleAtoi(value, &number) ? number : otherwise;
}

double FractionOf(const std::string& value) {
  double number = 0;
  return absl::SimpleAtod(value, &number) && number >= 0 && number <= 1 ? number : 0;
}

bool BoolOf(const std::string& value) {
  const std::string lower = absl::AsciiStrToLower(value);
  return lower == "on" || lower == "yes" || lower == "true" || lower == "1";
}

template <typename Proto>
using Setters = std::map<std::string, std::function<void(const std::string&, Proto&)>>;

const Setters<v1::WsrepStatus>& StatusSetters() {
  using Status = v1::WsrepStatus;
  static const auto* const kSetters = new Setters<Status>{
      {"wsrep_cluster_conf_id", [](auto& v, Status& s) { s.set_cluster_conf_id(NumberOf<std::uint64_t>(v)); }},
      {"wsrep_cluster_size", [](auto& v, Status& s) { s.set_cluster_size(NumberOf<std::uint32_t>(v)); }},
      {"wsrep_cluster_state_uuid", [](auto& v, Status& s) { s.set_cluster_state_uuid(CleanUtf8(v)); }},
      {"wsrep_cluster_status", [](auto& v, Status& s) { s.set_cluster_status(ClusterStatusOf(v)); }},
      {"wsrep_connected", [](auto& v, Status& s) { s.set_connected(BoolOf(v)); }},
      {"wsrep_desync_count", [](auto& v, Status& s) { s.set_desync_count(NumberOf<std::uint32_t>(v)); }},
      {"wsrep_evs_evict_list", [](auto& v, Status& s) { s.set_evs_evict_list(CleanUtf8(v)); }},
      {"wsrep_evs_delayed", [](auto& v, Status& s) { s.set_evs_delayed(CleanUtf8(v)); }},
      {"wsrep_evs_state", [](auto& v, Status& s) { s.set_evs_state(CleanUtf8(v)); }},
      {"wsrep_flow_control_paused", [](auto& v, Status& s) { s.set_flow_control_paused(FractionOf(v)); }},
      {"wsrep_gcomm_uuid", [](auto& v, Status& s) { s.set_gcomm_uuid(CleanUtf8(v)); }},
      {"wsrep_last_committed", [](auto& v, Status& s) { s.set_last_committed(NumberOf<std::int64_t>(v, -1)); }},
      {"wsrep_local_recv_queue", [](auto& v, Status& s) { s.set_local_recv_queue(NumberOf<std::uint64_t>(v)); }},
      {"wsrep_local_state", [](auto& v, Status& s) { s.set_local_state(LocalStateOf(v)); }},
      {"wsrep_local_state_comment", [](auto& v, Status& s) { s.set_local_state_comment(CleanUtf8(v)); }},
      {"wsrep_local_state_uuid", [](auto& v, Status& s) { s.set_local_state_uuid(CleanUtf8(v)); }},
      {"wsrep_provider_version", [](auto& v, Status& s) { s.set_provider_version(CleanUtf8(v)); }},
      {"wsrep_ready", [](auto& v, Status& s) { s.set_ready(BoolOf(v)); }},
  };
  return *kSetters;
}

const Setters<v1::ProviderOptions>& OptionSetters() {
  using Options = v1::ProviderOptions;
  static const auto* const kSetters = new Setters<Options>{
      {"evs.inactive_timeout", [](auto& v, Options& o) { o.set_evs_inactive_timeout(v); }},
      {"evs.install_timeout", [](auto& v, Options& o) { o.set_evs_install_timeout(v); }},
      {"evs.join_retrans_period", [](auto& v, Options& o) { o.set_evs_join_retrans_period(v); }},
      {"evs.keepalive_period", [](auto& v, Options& o) { o.set_evs_keepalive_period(v); }},
      {"evs.suspect_timeout", [](auto& v, Options& o) { o.set_evs_suspect_timeout(v); }},
      {"pc.ignore_quorum", [](auto& v, Options& o) { o.set_ignore_quorum(BoolOf(v)); }},
      {"pc.ignore_sb", [](auto& v, Options& o) { o.set_ignore_sb(BoolOf(v)); }},
      {"pc.weight", [](auto& v, Options& o) { o.set_pc_weight(NumberOf<std::uint32_t>(v)); }},
  };
  return *kSetters;
}

// Length of the UTF-8 character that begins at `at`, 0 when none does: no stray, cut, overlong or surrogate bytes.
std::size_t CharacterAt(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first < 0xe0    ? 2
                             : (first & 0xf0) == 0xe0         ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
  return wrong ? 0 : length;
}

}  // namespace

const std::vector<std::string>& WsrepStatusNames() {
  static const auto* const kNames = [] {
    auto* names = new std::vector<std::string>;
    for (const auto& [name, setter] : StatusSetters()) names->push_back(name);
    return names;
  }();
  return *kNames;
}

v1::WsrepStatus WsrepStatusOf(const std::vector<Row>& rows) {
  v1::WsrepStatus status;
  status.set_last_committed(-1);
  for (const Row& row : rows) {
    if (row.size() != 2 || !row[0].has_value() || !row[1].has_value()) continue;
    const auto it = StatusSetters().find(absl::AsciiStrToLower(*row[0]));
    if (it != StatusSetters().end()) it->second(*row[1], status);
  }
  return status;
}

v1::ProviderOptions ProviderOptionsOf(const std::string& options) {
  v1::ProviderOptions result;
  const std::string text = CleanUtf8(options);
  for (const absl::string_view option : absl::StrSplit(text, ';')) {
    const std::pair<absl::string_view, absl::string_view> pair = absl::StrSplit(option, absl::MaxSplits('=', 1));
    const auto it = OptionSetters().find(std::string(absl::StripAsciiWhitespace(pair.first)));
    if (it != OptionSetters().end()) it->second(std::string(absl::StripAsciiWhitespace(pair.second)), result);
  }
  return result;
}

std::optional<ServerVersion> ParseServerVersion(const std::string& version) {
  std::array<unsigned, 3> numbers = {};
  std::size_t at = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && (at >= version.size() || version[at++] != '.')) return std::nullopt;
    const std::size_t end = std::min(version.find_first_not_of("0123456789", at), version.size());
    if (end - at > 4 || !absl::SimpleAtoi(version.substr(at, end - at), &numbers[i])) return std::nullopt;
    at = end;
  }
  return ServerVersion{numbers[0], numbers[1], numbers[2]};
}

bool NotifyHookSafe(const std::string& version) {
  static constexpr std::array<ServerVersion, 4> kFixed = {{{10, 6, 27}, {10, 11, 18}, {11, 4, 12}, {11, 8, 8}}};
  const auto parsed = ParseServerVersion(version);
  if (!parsed.has_value()) return false;
  for (const ServerVersion& fixed : kFixed) {
    if (parsed->major == fixed.major && parsed->minor == fixed.minor) return *parsed >= fixed;
  }
  // No fix is known for a series in between, such as 11.7 or the 12 that were out at the time; later ones began with
  // it.
  return parsed->major > 12;
}

std::string CleanUtf8(const std::string& text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = CharacterAt(text, at);
    length > 0 ? clean.append(text, at, length) : clean.append("?");
    at += length > 0 ? length : 1;
  }
  return clean;
}

}  // namespace minder
