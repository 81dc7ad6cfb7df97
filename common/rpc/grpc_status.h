#ifndef MINDER_COMMON_RPC_GRPC_STATUS_H_
#define MINDER_COMMON_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace minder {

// The codes of both are the same numbers by definition.
inline grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}
inline absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

}  // namespace minder

#endif  // MINDER_COMMON_RPC_GRPC_STATUS_H_
