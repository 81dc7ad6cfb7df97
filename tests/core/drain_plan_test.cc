#include "common/core/drain_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/world.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Facts FactsOf(const World& world) { return GatherFacts(world.config, world.state, world.now); }

TEST(RefuseDrain, OneOfThreeMayGo) { EXPECT_FALSE(RefuseDrain(FactsOf(World()), "node3").refused()); }

TEST(RefuseDrain, OneOfTwoMayGo) { EXPECT_FALSE(RefuseDrain(FactsOf(World(2)), "node2").refused()); }

TEST(RefuseDrain, LastServingNodeIsRefusedWhateverTheReasonThatOthersDoNotServe) {
  const std::vector<std::function<void(World&)>> reasons = {
      [](World& w) { w.NonPrimary(2); },
      [](World& w) { w.Wedged(2); },
      [](World& w) { w.Received(2, absl::Seconds(4)); },
      [](World& w) { w.Drain(2); },
      [](World& w) { w.Drain(2).set_ending(true); },
      [](World& w) { w.Report(2).mutable_drain()->set_state(v1::DRAIN_STATE_DRAINED); },
      [](World& w) { w.Report(2).clear_drain(); },
      [](World& w) { w.Report(2).mutable_wsrep()->set_local_state(v1::LOCAL_STATE_JOINED); },
      [](World& w) { w.state.mutable_dbservers()->RemoveLast(); },
  };
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    World world(2);
    reasons[i](world);
    const Refusal refusal = RefuseDrain(FactsOf(world), "node1");
    EXPECT_EQ(refusal.reason, "LAST_SERVING_NODE") << i;
    EXPECT_THAT(refusal.message, HasSubstr("node1"));
    EXPECT_FALSE(refusal.cure.empty());
  }
}

TEST(RefuseDrain, MajorityOfThePrimaryComponentIsRefused) {
  World world;
  world.Drain(2);
  EXPECT_EQ(RefuseDrain(FactsOf(world), "node3").reason, "MAJORITY_OF_PRIMARY_COMPONENT");
  World weighted;
  weighted.Report(1).mutable_provider_options()->set_pc_weight(3);
  EXPECT_EQ(RefuseDrain(FactsOf(weighted), "node1").reason, "MAJORITY_OF_PRIMARY_COMPONENT");
  EXPECT_FALSE(RefuseDrain(FactsOf(weighted), "node2").refused());
}

TEST(DrainProgress, FollowsBalancersThenTheAgent) {
  World world;
  world.Drain(3);
  v1::DrainResponse progress = DrainProgress(FactsOf(world), "node3");
  EXPECT_EQ(progress.state(), v1::DRAIN_STATE_WAITING_FOR_BALANCERS);
  EXPECT_THAT(progress.waiting_for(), ElementsAre(HasSubstr("lb1: has not confirmed")));

  // The agent runs ahead of what the balancers say now: not believed.
  world.Report(3).mutable_drain()->set_state(v1::DRAIN_STATE_DRAINED);
  world.Report(3).mutable_drain()->set_drain_id("d3");
  EXPECT_EQ(DrainProgress(FactsOf(world), "node3").state(), v1::DRAIN_STATE_WAITING_FOR_BALANCERS);

  world.Backend(3, v1::BACKEND_STATE_DRAIN, v1::BACKEND_STATE_DRAIN);
  world.Balancer().mutable_report()->add_drains_applied("d3");
  EXPECT_EQ(DrainProgress(FactsOf(world), "node3").state(), v1::DRAIN_STATE_DRAINED);

  world.Report(3).mutable_drain()->set_drain_id("an older one");
  EXPECT_EQ(DrainProgress(FactsOf(world), "node3").state(), v1::DRAIN_STATE_WAITING_FOR_BALANCERS);
}

TEST(DrainProgress, SilentAgentIsNotDrained) {
  World world;
  world.Drain(3);
  world.Backend(3, v1::BACKEND_STATE_DRAIN, v1::BACKEND_STATE_DRAIN);
  world.Balancer().mutable_report()->add_drains_applied("d3");
  world.Report(3).mutable_drain()->set_state(v1::DRAIN_STATE_DRAINED);
  world.Report(3).mutable_drain()->set_drain_id("d3");
  world.Received(3, absl::Seconds(4));
  const v1::DrainResponse progress = DrainProgress(FactsOf(world), "node3");
  EXPECT_EQ(progress.state(), v1::DRAIN_STATE_WAITING_FOR_BALANCERS);
  EXPECT_THAT(progress.waiting_for(), ElementsAre(HasSubstr("node3: its agent is silent")));
}

TEST(DrainProgress, ShowsBlockers) {
  World world;
  world.Drain(3);
  v1::OpenTransaction& open = *world.Report(3).add_open_transactions();
  open.set_connection_id(7);
  world.Report(3).set_open_transaction_count(1);
  const v1::DrainResponse progress = DrainProgress(FactsOf(world), "node3");
  EXPECT_EQ(progress.open_transactions(), 1u);
  EXPECT_EQ(progress.blockers(0).connection_id(), 7u);
}

TEST(UndrainProgress, IsDoneWhenTheAgentServesAndBalancersGiveSessions) {
  World world;
  EXPECT_TRUE(UndrainProgress(FactsOf(world), "node3").done());
  world.Backend(3, v1::BACKEND_STATE_UP, v1::BACKEND_STATE_DRAIN);
  EXPECT_FALSE(UndrainProgress(FactsOf(world), "node3").done());
  world.Backend(3, v1::BACKEND_STATE_UP, v1::BACKEND_STATE_UP);
  world.Report(3).mutable_drain()->set_state(v1::DRAIN_STATE_READ_ONLY);
  const v1::UndrainResponse progress = UndrainProgress(FactsOf(world), "node3");
  EXPECT_FALSE(progress.done());
  EXPECT_THAT(progress.waiting_for(), ElementsAre(HasSubstr("has not ended the drain")));
}

TEST(DrainSteps, NameTheNodeTheBalancersAndTheOpenTransactions) {
  World world;
  world.Report(3).set_open_transaction_count(2);
  EXPECT_THAT(DrainSteps(FactsOf(world), "node3"),
              ElementsAre(HasSubstr("node3"), HasSubstr("lb1"), HasSubstr("2 now"), HasSubstr("read_only")));
  World alone(2);
  alone.config.clear_dbclients();
  EXPECT_THAT(BalancersToWaitFor(FactsOf(alone), "node2", "d"), IsEmpty());
}

}  // namespace
}  // namespace minder
