#ifndef MINDER_SERVICES_ARBITRATOR_STORE_H_
#define MINDER_SERVICES_ARBITRATOR_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "minder/v1/decision.pb.h"
#include "minder/v1/services.pb.h"

namespace minder {

// What the arbitrator must not forget. Each write is on disk when it returns OK; after an error nothing was changed.
class Store {
 public:
  virtual ~Store() = default;
  virtual absl::StatusOr<v1::DurableState> Load() = 0;
  // Replaces the state and appends to the audit trail, both or neither.
  virtual absl::Status Save(const v1::DurableState& state,
                            const google::protobuf::RepeatedPtrField<v1::AuditRecord>& records) = 0;
  // The newest `limit` entries of the audit trail, newest first, and whether the whole chain of hashes holds. With
  // `before`, only those with a lower number. Fewer where they would not fit into one message.
  virtual absl::StatusOr<v1::HistoryResponse> History(std::uint32_t limit, std::uint64_t before) = 0;
};

// The store of one cluster in DIRECTORY/arbitrator.sqlite, with synchronous=FULL, held by this process alone. The
// directory is made when it is missing. FAILED_PRECONDITION when the file is of another cluster or of a newer minder,
// UNAVAILABLE when another arbitrator holds it, DATA_LOSS when it cannot be read.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(const std::string& directory, const std::string& cluster);

// The same; but for DATA_LOSS a store all of whose calls fail with it, so that the rest of minder still works. What is
// somebody else's stays an error: that is a mistake in the configuration.
absl::StatusOr<std::unique_ptr<Store>> OpenStoreOrNone(const std::string& directory, const std::string& cluster);

}  // namespace minder

#endif  // MINDER_SERVICES_ARBITRATOR_STORE_H_
