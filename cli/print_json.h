#ifndef MINDER_CLI_PRINT_JSON_H_
#define MINDER_CLI_PRINT_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace minder {

// The protobuf JSON of a message: lowerCamelCase, enums by name, 64-bit numbers as strings, fields with their default
// value too, absent messages left out. This is what scripts rely on. INTERNAL for a value that JSON cannot say, such as
// a duration of more than 10,000 years.
absl::StatusOr<std::string> ToJson(
    const google::protobuf::Message& message);  // for people: indented, ends in a newline
absl::StatusOr<std::string> ToJsonLine(
    const google::protobuf::Message& message);  // for streams: one line, ends in a newline

// The same content as YAML 1.2 in block style; strings are always quoted, so that none can be read as something else.
absl::StatusOr<std::string> ToYaml(const google::protobuf::Message& message);

}  // namespace minder

#endif  // MINDER_CLI_PRINT_JSON_H_
