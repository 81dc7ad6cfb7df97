#include "common/core/node_drain.h"

#include <gtest/gtest.h>

#include <array>

namespace minder {
namespace {

constexpr auto kServing = v1::DRAIN_STATE_SERVING;
constexpr auto kBalancers = v1::DRAIN_STATE_WAITING_FOR_BALANCERS;
constexpr auto kTransactions = v1::DRAIN_STATE_WAITING_FOR_TRANSACTIONS;
constexpr auto kReadOnly = v1::DRAIN_STATE_READ_ONLY;
constexpr auto kDrained = v1::DRAIN_STATE_DRAINED;

BootTime At(double seconds) { return SinceBoot(absl::Seconds(1000 + seconds)); }

v1::Drain Order(const std::string& id, bool balancers_done) {
  v1::Drain order;
  order.set_drain_id(id);
  order.set_balancers_done(balancers_done);
  return order;
}

DrainObservation Quiet(double at, bool read_only) {
  return {.asked_at = At(at),
          .listed_at = At(at),
          .read_only = read_only,
          .open_transactions = 0,
          .oldest_age = absl::ZeroDuration()};
}

DrainObservation Busy(double at, double oldest_age, bool read_only = false) {
  return {.asked_at = At(at),
          .listed_at = At(at),
          .read_only = read_only,
          .open_transactions = 1,
          .oldest_age = absl::Seconds(oldest_age)};
}

v1::DrainStatus Stored(v1::DrainState state, const std::string& id, bool read_only_before = false) {
  v1::DrainStatus status;
  status.set_state(state);
  status.set_drain_id(id);
  status.set_read_only_before(read_only_before);
  return status;
}

// A drain that is as far as `state`.
NodeDrain Drained(v1::DrainState state) { return NodeDrain(Stored(state, state == kServing ? "" : "d1")); }

TEST(NodeDrain, MatrixAllowsExactlyTheseTransitions) {
  using enum DrainEvent;
  struct Case {
    v1::DrainState from;
    DrainEvent event;
    std::optional<v1::DrainState> to;
  };
  const std::array<Case, 25> cases = {{
      {kServing, kOrdered, kBalancers},
      {kServing, kBalancersDone, kTransactions},
      {kServing, kTransactionsEnded, std::nullopt},
      {kServing, kQuiet, std::nullopt},
      {kServing, kUndrained, kServing},
      {kBalancers, kOrdered, kBalancers},
      {kBalancers, kBalancersDone, kTransactions},
      {kBalancers, kTransactionsEnded, std::nullopt},
      {kBalancers, kQuiet, std::nullopt},
      {kBalancers, kUndrained, kServing},
      {kTransactions, kOrdered, kTransactions},
      {kTransactions, kBalancersDone, kTransactions},
      {kTransactions, kTransactionsEnded, kReadOnly},
      {kTransactions, kQuiet, std::nullopt},
      {kTransactions, kUndrained, kServing},
      {kReadOnly, kOrdered, kReadOnly},
      {kReadOnly, kBalancersDone, kReadOnly},
      {kReadOnly, kTransactionsEnded, std::nullopt},
      {kReadOnly, kQuiet, kDrained},
      {kReadOnly, kUndrained, kServing},
      {kDrained, kOrdered, kDrained},
      {kDrained, kBalancersDone, kDrained},
      {kDrained, kTransactionsEnded, std::nullopt},
      {kDrained, kQuiet, kDrained},
      {kDrained, kUndrained, kServing},
  }};
  for (const Case& c : cases) {
    EXPECT_EQ(NextDrainState(c.from, c.event), c.to) << c.from << " " << static_cast<int>(c.event);
  }
  EXPECT_EQ(NextDrainState(v1::DRAIN_STATE_UNSPECIFIED, kOrdered), std::nullopt);
}

TEST(NodeDrain, GoesAllTheWayWithAnOpenTransaction) {
  NodeDrain drain({});
  EXPECT_EQ(drain.Reported().state(), kServing);

  EXPECT_TRUE(drain.OnDrain(Order("d1", false), At(0)).persist);
  EXPECT_EQ(drain.Reported().state(), kBalancers);
  EXPECT_FALSE(drain.OnObservation(Quiet(1, false)).set_read_only.has_value());

  EXPECT_TRUE(drain.OnDrain(Order("d1", true), At(10)).persist);
  EXPECT_EQ(drain.Reported().state(), kTransactions);
  EXPECT_TRUE(drain.InProgress());
  EXPECT_FALSE(drain.OnObservation(Busy(11, 5)).set_read_only.has_value());

  const DrainActions actions = drain.OnObservation(Quiet(12, false));
  EXPECT_TRUE(actions.persist);
  EXPECT_EQ(actions.set_read_only, true);
  EXPECT_EQ(drain.Reported().state(), kReadOnly);
  EXPECT_EQ(drain.Durable().drain_id(), "d1");

  EXPECT_FALSE(drain.OnObservation(Busy(13, 0.5, true)).persist);
  EXPECT_EQ(drain.Reported().state(), kReadOnly);
  EXPECT_TRUE(drain.OnObservation(Quiet(14, true)).persist);
  EXPECT_EQ(drain.Reported().state(), kDrained);
  EXPECT_FALSE(drain.InProgress());
}

TEST(NodeDrain, RepeatedOrdersAndObservationsAskForNothing) {
  for (const auto state : {kBalancers, kTransactions, kReadOnly, kDrained}) {
    NodeDrain drain = Drained(state);
    EXPECT_FALSE(drain.OnDrain(Order("d1", false), At(0)).persist) << state;
    EXPECT_EQ(drain.Reported().state(), state);
  }
  NodeDrain drained = Drained(kDrained);
  const DrainActions actions = drained.OnObservation(Quiet(1, true));
  EXPECT_FALSE(actions.persist || actions.set_read_only.has_value());
}

TEST(NodeDrain, TransactionsThatBeganLaterAreNotWaitedFor) {
  NodeDrain drain({});
  drain.OnDrain(Order("d1", true), At(0));
  EXPECT_FALSE(drain.OnObservation(Busy(10, 10.2)).persist);  // began before
  EXPECT_FALSE(drain.OnObservation(Busy(10, 10)).persist);    // in the same moment: counts
  EXPECT_TRUE(drain.OnObservation(Busy(10, 9.9)).persist);
}

TEST(NodeDrain, AProbeFromBeforeTheOrderSaysNothing) {
  NodeDrain drain({});
  drain.OnDrain(Order("d1", true), At(5));
  EXPECT_FALSE(drain.OnObservation(Quiet(4.9, false)).persist);
  EXPECT_EQ(drain.Reported().state(), kTransactions);
}

TEST(NodeDrain, AListFromBeforeReadOnlyWasSeenSaysNothing) {
  NodeDrain drain = Drained(kReadOnly);
  DrainObservation copied = Quiet(1, true);
  copied.listed_at = At(0.9);
  EXPECT_FALSE(drain.OnObservation(copied).persist);
  EXPECT_EQ(drain.Reported().state(), kReadOnly);
  copied = Quiet(1.25, true);
  copied.listed_at = At(1.15);
  EXPECT_TRUE(drain.OnObservation(copied).persist);
  EXPECT_EQ(drain.Reported().state(), kDrained);
}

TEST(NodeDrain, ReadOnlyIsRepeatedUntilSeenAndAfterARestartOfMariadbd) {
  NodeDrain drain = Drained(kReadOnly);
  EXPECT_EQ(drain.OnObservation(Quiet(1, false)).set_read_only, true);
  EXPECT_EQ(drain.OnObservation(Quiet(2, false)).set_read_only, true);
  drain.OnObservation(Quiet(3, true));
  EXPECT_EQ(drain.Reported().state(), kDrained);
  EXPECT_EQ(drain.OnObservation(Quiet(4, false)).set_read_only, true);
  EXPECT_EQ(drain.Reported().state(), kDrained);
}

TEST(NodeDrain, UndrainBeforeReadOnlyTouchesNothing) {
  for (const auto state : {kBalancers, kTransactions}) {
    NodeDrain drain = Drained(state);
    const DrainActions actions = drain.OnUndrain();
    EXPECT_TRUE(actions.persist);
    EXPECT_FALSE(actions.set_read_only.has_value());
    EXPECT_EQ(drain.Reported().state(), kServing);
    EXPECT_EQ(drain.Reported().drain_id(), "");
  }
}

TEST(NodeDrain, UndrainPutsReadOnlyBackBeforeItServes) {
  for (const auto state : {kReadOnly, kDrained}) {
    NodeDrain drain = Drained(state);
    const DrainActions actions = drain.OnUndrain();
    EXPECT_TRUE(actions.persist);
    EXPECT_EQ(actions.set_read_only, false);
    EXPECT_EQ(drain.Reported().state(), state);
    EXPECT_EQ(drain.Durable().state(), kServing);
    EXPECT_EQ(drain.OnObservation(Quiet(1, true)).set_read_only, false);  // not done yet
    EXPECT_TRUE(drain.OnObservation(Quiet(2, false)).persist);
    EXPECT_EQ(drain.Reported().state(), kServing);
    EXPECT_EQ(drain.Durable().drain_id(), "");
  }
}

TEST(NodeDrain, AServerThatWasReadOnlyBeforeStaysSo) {
  NodeDrain drain({});
  drain.OnDrain(Order("d1", true), At(0));
  drain.OnObservation(Quiet(1, true));
  EXPECT_TRUE(drain.Durable().read_only_before());
  drain.OnObservation(Quiet(2, true));
  const DrainActions actions = drain.OnUndrain();
  EXPECT_FALSE(actions.set_read_only.has_value());
  EXPECT_EQ(drain.Reported().state(), kServing);
}

TEST(NodeDrain, UndrainWhileServingAsksForNothing) {
  NodeDrain drain({});
  const DrainActions actions = drain.OnUndrain();
  EXPECT_FALSE(actions.persist || actions.set_read_only.has_value());
}

TEST(NodeDrain, AnotherDrainTakesOverAndNeverGoesBackward) {
  for (const auto state : {kBalancers, kTransactions, kReadOnly, kDrained}) {
    NodeDrain drain = Drained(state);
    EXPECT_TRUE(drain.OnDrain(Order("d2", false), At(0)).persist);
    EXPECT_EQ(drain.Reported().state(), state);
    EXPECT_EQ(drain.Reported().drain_id(), "d2");
  }
}

TEST(NodeDrain, ADrainDuringUndrainIsDrainedAgain) {
  NodeDrain drain = Drained(kDrained);
  drain.OnUndrain();
  EXPECT_TRUE(drain.OnDrain(Order("d1", false), At(0)).persist);
  EXPECT_EQ(drain.Durable().state(), kDrained);
  EXPECT_EQ(drain.OnObservation(Quiet(1, false)).set_read_only, true);
}

TEST(NodeDrain, ARestartedAgentTakesTheOpenTransactionsAnew) {
  NodeDrain drain(Stored(kTransactions, "d1"));
  EXPECT_FALSE(drain.OnObservation(Busy(0, 0)).persist);
  EXPECT_FALSE(drain.OnObservation(Busy(3, 3)).persist);
  EXPECT_TRUE(drain.OnObservation(Quiet(4, false)).persist);
}

TEST(NodeDrain, ARestartedAgentEndsAnUndrain) {
  NodeDrain before = Drained(kDrained);
  before.OnUndrain();
  NodeDrain drain(before.Durable());
  EXPECT_NE(drain.Reported().state(), kServing);
  EXPECT_EQ(drain.OnObservation(Quiet(1, true)).set_read_only, false);
  drain.OnObservation(Quiet(2, false));
  EXPECT_EQ(drain.Reported().state(), kServing);
}

TEST(NodeDrain, AnUnknownStoredStateServes) {
  EXPECT_EQ(NodeDrain(Stored(static_cast<v1::DrainState>(77), "")).Reported().state(), kServing);
}

TEST(NodeDrain, OnlyItsOwnStatesAreDurable) {
  EXPECT_TRUE(IsDurableDrain(Stored(kServing, "")));
  EXPECT_TRUE(IsDurableDrain(Stored(kDrained, "d1")));
  EXPECT_FALSE(IsDurableDrain(v1::DrainStatus()));
  EXPECT_FALSE(IsDurableDrain(Stored(static_cast<v1::DrainState>(77), "d1")));
}

}  // namespace
}  // namespace minder
