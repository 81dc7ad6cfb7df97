#ifndef MINDER_COMMON_RPC_UNARY_CALL_H_
#define MINDER_COMMON_RPC_UNARY_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "common/base/event_loop.h"

namespace minder {

// Answers a unary call on the loop: `answer` runs there and returns the status. When the loop has stopped, the call
// ends with UNAVAILABLE rather than never, because the dropped work takes its promise along.
template <typename Answer>
grpc::ServerUnaryReactor* AnswerOnLoop(EventLoop& loop, grpc::CallbackServerContext* context, Answer answer) {
  struct Promise {
    explicit Promise(grpc::ServerUnaryReactor* r) : reactor(r) {}
    ~Promise() { reactor->Finish(status); }
    grpc::ServerUnaryReactor* reactor;
    grpc::Status status{grpc::StatusCode::UNAVAILABLE, "shutting down"};
  };
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  loop.Post([promise = std::make_shared<Promise>(reactor), answer = std::move(answer)] { promise->status = answer(); });
  return reactor;
}

}  // namespace minder

#endif  // MINDER_COMMON_RPC_UNARY_CALL_H_
