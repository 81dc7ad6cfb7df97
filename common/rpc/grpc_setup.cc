#include "common/rpc/grpc_setup.h"

#include <grpc/support/log.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include "common/base/log.h"

namespace minder {
namespace {

// A server that listens nowhere, and is never taken down: it holds the threads.
bool HoldCallbackThreads() {
  static auto* const service = new grpc::CallbackGenericService();
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(service);
  static auto* const server = builder.BuildAndStart().release();
  return server != nullptr;
}

}  // namespace

void SetUpGrpc() {
  gpr_set_log_function([](gpr_log_func_args* args) { spdlog::debug("grpc: {}", args->message); });
  [[maybe_unused]] static const bool held = HoldCallbackThreads();
}

}  // namespace minder
