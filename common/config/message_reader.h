#ifndef MINDER_COMMON_CONFIG_MESSAGE_READER_H_
#define MINDER_COMMON_CONFIG_MESSAGE_READER_H_

#include <google/protobuf/message.h>

#include "common/config/problems.h"
#include "common/config/yaml_tree.h"

namespace minder {

// Fills `message` from a YAML map whose keys are its field names: the schema is config.proto alone, and a new field
// there is a new key here. Enum values are written in lower case without the prefix of their type ("primary"),
// durations as "3s". Unknown and duplicate keys and values of the wrong kind are problems, and so are keys without a
// value, except for lists and maps, which are then empty.
void ReadMessage(const YamlNode& root, google::protobuf::Message& message, ProblemList& problems);

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_MESSAGE_READER_H_
