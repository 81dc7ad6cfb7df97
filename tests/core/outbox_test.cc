#include "common/core/outbox.h"

#include <gtest/gtest.h>

namespace minder {
namespace {

v1::Order To(const std::string& name) {
  v1::Order order;
  order.mutable_receiver()->set_name(name);
  return order;
}

TEST(Outbox, EveryVerbOfAnOrderIsOneOfAMessage) {
  const auto* verb = v1::Order::descriptor()->FindOneofByName("verb");
  for (int i = 0; i < verb->field_count(); ++i) {
    v1::Order order = To("n1");
    v1::Order::GetReflection()->MutableMessage(&order, verb->field(i));
    const auto message = Outbox().News(order);
    ASSERT_TRUE(message.has_value());
    EXPECT_NE(message->verb_case(), v1::Message::VERB_NOT_SET) << verb->field(i)->name();
  }
}

TEST(Outbox, TellsWhatIsNewAndAllOfItToWhoMayHaveForgotten) {
  Outbox outbox;
  v1::Order order = To("n1");
  order.mutable_freeze()->set_epoch(3);
  v1::Order other = order;
  other.mutable_receiver()->set_name("n2");
  EXPECT_EQ(outbox.News(order)->freeze().epoch(), 3u);
  EXPECT_FALSE(outbox.News(order).has_value());
  EXPECT_TRUE(outbox.News(other).has_value());
  outbox.Forget(order.receiver());
  EXPECT_TRUE(outbox.News(order).has_value());
  EXPECT_FALSE(outbox.News(other).has_value());
}

TEST(Outbox, ADrainAndItsEndTakeEachOthersPlace) {
  Outbox outbox;
  v1::Order drain = To("n1");
  drain.mutable_drain()->set_drain_id("d1");
  v1::Order undrain = To("n1");
  undrain.mutable_undrain();
  EXPECT_TRUE(outbox.News(drain).has_value());
  EXPECT_TRUE(outbox.News(undrain).has_value());
  EXPECT_TRUE(outbox.News(drain)->has_drain());
}

}  // namespace
}  // namespace minder
