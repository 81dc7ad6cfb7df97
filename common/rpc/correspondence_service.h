#ifndef MINDER_COMMON_RPC_CORRESPONDENCE_SERVICE_H_
#define MINDER_COMMON_RPC_CORRESPONDENCE_SERVICE_H_

#include <memory>

#include "common/base/event_loop.h"
#include "common/rpc/switchboard.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace minder {

// CorrespondenceService: brings the streams that others open to us to the switchboard. Both arguments outlive the
// service.
std::unique_ptr<grpc::Service> MakeCorrespondenceService(EventLoop& loop, Switchboard& switchboard);

}  // namespace minder

#endif  // MINDER_COMMON_RPC_CORRESPONDENCE_SERVICE_H_
