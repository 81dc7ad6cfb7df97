#ifndef MINDER_COMMON_RPC_GRPC_SETUP_H_
#define MINDER_COMMON_RPC_GRPC_SETUP_H_

namespace minder {

// Before anything of gRPC is made; more calls do nothing. Sends what gRPC logs to our log, at level debug: its errors
// also come back as statuses, which we log in our own words. And keeps gRPC's callback threads until the process ends:
// gRPC 1.51 takes them down with the last channel or server and, now and then, frees their queue twice
// (src/cpp/common/completion_queue_cc.cc; seen under ASan).
void SetUpGrpc();

}  // namespace minder

#endif  // MINDER_COMMON_RPC_GRPC_SETUP_H_
