#ifndef MINDER_SERVICES_ARBITRATOR_STORE_H_
#define MINDER_SERVICES_ARBITRATOR_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// What the arbitrator must not forget. Each write is on disk when it returns OK; after an error nothing was changed.
class Store {
 public:
  virtual ~Store() = default;
  // Drains in force, sorted by dbserver.
  virtual absl::StatusOr<google::protobuf::RepeatedPtrField<v1::DrainRecord>> Drains() = 0;
  virtual absl::Status SetDrains(const google::protobuf::RepeatedPtrField<v1::DrainRecord>& drains) = 0;
};

// The store of one cluster in DIRECTORY/arbitrator.sqlite, with synchronous=FULL, held by this process alone. The
// directory is made when it is missing. FAILED_PRECONDITION when the file is of another cluster or of a newer minder,
// UNAVAILABLE when another arbitrator holds it.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory, const std::string& cluster);

}  // namespace minder

#endif  // MINDER_SERVICES_ARBITRATOR_STORE_H_
