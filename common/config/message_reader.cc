#include "common/config/message_reader.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"
#include "common/config/nearest.h"
#include "common/config/values.h"

namespace minder {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Duration;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::string Shown(const std::string& text) { return absl::Utf8SafeCHexEscape(text.substr(0, 80)); }

// Bytes are not for humans to write.
bool IsKey(const FieldDescriptor& field) { return field.type() != FieldDescriptor::TYPE_BYTES; }

std::vector<std::string> KeysOf(const Descriptor& descriptor) {
  std::vector<std::string> keys;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    if (IsKey(*descriptor.field(i))) keys.push_back(descriptor.field(i)->name());
  }
  return keys;
}

// "ROLE_PRIMARY" of enum Role is written "primary".
std::string WrittenName(const EnumDescriptor& type, int index) {
  return absl::AsciiStrToLower(type.value(index)->name().substr(type.name().size() + 1));
}

// Without the first, which is _UNSPECIFIED.
std::vector<std::string> WrittenNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 1; i < type.value_count(); ++i) names.push_back(WrittenName(type, i));
  return names;
}

bool IsDuration(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && field.message_type() == Duration::descriptor();
}

bool IsMap(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsDuration(field);
}

class Reader {
 public:
  explicit Reader(ProblemList& problems) : problems_(problems) {}

  void ReadMap(const YamlNode& node, const std::string& path, Message& message);

 private:
  void ReadKey(const YamlNode& map, std::size_t i, const std::string& path, Message& message);
  void RefuseUnknown(const YamlNode& map, std::size_t i, const std::string& path, const Descriptor& descriptor);
  void ReadList(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field);
  void ReadValue(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field);
  void ReadScalar(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field);
  void ReadNumber(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field);
  void ReadEnum(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field);
  void ReadDuration(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field);

  ProblemList& problems_;
};

void Reader::ReadMap(const YamlNode& node, const std::string& path, Message& message) {
  if (node.kind == YamlNode::Kind::kNull) return;
  if (node.kind != YamlNode::Kind::kMap) {
    problems_.Add(node.line, {path, "must be a map: write 'key: value' lines, indented, below it"});
    return;
  }
  std::set<std::string> seen;
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    if (seen.insert(node.keys[i]).second) {
      ReadKey(node, i, path, message);
    } else {
      problems_.Add(node.key_lines[i],
                    {path, absl::StrFormat("the key '%s' is there twice: remove one", Shown(node.keys[i]))});
    }
  }
}

void Reader::ReadKey(const YamlNode& map, std::size_t i, const std::string& path, Message& message) {
  const Descriptor& descriptor = *message.GetDescriptor();
  const FieldDescriptor* field = descriptor.FindFieldByName(map.keys[i]);
  if (field == nullptr || !IsKey(*field)) {
    RefuseUnknown(map, i, path, descriptor);
    return;
  }
  const std::string key_path = path.empty() ? field->name() : absl::StrFormat("%s.%s", path, field->name());
  problems_.SetLine(key_path, map.key_lines[i]);
  if (field->is_repeated()) {
    ReadList(map.children[i], key_path, message, *field);
  } else {
    ReadValue(map.children[i], key_path, message, *field);
  }
}

void Reader::RefuseUnknown(const YamlNode& map, std::size_t i, const std::string& path, const Descriptor& descriptor) {
  const std::vector<std::string> known = KeysOf(descriptor);
  const std::string meant = Nearest(map.keys[i], known);
  const std::string cure = meant.empty() ? absl::StrFormat(": remove it, or use one of %s", absl::StrJoin(known, ", "))
                                         : absl::StrFormat(": did you mean '%s'?", meant);
  problems_.Add(
      map.key_lines[i],
      {path.empty() ? Shown(map.keys[i]) : absl::StrFormat("%s.%s", path, Shown(map.keys[i])), "unknown key" + cure});
  if (!meant.empty()) problems_.Silence(path.empty() ? meant : absl::StrFormat("%s.%s", path, meant));
}

void Reader::ReadList(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field) {
  if (node.kind == YamlNode::Kind::kNull) return;
  if (node.kind != YamlNode::Kind::kSequence) {
    problems_.Add(node.line, {path, "must be a list: write '- …' lines below it, or […]"});
    return;
  }
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const std::string item_path = absl::StrFormat("%s[%d]", path, i);
    problems_.SetLine(item_path, node.children[i].line);
    ReadValue(node.children[i], item_path, message, field);
  }
}

void Reader::ReadValue(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field) {
  if (IsMap(field)) {
    const auto& reflection = *message.GetReflection();
    ReadMap(
        node, path,
        field.is_repeated() ? *reflection.AddMessage(&message, &field) : *reflection.MutableMessage(&message, &field));
  } else if (node.kind == YamlNode::Kind::kScalar) {
    ReadScalar(node, path, message, field);
  } else if (node.kind == YamlNode::Kind::kNull) {
    problems_.Add(node.line, {path, "has no value: write one, or leave the key out"});
  } else {
    problems_.Add(node.line, {path, "must be a single value, not a list or a map"});
  }
}

void Reader::ReadScalar(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field) {
  if (IsDuration(field)) {
    ReadDuration(node, path, message, field);
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    ReadEnum(node, path, message, field);
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
    ReadNumber(node, path, message, field);
  } else {
    MINDER_CHECK(field.cpp_type() == FieldDescriptor::CPPTYPE_STRING);  // config.proto has no other types
    const auto& reflection = *message.GetReflection();
    field.is_repeated() ? reflection.AddString(&message, &field, node.scalar)
                        : reflection.SetString(&message, &field, node.scalar);
  }
}

void Reader::ReadNumber(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field) {
  std::uint64_t value = 0;
  if (!absl::SimpleAtoi(node.scalar, &value)) {
    problems_.Add(node.line,
                  {path, absl::StrFormat("'%s' is not a whole number: write for instance 1", Shown(node.scalar))});
    return;
  }
  message.GetReflection()->SetUInt64(&message, &field, value);
}

void Reader::ReadEnum(const YamlNode& node, const std::string& path, Message& message, const FieldDescriptor& field) {
  const EnumDescriptor& type = *field.enum_type();
  for (int i = 1; i < type.value_count(); ++i) {
    if (WrittenName(type, i) != node.scalar) continue;
    message.GetReflection()->SetEnum(&message, &field, type.value(i));
    return;
  }
  problems_.Add(node.line, {path, absl::StrFormat("'%s' is unknown: write one of %s", Shown(node.scalar),
                                                  absl::StrJoin(WrittenNames(type), ", "))});
}

void Reader::ReadDuration(const YamlNode& node, const std::string& path, Message& message,
                          const FieldDescriptor& field) {
  const auto duration = ParseDuration(node.scalar);
  if (!duration) {
    problems_.Add(node.line, {path, absl::StrFormat("'%s' is not a duration: write for instance 900ms, 3s or 1m",
                                                    Shown(node.scalar))});
    return;
  }
  auto& target = static_cast<Duration&>(*message.GetReflection()->MutableMessage(&message, &field));
  const timespec parts = absl::ToTimespec(*duration);
  target.set_seconds(parts.tv_sec);
  target.set_nanos(static_cast<int>(parts.tv_nsec));
}

}  // namespace

void ReadMessage(const YamlNode& root, google::protobuf::Message& message, ProblemList& problems) {
  Reader(problems).ReadMap(root, "", message);
}

}  // namespace minder
