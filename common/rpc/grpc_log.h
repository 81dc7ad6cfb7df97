#ifndef MINDER_COMMON_RPC_GRPC_LOG_H_
#define MINDER_COMMON_RPC_GRPC_LOG_H_

namespace minder {

// Sends what gRPC logs to our log, at level debug: its errors also come back as statuses, which we log in our own
// words.
void RouteGrpcLog();

}  // namespace minder

#endif  // MINDER_COMMON_RPC_GRPC_LOG_H_
