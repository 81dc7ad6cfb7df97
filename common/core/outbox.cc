#include "common/core/outbox.h"

#include "common/core/party.h"

namespace minder {
namespace {

// The order as the message that carries it: every verb has one name in both.
v1::Message MessageOf(const v1::Order& order) {
  const auto* verb =
      v1::Order::GetReflection()->GetOneofFieldDescriptor(order, v1::Order::descriptor()->FindOneofByName("verb"));
  v1::Message message;
  if (verb == nullptr) return message;
  const auto* field = v1::Message::descriptor()->FindFieldByName(verb->name());
  v1::Message::GetReflection()
      ->MutableMessage(&message, field)
      ->CopyFrom(v1::Order::GetReflection()->GetMessage(order, verb));
  return message;
}

}  // namespace

std::optional<v1::Message> Outbox::News(const v1::Order& order) {
  std::string& told = told_[{Describe(order.receiver()), order.verb_case()}];
  std::string now = order.SerializeAsString();
  if (told == now) return std::nullopt;
  told = std::move(now);
  // A drain and its end are two words for one thing: the newer takes the older's place.
  if (order.has_drain()) told_.erase({Describe(order.receiver()), v1::Order::kUndrain});
  if (order.has_undrain()) told_.erase({Describe(order.receiver()), v1::Order::kDrain});
  return MessageOf(order);
}

void Outbox::Forget(const v1::Party& party) {
  std::erase_if(told_, [name = Describe(party)](const auto& entry) { return entry.first.first == name; });
}

}  // namespace minder
