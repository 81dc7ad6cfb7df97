// Every order that the arbitrator can give is one that its receiver carries out, or refuses and says why.
#include "common/core/dbserver_verb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "common/core/node_drain.h"
#include "common/core/order_life.h"
#include "minder/v1/decision.pb.h"

namespace minder {
namespace {

using ::testing::HasSubstr;

const BootTime kNow = SinceBoot(absl::Hours(1));

v1::DbStatusReport NonPrimary() {
  v1::DbStatusReport report;
  report.set_running(v1::TERNARY_YES);
  report.set_primary(v1::TERNARY_NO);
  report.mutable_process()->set_pid(7);
  return report;
}

v1::DbStatusReport Stopped() {
  v1::DbStatusReport report;
  report.set_running(v1::TERNARY_NO);
  report.set_primary(v1::TERNARY_NO);
  report.mutable_stopped()->mutable_recovered()->set_uuid("5a1e0000-0000-0000-0000-000000000001");
  report.mutable_stopped()->mutable_recovered()->set_seqno(7);
  return report;
}

OrderLife LifeAfter(v1::DbStatusReport report) {
  OrderLife life({.config_digest = "digest", .order_validity = absl::Seconds(2)}, {});
  report.set_nonce("n1");
  life.OnReported(report, kNow);
  return life;
}

template <typename Order>
Order Quoting(Order order) {
  order.set_epoch(5);
  order.set_nonce("n1");
  return order;
}

// There is a state of its mariadbd in which the agent does something about it.
template <typename Order>
bool IsCarriedOut(const Order& order) {
  for (const v1::DbStatusReport& report : {NonPrimary(), Stopped()}) {
    const OrderEffects effects = LifeAfter(report).On(Quoting(order), kNow);
    if (effects.write || effects.evict || effects.recover) return true;
  }
  return false;
}

// The reason, as the next report shows it; empty when it is not refused.
template <typename Order>
std::string WhyRefusedBy(OrderLife life, const Order& order) {
  const OrderEffects effects = life.On(order, kNow);
  if (!effects.changed || effects.write || effects.evict || effects.recover) return "";
  const v1::OrderStatus shown = life.outcomes().back();
  return shown.outcome() == v1::ORDER_OUTCOME_REFUSED ? shown.detail() : "";
}

template <typename Order>
void ExpectCarriedOutOrRefused(const Order& order) {
  EXPECT_TRUE(IsCarriedOut(order)) << order.ShortDebugString();
  EXPECT_THAT(WhyRefusedBy(LifeAfter(Stopped()), order), HasSubstr("no recent report")) << "it quotes nothing";
}

std::vector<v1::Recover> EveryRecover() {
  std::vector<v1::Recover> all;
  for (int i = 0; i < v1::Recover::Action_descriptor()->value_count(); ++i) {
    const auto action = static_cast<v1::Recover::Action>(v1::Recover::Action_descriptor()->value(i)->number());
    if (action == v1::Recover::ACTION_UNSPECIFIED) continue;
    all.emplace_back().set_action(action);
    all.back().set_epoch(5);
    all.back().set_config_digest("digest");
  }
  return all;
}

void ExpectDrained() {
  NodeDrain drain{v1::DrainStatus()};
  EXPECT_TRUE(drain.OnDrain(v1::Drain(), kNow).persist);
  EXPECT_TRUE(drain.OnUndrain().persist);
}

void Expect(DbserverVerb verb) {
  v1::Freeze freeze;
  freeze.set_epoch(5);
  v1::MakePrimary make_primary;
  make_primary.set_epoch(5);
  make_primary.set_config_digest("digest");
  v1::EvictMember evict_member;
  evict_member.add_dead()->set_gcomm_uuid("u");
  switch (verb) {
    case DbserverVerb::kRequestStatus:  // a report
    case DbserverVerb::kHoldDown:       // hold_keeper_test
      return;
    case DbserverVerb::kDrain:
    case DbserverVerb::kUndrain:
      return ExpectDrained();
    case DbserverVerb::kFreeze:
      return ExpectCarriedOutOrRefused(freeze);
    case DbserverVerb::kMakePrimary:
      return ExpectCarriedOutOrRefused(make_primary);
    case DbserverVerb::kEvictMember:
      return ExpectCarriedOutOrRefused(evict_member);
    case DbserverVerb::kRecover:
      for (const v1::Recover& order : EveryRecover()) ExpectCarriedOutOrRefused(order);
      return;
  }
}

TEST(DbserverVerb, EveryOrderIsCarriedOutOrRefused) {
  const std::set<std::string> for_dbclients = {"routing_intent"};
  const auto* verbs = v1::Order::descriptor()->FindOneofByName("verb");
  for (int i = 0; i < verbs->field_count(); ++i) {
    const std::string name = verbs->field(i)->name();
    SCOPED_TRACE(name);
    const auto* field = v1::Message::descriptor()->FindFieldByName(name);
    ASSERT_NE(field, nullptr);
    const auto verb = DbserverVerbOf(static_cast<v1::Message::VerbCase>(field->number()));
    ASSERT_EQ(verb.has_value(), !for_dbclients.contains(name));
    if (verb) Expect(*verb);
  }
}

TEST(DbserverVerb, AnActionOfALaterVersionIsRefused) {
  v1::Recover order;
  for (const int action : {0, 77}) {
    order.set_action(static_cast<v1::Recover::Action>(action));
    for (const v1::DbStatusReport& report : {NonPrimary(), Stopped()})
      EXPECT_THAT(WhyRefusedBy(LifeAfter(report), Quoting(order)), HasSubstr("this version does not carry out"));
  }
}

}  // namespace
}  // namespace minder
