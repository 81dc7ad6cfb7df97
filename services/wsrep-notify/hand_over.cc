#include "services/wsrep-notify/hand_over.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "common/base/unique_fd.h"

namespace minder {

bool HandOver(const v1::WsrepEvent& event, const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.empty() || socket_path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.ok()) return false;
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return false;
  const std::string record = event.SerializeAsString();
  // An event without a word in it serializes to nothing, and an empty record reads as the end.
  return !record.empty() && send(fd.get(), record.data(), record.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

}  // namespace minder
