#ifndef MINDER_COMMON_CORE_WSREP_EVENT_H_
#define MINDER_COMMON_CORE_WSREP_EVENT_H_

#include <cstddef>

namespace minder {

// How minder-notify hands an event to the dbserver agent: one connection of a SOCK_SEQPACKET unix socket, one record,
// which is a serialized minder.v1.WsrepEvent of at most this many bytes. There is no answer, because mariadbd waits for
// minder-notify.
inline constexpr std::size_t kMaxWsrepEventBytes = 64 << 10;

inline constexpr char kDefaultNotifySocket[] = "/run/minder/notify.sock";

}  // namespace minder

#endif  // MINDER_COMMON_CORE_WSREP_EVENT_H_
