#ifndef MINDER_COMMON_CONFIG_YAML_TREE_H_
#define MINDER_COMMON_CONFIG_YAML_TREE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace minder {

// One node of a YAML document as plain data: every key is there, also a duplicate one, with its line.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMap };

  Kind kind = Kind::kNull;
  int line = 0;                    // from 1
  std::string scalar;              // of kScalar
  std::vector<std::string> keys;   // of kMap, one per child
  std::vector<int> key_lines;      // of kMap, one per child
  std::vector<YamlNode> children;  // of kSequence and kMap
};

// Parses exactly one document. INVALID_ARGUMENT "FILE:LINE: …" for the first syntax error, and for what a configuration
// has no need of: anchors and aliases (so that no small file grows large in memory), explicit tags, keys that are not
// plain text, tabs as indentation, control characters. yaml-cpp's own exceptions and its limit of depth come back as
// such an error too.
absl::StatusOr<YamlNode> ParseYaml(const std::string& path, const std::string& text);

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_YAML_TREE_H_
