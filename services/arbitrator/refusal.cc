#include "services/arbitrator/refusal.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/lookup.h"
#include "minder/v1/services.pb.h"

namespace minder {

grpc::Status Refuse(grpc::StatusCode code, const Refusal& refusal) {
  v1::ErrorDetail detail;
  detail.set_reason(refusal.reason);
  detail.set_rule(refusal.rule);
  detail.set_cure(refusal.cure);
  return {code, refusal.message, detail.SerializeAsString()};
}

grpc::Status CheckKnown(const v1::Configuration& config, const std::string& dbserver) {
  if (FindByName(config.dbservers(), dbserver) != nullptr) return grpc::Status::OK;
  const std::string known = absl::StrJoin(
      config.dbservers(), ", ", [](std::string* out, const v1::DbserverConfig& node) { out->append(node.name()); });
  return Refuse(grpc::StatusCode::NOT_FOUND, {.reason = "UNKNOWN_DBSERVER",
                                              .rule = "",
                                              .message = absl::StrFormat("cluster '%s' has no dbserver '%s'; it has %s",
                                                                         config.cluster(), dbserver, known),
                                              .cure = "name one of these"});
}

grpc::Status NotRecorded(const absl::Status& status) {
  return Refuse(grpc::StatusCode::INTERNAL,
                {.reason = "NOT_RECORDED",
                 .rule = "",
                 .message = absl::StrFormat("the order could not be recorded, so it was not given: %s",
                                            std::string(status.message())),
                 .cure = "see to the disk of the arbitrator's state_dir"});
}

}  // namespace minder
