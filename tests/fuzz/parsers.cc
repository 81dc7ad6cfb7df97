// What must hold of the parsers, whatever they are given: what they take can be written down in the canonical form, and
// reads back as the same.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "common/core/wsrep_event.h"
#include "common/mysql/grastate.h"
#include "common/mysql/gvwstate.h"
#include "services/dbclient-agent/haproxy_parse.h"
#include "services/wsrep-notify/arguments.h"
#include "tests/fuzz/targets.h"

namespace minder {
namespace {

bool IsCanonicalUuid(const std::string& uuid) { return IsUuid(uuid) && absl::AsciiStrToLower(uuid) == uuid; }

std::string Canonical(const Grastate& state) {
  return absl::StrFormat("uuid: %s\nseqno: %d\nsafe_to_bootstrap: %d\n", state.position.uuid(), state.position.seqno(),
                         state.safe_to_bootstrap);
}

std::string Canonical(const Gvwstate& state) {
  const std::size_t colon = state.view.id().find(':');
  std::string text = absl::StrFormat("my_uuid: %s\n#vwbeg\nview_id: 3 %s %s\n", state.my_uuid,
                                     state.view.id().substr(0, colon), state.view.id().substr(colon + 1));
  for (const std::string& member : state.view.members()) text += absl::StrFormat("member: %s 0\n", member);
  return text + "#vwend\n";
}

std::string WithoutEnd(std::string text) { return text.substr(0, text.rfind("#vwend")); }

// An error is shown to humans, in one line.
std::string CheckMessage(const absl::Status& status) {
  const bool plain = std::ranges::all_of(status.message(), [](char c) { return absl::ascii_isprint(c); });
  return plain && !status.message().empty() && status.message().size() < 1000 ? "" : "the error cannot be shown";
}

}  // namespace

std::string TryGrastate(const std::string& bytes) {
  const auto state = ParseGrastate(bytes);
  if (!state.ok()) return CheckMessage(state.status());
  if (!IsCanonicalUuid(state->position.uuid())) return "the uuid is none";
  if (state->position.seqno() < -1) return "there is no such seqno";
  const auto again = ParseGrastate(Canonical(*state));
  if (!again.ok() || Canonical(*again) != Canonical(*state)) return "does not read back";
  if (ParseGrastate(bytes + "\n" + Canonical(*state)).ok()) return "takes two states in one file";
  return "";
}

std::string TryGvwstate(const std::string& bytes) {
  const auto state = ParseGvwstate(bytes);
  if (!state.ok()) return CheckMessage(state.status());
  const auto& members = state->view.members();
  if (!std::ranges::all_of(members, IsCanonicalUuid)) return "a member is no uuid";
  if (!std::ranges::is_sorted(members, std::ranges::less_equal{})) return "members are not sorted, or there twice";
  // The fourth group counts the starts from the file.
  const auto is_it = [&](std::string member) { return member.replace(18, 5, state->my_uuid, 18, 5) == state->my_uuid; };
  if (std::ranges::none_of(members, is_it)) return "it is not in its own view";
  const std::string canonical = Canonical(*state);
  const auto again = ParseGvwstate(canonical);
  if (!again.ok() || Canonical(*again) != canonical) return "does not read back";
  if (ParseGvwstate(WithoutEnd(bytes)).ok() && bytes.find("#vwend") == bytes.rfind("#vwend"))
    return "takes a torn file";
  return "";
}

std::string TryRecoverLog(const std::string& bytes) {
  const auto recovered = ParseRecoveredPosition(bytes);
  if (!recovered.ok()) return CheckMessage(recovered.status());
  const v1::Position& position = recovered->position;
  if (!IsCanonicalUuid(position.uuid()) || position.seqno() < -1) return "there is no such position";
  // It becomes one argument of mariadbd.
  const std::string& argument = recovered->start_position;
  if (std::ranges::any_of(argument, [](unsigned char c) { return c <= ' ' || c == 0x7f; })) return "no argument";
  const std::string line = absl::StrFormat("WSREP: Recovered position: %s:%d", position.uuid(), position.seqno());
  if (!absl::AsciiStrToLower(argument).starts_with(line.substr(line.rfind(' ') + 1, 37)))
    return "starts from another position than it reports";
  const auto later =
      ParseRecoveredPosition(bytes + "\nWSREP: Recovered position: 5a1e0000-0000-0000-0000-000000000001:7\n");
  if (!later.ok() || later->position.seqno() != 7) return "the last position does not count";
  return ParseRecoveredPosition(line)->position.SerializeAsString() == position.SerializeAsString()
             ? ""
             : "does not read back";
}

std::string TryNotify(const std::string& bytes) {
  std::vector<const char*> argv = {"minder-notify"};
  for (std::size_t at = 0; at < bytes.size() && argv.size() < 64; at = bytes.find('\0', at)) {
    if (bytes[at] == '\0') ++at;
    if (at < bytes.size()) argv.push_back(bytes.c_str() + at);
  }
  argv.push_back(nullptr);
  const NotifyArguments arguments = ParseNotifyArguments(static_cast<int>(argv.size()) - 1, argv.data());
  const std::string record = arguments.event.SerializeAsString();
  if (record.size() > kMaxWsrepEventBytes) return "the event does not fit into its record";
  v1::WsrepEvent event;
  if (!event.ParseFromString(record)) return "the event cannot be read";  // for instance for want of UTF-8
  if (event.index() < -1) return "there is no such index";
  const bool uuids = std::ranges::all_of(event.members(), [](const auto& m) { return m.uuid().size() == 36; });
  return uuids ? "" : "a member has no uuid";
}

std::string TryHaproxy(const std::string& bytes) {
  for (const absl::Status& status :
       {ParseIncarnation(bytes).status(), ParseServersState(bytes, "galera").status(),
        ParseSessions(bytes, "galera").status(), CheckReply(bytes, "server galera/node1")}) {
    if (status.ok()) continue;
    if (std::string wrong = CheckMessage(status); !wrong.empty()) return wrong;
  }
  const auto servers = ParseServersState(bytes, "galera");
  if (!servers.ok()) return "";
  for (const auto& [name, server] : *servers) {
    if (server.dbserver != name) return "a server under another's name";
    if (server.weight == 0 && server.actual == v1::BACKEND_STATE_UP) return "up without a weight";
    if (server.actual < v1::BACKEND_STATE_UP || server.actual > v1::BACKEND_STATE_DOWN) return "no state of a backend";
  }
  return "";
}

}  // namespace minder
