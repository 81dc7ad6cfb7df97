#ifndef MINDER_COMMON_RPC_CHANNEL_H_
#define MINDER_COMMON_RPC_CHANNEL_H_

#include <memory>
#include <string>

namespace grpc {
class Channel;
}  // namespace grpc

namespace minder {

// A channel to host:port that gives up a connection attempt after 1 s, tries again at least every second, and pings a
// silent connection.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);

}  // namespace minder

#endif  // MINDER_COMMON_RPC_CHANNEL_H_
