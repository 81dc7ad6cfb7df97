#ifndef MINDER_SERVICES_ARBITRATOR_CONTROL_SERVICE_H_
#define MINDER_SERVICES_ARBITRATOR_CONTROL_SERVICE_H_

#include <memory>

#include "common/base/event_loop.h"
#include "services/arbitrator/arbitrator.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace minder {

// ControlService: a human's verbs, answered on the loop. Refusals carry a serialized v1::ErrorDetail in the status
// details. Both arguments outlive the service.
std::unique_ptr<grpc::Service> MakeControlService(EventLoop& loop, Arbitrator& arbitrator);

}  // namespace minder

#endif  // MINDER_SERVICES_ARBITRATOR_CONTROL_SERVICE_H_
