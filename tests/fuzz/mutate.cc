#include "tests/fuzz/mutate.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace minder {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kMostElements = 8;  // of a repeated field
constexpr int kUnknownEnum = 17;

class Mutator {
 public:
  Mutator(Message& root, std::minstd_rand& random) : random_(random) { Collect(root); }

  void Change() {
    Message& message = *Any(messages_);
    const int fields = message.GetDescriptor()->field_count();
    if (fields == 0) return;
    const FieldDescriptor& field = *message.GetDescriptor()->field(static_cast<int>(Below(fields)));
    field.is_repeated() ? ChangeList(message, field) : ChangeOne(message, field);
  }

 private:
  std::size_t Below(std::size_t limit) { return random_() % limit; }
  template <typename T>
  const T& Any(const std::vector<T>& all) {
    return all[Below(all.size())];
  }

  void Collect(Message& message) {
    messages_.push_back(&message);
    const Reflection& reflection = *message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      const int size = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
      for (int i = 0; i < size; ++i) CollectField(message, *field, i);
    }
  }

  void CollectField(Message& message, const FieldDescriptor& field, int i) {
    const Reflection& reflection = *message.GetReflection();
    const bool list = field.is_repeated();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Collect(list ? *reflection.MutableRepeatedMessage(&message, &field, i)
                            : *reflection.MutableMessage(&message, &field));
      case FieldDescriptor::CPPTYPE_STRING:
        strings_.push_back(list ? reflection.GetRepeatedString(message, &field, i)
                                : reflection.GetString(message, &field));
        return;
      case FieldDescriptor::CPPTYPE_INT64:
        numbers_.push_back(reflection.GetInt64(message, &field));
        return;
      case FieldDescriptor::CPPTYPE_UINT64:
        numbers_.push_back(static_cast<std::int64_t>(reflection.GetUInt64(message, &field)));
        return;
      default:
        return;
    }
  }

  std::string SomeString() { return strings_.empty() || Below(8) == 0 ? (Below(2) == 0 ? "" : "x") : Any(strings_); }

  std::int64_t SomeNumber() {
    constexpr std::array<std::int64_t, 6> kSpecial = {
        0, 1, -1, 2, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()};
    if (numbers_.empty() || Below(4) == 0) return kSpecial[Below(kSpecial.size())];
    // Wraps: uint64 is kept in the same bits.
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(Any(numbers_)) + Below(3) - 1);
  }

  int SomeEnum(const EnumDescriptor& type) {
    return Below(8) == 0 ? kUnknownEnum : type.value(static_cast<int>(Below(type.value_count())))->number();
  }

  // A message of the same type from elsewhere, or none.
  const Message* Like(const Message& message) {
    std::vector<Message*> alike;
    for (Message* other : messages_) {
      if (other != &message && other->GetDescriptor() == message.GetDescriptor()) alike.push_back(other);
    }
    return alike.empty() ? nullptr : Any(alike);
  }

  // Copies by way of a copy: one of them may hold the other.
  void BecomeLikeAnother(Message& message) {
    const Message* other = Like(message);
    if (other == nullptr) return;
    const std::unique_ptr<Message> copy(other->New());
    copy->CopyFrom(*other);
    message.CopyFrom(*copy);
  }

  void ChangeOne(Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    if (Below(8) == 0) return reflection.ClearField(&message, &field);
    const std::int64_t number = SomeNumber();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return BecomeLikeAnother(*reflection.MutableMessage(&message, &field));
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection.SetString(&message, &field, SomeString());
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection.SetEnumValue(&message, &field, SomeEnum(*field.enum_type()));
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection.SetBool(&message, &field, Below(2) == 0);
      case FieldDescriptor::CPPTYPE_INT32:
        return reflection.SetInt32(&message, &field, static_cast<std::int32_t>(number));
      case FieldDescriptor::CPPTYPE_UINT32:
        return reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(number));
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection.SetInt64(&message, &field, number);
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection.SetUInt64(&message, &field, static_cast<std::uint64_t>(number));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection.SetDouble(&message, &field, static_cast<double>(number));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return;  // nowhere
    }
  }

  void ChangeList(Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    const int size = reflection.FieldSize(message, &field);
    if (size > 0 && Below(3) == 0) {
      reflection.SwapElements(&message, &field, static_cast<int>(Below(size)), size - 1);
      return reflection.RemoveLast(&message, &field);
    }
    if (size >= kMostElements) return;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      reflection.AddString(&message, &field, SomeString());
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      BecomeLikeAnother(*reflection.AddMessage(&message, &field));
    }
  }

  std::minstd_rand& random_;
  std::vector<Message*> messages_;
  std::vector<std::string> strings_;
  std::vector<std::int64_t> numbers_;
};

}  // namespace

void Mutate(Message& message, std::minstd_rand& random) { Mutator(message, random).Change(); }

}  // namespace minder
