#include "cli/print_json.h"

#include <string_view>

#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "google/protobuf/util/json_util.h"

namespace minder {
namespace {

absl::StatusOr<std::string> Json(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return absl::InternalError("the arbitrator's answer cannot be shown: " + status.ToString());
  while (!json.empty() && json.back() == '\n') json.pop_back();
  return json;
}

// Turns the compact JSON that protobuf prints into YAML. Strings are copied with their quotes: a JSON string is a YAML
// double-quoted scalar.
class YamlWriter {
 public:
  explicit YamlWriter(std::string_view json) : json_(json) {}

  std::string Write() {
    if (AtEmpty()) return std::string(TakeScalar()) + "\n";
    Value(0);
    return std::move(out_);
  }

 private:
  bool AtEmpty() const { return json_.substr(0, 2) == "{}" || json_.substr(0, 2) == "[]"; }

  // A string, number, word, or an empty {} or [].
  std::string_view TakeScalar() {
    std::size_t end = 2;
    if (json_.front() == '"') {
      for (end = 1; json_[end] != '"'; ++end) end += json_[end] == '\\';
      ++end;
    } else if (!AtEmpty()) {
      end = json_.find_first_of(",]}");
    }
    MINDER_CHECK(end <= json_.size());
    const std::string_view scalar = json_.substr(0, end);
    json_.remove_prefix(end);
    return scalar;
  }

  bool IsBlock() const { return !AtEmpty() && (json_.front() == '{' || json_.front() == '['); }

  // Writes the block at the front of json_; the first line's indentation is there already.
  void Value(int indent) {
    const bool object = json_.front() == '{';
    bool first = true;
    do {
      json_.remove_prefix(1);  // the opening bracket, later the comma
      if (!first) out_ += std::string(indent, ' ');
      first = false;
      object ? Field(indent) : Element(indent);
    } while (json_.front() == ',');
    json_.remove_prefix(1);  // the closing bracket
  }

  void Field(int indent) {
    std::string_view key = TakeScalar();
    json_.remove_prefix(1);  // the colon
    out_ += std::string(key.substr(1, key.size() - 2)) + ":";
    if (!IsBlock()) {
      out_ += " " + std::string(TakeScalar()) + "\n";
      return;
    }
    out_ += "\n" + std::string(indent + 2, ' ');
    Value(indent + 2);
  }

  void Element(int indent) {
    out_ += "- ";
    if (IsBlock()) return Value(indent + 2);
    out_ += std::string(TakeScalar()) + "\n";
  }

  std::string_view json_;
  std::string out_;
};

}  // namespace

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message) {
  MINDER_ASSIGN_OR_RETURN(const std::string json, Json(message, /*indented=*/true));
  return json + "\n";
}

absl::StatusOr<std::string> ToJsonLine(const google::protobuf::Message& message) {
  MINDER_ASSIGN_OR_RETURN(const std::string json, Json(message, /*indented=*/false));
  return json + "\n";
}

absl::StatusOr<std::string> ToYaml(const google::protobuf::Message& message) {
  MINDER_ASSIGN_OR_RETURN(const std::string json, Json(message, /*indented=*/false));
  return YamlWriter(json).Write();
}

}  // namespace minder
