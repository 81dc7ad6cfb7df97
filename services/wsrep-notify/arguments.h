#ifndef MINDER_SERVICES_WSREP_NOTIFY_ARGUMENTS_H_
#define MINDER_SERVICES_WSREP_NOTIFY_ARGUMENTS_H_

#include <string>
#include <string_view>

#include "minder/v1/status.pb.h"

namespace minder {

struct NotifyArguments {
  std::string socket;  // where the agent listens
  v1::WsrepEvent event;
};

// Reads what mariadbd appends to wsrep_notify_cmd (galera.md section 4), and --socket PATH. Total: what
// is unknown or makes no sense is skipped, for there is nobody to complain to. The event is valid UTF-8 and at most
// kMaxWsrepEventBytes when serialized: members that do not fit are left out altogether, since half a view would be a
// lie.
NotifyArguments ParseNotifyArguments(int argc, const char* const* argv);

// The text with each byte that is no part of valid UTF-8 (RFC 3629) replaced by U+FFFD; proto strings take nothing
// else.
std::string ToValidUtf8(std::string_view text);

}  // namespace minder

#endif  // MINDER_SERVICES_WSREP_NOTIFY_ARGUMENTS_H_
