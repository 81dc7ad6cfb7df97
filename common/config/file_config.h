#ifndef MINDER_COMMON_CONFIG_FILE_CONFIG_H_
#define MINDER_COMMON_CONFIG_FILE_CONFIG_H_

#include <string>
#include <utility>

#include "common/config/cluster_config.h"

namespace minder {

// The configuration in one YAML file; deploy/minder.yaml shows every key. Each Load reads the file anew.
class FileConfig : public ClusterConfig {
 public:
  explicit FileConfig(std::string path) : path_(std::move(path)) {}

  // INVALID_ARGUMENT with all errors as "FILE:LINE: KEY: what is wrong and what to write", the first 50 of them. The
  // status of ReadFile when there is no such plain file of at most 1 MB. All messages name the file.
  absl::StatusOr<v1::Configuration> Load() override;

 private:
  std::string path_;
};

// The same for text at hand; `path` stands in the messages.
absl::StatusOr<v1::Configuration> ParseConfiguration(const std::string& path, const std::string& text);

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_FILE_CONFIG_H_
