#include "common/rpc/grpc_log.h"

#include <grpc/support/log.h>

#include "common/base/log.h"

namespace minder {

void RouteGrpcLog() {
  gpr_set_log_function([](gpr_log_func_args* args) { spdlog::debug("grpc: {}", args->message); });
}

}  // namespace minder
