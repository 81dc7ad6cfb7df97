#include "common/config/file_config.h"

#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/config/message_reader.h"
#include "common/config/problems.h"
#include "common/config/validate.h"
#include "common/config/yaml_tree.h"

namespace minder {

absl::StatusOr<v1::Configuration> FileConfig::Load() {
  MINDER_ASSIGN_OR_RETURN(const std::string text, ReadFile(path_));
  return ParseConfiguration(path_, text);
}

absl::StatusOr<v1::Configuration> ParseConfiguration(const std::string& path, const std::string& text) {
  MINDER_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(path, text));
  v1::Configuration configuration;
  ProblemList problems;
  ReadMessage(root, configuration, problems);
  FillDefaults(configuration);
  for (const Problem& problem : Validate(configuration)) problems.AddFollowing(problem);
  MINDER_RETURN_IF_ERROR(problems.ToStatus(path));
  SortByName(configuration);
  return configuration;
}

}  // namespace minder
