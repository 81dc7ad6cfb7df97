#ifndef MINDER_COMMON_RPC_DIALLER_H_
#define MINDER_COMMON_RPC_DIALLER_H_

#include <memory>
#include <string>

#include "common/base/event_loop.h"
#include "common/rpc/switchboard.h"

namespace minder {

// Keeps one stream open to a peer, for as long as it lives: dials, dials again when the stream ends, at first after 100
// ms and then with a back-off up to 1 s (10 s when the peer refused us). On the loop.
class Dialler {
 public:
  static std::unique_ptr<Dialler> Dial(EventLoop& loop, Switchboard& switchboard, const v1::Party& peer,
                                       const std::string& address);
  virtual ~Dialler() = default;  // ends the stream, and waits for its end
};

}  // namespace minder

#endif  // MINDER_COMMON_RPC_DIALLER_H_
