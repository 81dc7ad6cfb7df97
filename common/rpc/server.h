#ifndef MINDER_COMMON_RPC_SERVER_H_
#define MINDER_COMMON_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/event_loop.h"
#include "common/rpc/switchboard.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace minder {

// A gRPC server with health and reflection (v1alpha, which Debian's library speaks), AgentService, and whatever else it
// is given.
class RpcServer {
 public:
  struct Options {
    std::string listen;  // host:port; port 0 takes a free one
    std::uint64_t config_version = 0;
    bool correspondence = true;  // serve CorrespondenceService
  };

  // Listens. UNAVAILABLE with the address and the cure when it cannot. `loop`, `switchboard` and `services` must
  // outlive the server.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(EventLoop& loop, Switchboard& switchboard,
                                                          const Options& options,
                                                          const std::vector<grpc::Service*>& services);
  virtual ~RpcServer() = default;  // ends all calls, and waits for their ends

  virtual int port() const = 0;
};

}  // namespace minder

#endif  // MINDER_COMMON_RPC_SERVER_H_
