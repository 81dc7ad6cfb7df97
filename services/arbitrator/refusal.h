#ifndef MINDER_SERVICES_ARBITRATOR_REFUSAL_H_
#define MINDER_SERVICES_ARBITRATOR_REFUSAL_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "common/core/drain_plan.h"
#include "minder/v1/config.pb.h"

namespace minder {

// `refusal` as a status that carries a serialized v1::ErrorDetail in its details.
grpc::Status Refuse(grpc::StatusCode code, const Refusal& refusal);

// NOT_FOUND with the known names, when `dbserver` is not configured.
grpc::Status CheckKnown(const v1::Configuration& config, const std::string& dbserver);

// INTERNAL: the store did not take an order, so it was not given.
grpc::Status NotRecorded(const absl::Status& status);

}  // namespace minder

#endif  // MINDER_SERVICES_ARBITRATOR_REFUSAL_H_
