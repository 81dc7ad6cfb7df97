#ifndef MINDER_TESTS_SERVICES_ARBITRATOR_RUNNING_ARBITRATOR_H_
#define MINDER_TESTS_SERVICES_ARBITRATOR_RUNNING_ARBITRATOR_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <thread>
#include <utility>

#include "common/base/event_loop.h"
#include "common/rpc/server.h"
#include "services/arbitrator/arbitrator.h"
#include "services/arbitrator/control_service.h"
#include "services/arbitrator/store.h"

namespace minder {

// A running arbitrator with its loop in a thread.
class RunningArbitrator {
 public:
  RunningArbitrator(const v1::Configuration& config, std::unique_ptr<Store> store)
      : store_(std::move(store)), arbitrator_(loop_, config, "boot") {
    control_ = MakeControlService(loop_, arbitrator_);
    arbitrator_.Begin(*store_);
    server_ = RpcServer::Start(loop_, arbitrator_.switchboard(), {.listen = "127.0.0.1:0"}, {control_.get()}).value();
    thread_ = std::thread([this] { loop_.Run(); });
  }
  ~RunningArbitrator() {
    loop_.Stop();
    thread_.join();
    server_.reset();
  }
  int port() const { return server_->port(); }

 private:
  EventLoop loop_;
  std::unique_ptr<Store> store_;
  Arbitrator arbitrator_;
  std::unique_ptr<grpc::Service> control_;
  std::unique_ptr<RpcServer> server_;
  std::thread thread_;
};

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_ARBITRATOR_RUNNING_ARBITRATOR_H_
