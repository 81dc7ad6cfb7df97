#ifndef MINDER_COMMON_CONFIG_CLUSTER_CONFIG_H_
#define MINDER_COMMON_CONFIG_CLUSTER_CONFIG_H_

#include "absl/status/statusor.h"
#include "minder/v1/config.pb.h"

namespace minder {

// Where the configuration of the whole set-up comes from.
class ClusterConfig {
 public:
  virtual ~ClusterConfig() = default;

  // Reads one complete, valid version: defaults filled in, lists sorted by name, with its digest. INVALID_ARGUMENT
  // lists every error, one a line.
  virtual absl::StatusOr<v1::Configuration> Load() = 0;
};

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_CLUSTER_CONFIG_H_
