#include "common/core/plan_backends.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "common/core/proto_time.h"

namespace minder {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

const BootTime kNow = SinceBoot(absl::Seconds(1000));
constexpr absl::Duration kFreshFor = absl::Seconds(3);

v1::Configuration Cluster(int nodes) {
  v1::Configuration configuration;
  for (int i = 1; i <= nodes; ++i) configuration.add_dbservers()->set_name("node" + std::to_string(i));
  *configuration.mutable_timings()->mutable_fresh_for() = ToProto(kFreshFor);
  return configuration;
}

void SetView(v1::DbStatusReport& report, const std::vector<std::string>& members) {
  report.clear_members();
  for (const std::string& name : members) {
    v1::ViewMember* member = report.add_members();
    member->set_name(name);
    member->set_uuid("uuid-" + name);
  }
}

v1::DbStatusReport Serving(const std::vector<std::string>& members) {
  v1::DbStatusReport report;
  report.set_running(v1::TERNARY_YES);
  report.set_primary(v1::TERNARY_YES);
  report.mutable_probe()->set_healthy(true);
  report.mutable_wsrep()->set_local_state(v1::LOCAL_STATE_SYNCED);
  report.mutable_wsrep()->set_ready(true);
  report.mutable_drain()->set_state(v1::DRAIN_STATE_SERVING);
  SetView(report, members);
  return report;
}

v1::DbStatusReport NonPrimary() {
  v1::DbStatusReport report = Serving({});
  report.set_primary(v1::TERNARY_NO);
  report.mutable_wsrep()->set_local_state(v1::LOCAL_STATE_INITIALIZED);
  report.mutable_wsrep()->set_ready(false);
  return report;
}

// What the agent of a wedged mariadbd reports.
v1::DbStatusReport Wedged() {
  v1::DbStatusReport report;
  report.set_running(v1::TERNARY_UNKNOWN);
  report.set_primary(v1::TERNARY_UNKNOWN);
  report.mutable_drain()->set_state(v1::DRAIN_STATE_SERVING);
  return report;
}

// Knowledge and intent of a balancer agent in front of three nodes, all of which serve at first.
class World {
 public:
  World() {
    for (const char* name : {"node1", "node2", "node3"}) Report(name, Serving({"node1", "node2", "node3"}));
  }

  World& Report(const std::string& name, const v1::DbStatusReport& report, absl::Duration ago = absl::ZeroDuration()) {
    knowledge_[name] = {report, kNow - ago};
    return *this;
  }
  World& Change(const std::string& name, const std::function<void(v1::DbStatusReport&)>& change) {
    change(knowledge_.at(name).report);
    return *this;
  }
  World& Silence(const std::string& name) {
    knowledge_.at(name).received = kNow - absl::Minutes(1);
    return *this;
  }
  World& Forget(const std::string& name) {
    knowledge_.erase(name);
    return *this;
  }
  World& Bar(const std::string& name) {
    if (!intent_.has_value()) intent_.emplace();
    intent_->add_barred(name);
    return *this;
  }
  World& Drain(const std::string& name) {
    if (!intent_.has_value()) intent_.emplace();
    intent_->add_drains()->set_dbserver(name);
    return *this;
  }

  std::vector<BackendPlan> Plan() const { return PlanBackends(Cluster(3), knowledge_, intent_, kNow); }
  BackendPlan PlanOf(const std::string& name) const {
    for (BackendPlan& plan : Plan()) {
      if (plan.dbserver == name) return plan;
    }
    return {};
  }

 private:
  BackendKnowledge knowledge_;
  std::optional<v1::RoutingIntent> intent_;
};

auto Is(const std::string& rule, v1::BackendState wanted, bool cut = false) {
  return AllOf(Field("rule", &BackendPlan::rule, rule), Field("wanted", &BackendPlan::wanted, wanted),
               Field("cut_sessions", &BackendPlan::cut_sessions, cut));
}
auto Up() { return Is("B500", v1::BACKEND_STATE_UP); }

TEST(PlanBackends, AllUpInTheOrderOfTheConfiguration) {
  const std::vector<BackendPlan> plan = World().Plan();
  EXPECT_THAT(plan, ElementsAre(Up(), Up(), Up()));
  EXPECT_EQ(plan[0].dbserver, "node1");
  EXPECT_EQ(plan[2].dbserver, "node3");
}

TEST(PlanBackends, AfterSplitBrainTheComponentThatGoesOnServesAndTheOtherIsCut) {
  const auto split = [] {
    return World()
        .Report("node1", Serving({"node1", "node2"}))
        .Report("node2", Serving({"node1", "node2"}))
        .Report("node3", Serving({"node3"}));
  };
  EXPECT_THAT(split().Plan(),
              ElementsAre(Is("B400", v1::BACKEND_STATE_UNSPECIFIED), Is("B400", v1::BACKEND_STATE_UNSPECIFIED),
                          Is("B400", v1::BACKEND_STATE_UNSPECIFIED)));
  EXPECT_THAT(split().Bar("node3").Plan(), ElementsAre(Up(), Up(), Is("B115", v1::BACKEND_STATE_DOWN, true)));
  EXPECT_THAT(split().Bar("node1").Bar("node2").Plan(),
              ElementsAre(Is("B115", v1::BACKEND_STATE_DOWN, true), Is("B115", v1::BACKEND_STATE_DOWN, true), Up()));
  EXPECT_THAT(split().Bar("node3").Silence("node3").PlanOf("node3"), Is("B115", v1::BACKEND_STATE_DOWN, true));
}

TEST(PlanBackends, StoppedServerIsDownAndItsSessionsAreCut) {
  const World world = World().Change("node2", [](auto& report) {
    report.set_running(v1::TERNARY_NO);
    report.set_primary(v1::TERNARY_NO);
  });
  EXPECT_THAT(world.Plan(), ElementsAre(Up(), Is("B100", v1::BACKEND_STATE_DOWN, true), Up()));
}

TEST(PlanBackends, NonPrimaryServerIsDownAndItsSessionsAreCut) {
  const World world = World().Report("node3", NonPrimary());
  EXPECT_THAT(world.Plan(), ElementsAre(Up(), Up(), Is("B110", v1::BACKEND_STATE_DOWN, true)));
}

TEST(PlanBackends, AllDownWhenEveryNodeSaysNonPrimary) {
  World world;
  for (const char* name : {"node1", "node2", "node3"}) world.Report(name, NonPrimary());
  const auto down = Is("B110", v1::BACKEND_STATE_DOWN, true);
  EXPECT_THAT(world.Plan(), ElementsAre(down, down, down));
}

TEST(PlanBackends, WedgedServerIsDownButItsSessionsAreKept) {
  const World world = World().Report("node1", Wedged());
  EXPECT_THAT(world.PlanOf("node1"), Is("B310", v1::BACKEND_STATE_DOWN));
}

TEST(PlanBackends, UnknownEverywhereTakesNobodyOut) {
  World world;
  for (const char* name : {"node1", "node2", "node3"}) world.Report(name, Wedged());
  const auto left = Is("B300", v1::BACKEND_STATE_UNSPECIFIED);
  EXPECT_THAT(world.Plan(), ElementsAre(left, left, left));
}

TEST(PlanBackends, LastUnknownServerIsLeftWhenTheOthersAreSeenDown) {
  const World world = World().Report("node1", NonPrimary()).Report("node2", NonPrimary()).Report("node3", Wedged());
  EXPECT_THAT(world.PlanOf("node3"), Is("B300", v1::BACKEND_STATE_UNSPECIFIED));
}

// An older agent, or half a report: whatever is missing, the answer is never UP.
TEST(PlanBackends, MissingFactsNeverMeanUp) {
  const std::vector<std::pair<std::function<void(v1::DbStatusReport&)>, std::string>> cases = {
      {[](auto& report) { report.set_running(v1::TERNARY_UNSPECIFIED); }, "B310"},
      {[](auto& report) { report.set_running(v1::TERNARY_UNKNOWN); }, "B310"},
      {[](auto& report) { report.set_primary(v1::TERNARY_UNSPECIFIED); }, "B310"},
      {[](auto& report) { report.set_primary(v1::TERNARY_UNKNOWN); }, "B310"},
      {[](auto& report) { report.clear_probe(); }, "B310"},
      {[](auto& report) { report.clear_wsrep(); }, "B310"},
      {[](auto& report) { report.mutable_wsrep()->set_local_state(v1::LOCAL_STATE_UNSPECIFIED); }, "B310"},
      {[](auto& report) { report.clear_drain(); }, "B310"},
      {[](auto& report) { report.mutable_wsrep()->set_ready(false); }, "B330"},
      {[](auto& report) { report.set_running(static_cast<v1::Ternary>(77)); }, "B310"},
      {[](auto& report) { report.mutable_wsrep()->set_local_state(static_cast<v1::LocalState>(77)); }, "B320"},
      {[](auto& report) { report.mutable_drain()->set_state(static_cast<v1::DrainState>(77)); }, "B200"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const BackendPlan plan = World().Change("node2", cases[i].first).PlanOf("node2");
    EXPECT_EQ(plan.rule, cases[i].second) << "case " << i;
    EXPECT_NE(plan.wanted, v1::BACKEND_STATE_UP) << "case " << i;
  }
}

TEST(PlanBackends, DrainedByTheIntentOrByItsOwnReport) {
  EXPECT_THAT(World().Drain("node3").PlanOf("node3"), Is("B200", v1::BACKEND_STATE_DRAIN));
  for (int state = v1::DRAIN_STATE_WAITING_FOR_BALANCERS; state <= v1::DRAIN_STATE_DRAINED; ++state) {
    const World world = World().Change(
        "node3", [&](auto& report) { report.mutable_drain()->set_state(static_cast<v1::DrainState>(state)); });
    EXPECT_THAT(world.Plan(), ElementsAre(Up(), Up(), Is("B200", v1::BACKEND_STATE_DRAIN))) << state;
  }
}

TEST(PlanBackends, DrainHoldsForASilentServerAndNeverKeepsADeadOneInTheGame) {
  EXPECT_THAT(World().Silence("node3").Drain("node3").PlanOf("node3"), Is("B200", v1::BACKEND_STATE_DRAIN));
  EXPECT_THAT(World().Forget("node3").Drain("node3").PlanOf("node3"), Is("B200", v1::BACKEND_STATE_DRAIN));
  EXPECT_THAT(World().Report("node3", NonPrimary()).Drain("node3").PlanOf("node3"),
              Is("B110", v1::BACKEND_STATE_DOWN, true));
}

TEST(PlanBackends, DrainOfAStrangerChangesNothing) {
  EXPECT_THAT(World().Drain("node9").Plan(), ElementsAre(Up(), Up(), Up()));
}

TEST(PlanBackends, OnlySyncedServersGetNewSessions) {
  for (const auto state : {v1::LOCAL_STATE_INITIALIZED, v1::LOCAL_STATE_JOINING, v1::LOCAL_STATE_DONOR,
                           v1::LOCAL_STATE_JOINED, v1::LOCAL_STATE_OTHER}) {
    const World world = World().Change("node2", [&](auto& report) { report.mutable_wsrep()->set_local_state(state); });
    EXPECT_THAT(world.PlanOf("node2"), Is("B320", v1::BACKEND_STATE_DRAIN)) << state;
  }
}

TEST(PlanBackends, FreshUpToTheBoundaryAndNotBeyond) {
  const auto tick = absl::Nanoseconds(1);
  const v1::DbStatusReport report = Serving({"node1", "node2", "node3"});
  EXPECT_THAT(World().Report("node2", report, kFreshFor).PlanOf("node2"), Up());
  EXPECT_THAT(World().Report("node2", report, kFreshFor + tick).PlanOf("node2"),
              Is("B410", v1::BACKEND_STATE_UNSPECIFIED));
}

TEST(PlanBackends, TheReportsOwnAgeCounts) {
  v1::DbStatusReport report = Serving({"node1", "node2", "node3"});
  *report.mutable_age() = ToProto(absl::Seconds(1));
  EXPECT_THAT(World().Report("node2", report, absl::Seconds(2)).PlanOf("node2"), Up());
  EXPECT_THAT(World().Report("node2", report, absl::Milliseconds(2001)).PlanOf("node2"),
              Is("B410", v1::BACKEND_STATE_UNSPECIFIED));
  // A negative age is nonsense and buys nobody time.
  *report.mutable_age() = ToProto(-absl::Hours(1));
  EXPECT_THAT(World().Report("node2", report, absl::Seconds(4)).PlanOf("node2"),
              Is("B410", v1::BACKEND_STATE_UNSPECIFIED));
}

TEST(PlanBackends, SilentServerOutsideThePrimaryViewIsDown) {
  World world;
  world.Report("node1", Serving({"node1", "node2"})).Report("node2", Serving({"node1", "node2"})).Silence("node3");
  EXPECT_THAT(world.Plan(), ElementsAre(Up(), Up(), Is("B120", v1::BACKEND_STATE_DOWN, true)));
  EXPECT_THAT(world.Forget("node3").PlanOf("node3"), Is("B120", v1::BACKEND_STATE_DOWN, true));
}

TEST(PlanBackends, OneViewWithoutItIsEnough) {
  const World world = World().Report("node1", Serving({"node1", "node2"})).Silence("node3");
  EXPECT_THAT(world.PlanOf("node3"), Is("B120", v1::BACKEND_STATE_DOWN, true));
}

TEST(PlanBackends, SilentServerInThePrimaryViewIsLeft) {
  EXPECT_THAT(World().Silence("node3").PlanOf("node3"), Is("B410", v1::BACKEND_STATE_UNSPECIFIED));
}

TEST(PlanBackends, SilentMemberIsKnownByItsUuidWhenItsNameIsWrong) {
  const auto rename = [](auto& report) { report.mutable_members(2)->set_name("localhost"); };
  World world;
  world.Change("node1", rename).Change("node2", rename).Silence("node3");
  EXPECT_THAT(world.PlanOf("node3"), Is("B120", v1::BACKEND_STATE_DOWN, true));
  world.Change("node3", [](auto& report) { report.mutable_wsrep()->set_gcomm_uuid("uuid-node3"); });
  EXPECT_THAT(world.PlanOf("node3"), Is("B410", v1::BACKEND_STATE_UNSPECIFIED));
}

TEST(PlanBackends, ViewsOfOtherThanPrimaryServersProveNothing) {
  World world;
  world.Report("node1", NonPrimary()).Report("node2", Wedged()).Silence("node3");
  world.Change("node1", [](auto& report) { SetView(report, {"node1"}); });
  world.Change("node2", [](auto& report) { SetView(report, {"node2"}); });
  EXPECT_THAT(world.PlanOf("node3"), Is("B900", v1::BACKEND_STATE_UNSPECIFIED));
}

TEST(PlanBackends, PrimaryReportWithoutMembersLeavesNobodyOut) {
  const World world = World().Report("node1", Serving({})).Report("node2", Serving({})).Silence("node3");
  EXPECT_THAT(world.PlanOf("node3"), Is("B900", v1::BACKEND_STATE_UNSPECIFIED));
}

TEST(PlanBackends, NobodyToBeSeenLeavesEverything) {
  const auto left = Is("B900", v1::BACKEND_STATE_UNSPECIFIED);
  EXPECT_THAT(World().Silence("node1").Silence("node2").Silence("node3").Plan(), ElementsAre(left, left, left));
  EXPECT_THAT(PlanBackends(Cluster(3), {}, std::nullopt, kNow), ElementsAre(left, left, left));
}

TEST(PlanBackends, SplitBrainLeavesWhatIs) {
  World world;
  world.Report("node1", Serving({"node1", "node2"})).Report("node3", Serving({"node3"}));
  world.Silence("node2");
  const auto left = Is("B400", v1::BACKEND_STATE_UNSPECIFIED);
  EXPECT_THAT(world.Plan(), ElementsAre(left, left, left));
  EXPECT_THAT(world.PlanOf("node1").reason, HasSubstr("split brain"));
}

TEST(PlanBackends, SplitBrainStillTakesOutWhatIsSeenToBeBad) {
  World world;
  world.Report("node1", Serving({"node1"})).Report("node3", Serving({"node3"})).Report("node2", NonPrimary());
  world.Drain("node3");
  EXPECT_THAT(world.Plan(), ElementsAre(Is("B400", v1::BACKEND_STATE_UNSPECIFIED),
                                        Is("B110", v1::BACKEND_STATE_DOWN, true), Is("B200", v1::BACKEND_STATE_DRAIN)));
}

TEST(PlanBackends, ViewsThatOverlapAreAViewChangeAndNotASplit) {
  const World world = World().Report("node1", Serving({"node1", "node2"}));
  EXPECT_THAT(world.Plan(), ElementsAre(Up(), Up(), Up()));
}

TEST(PlanBackends, StaleReportIsNoSplitBrain) {
  const World world = World()
                          .Report("node1", Serving({"node1", "node2"}))
                          .Report("node2", Serving({"node1", "node2"}))
                          .Report("node3", Serving({"node3"}), absl::Seconds(10));
  EXPECT_THAT(world.Plan(), ElementsAre(Up(), Up(), Is("B120", v1::BACKEND_STATE_DOWN, true)));
}

TEST(PlanBackends, ReportOfAnUnconfiguredServerIsIgnored) {
  EXPECT_THAT(World().Report("node9", Serving({"node9"})).Plan(), ElementsAre(Up(), Up(), Up()));
}

TEST(PlanBackends, EmptyConfigurationHasAnEmptyPlan) {
  EXPECT_TRUE(PlanBackends(v1::Configuration(), {}, std::nullopt, kNow).empty());
}

// Every report that node1 can make, in front of every kind of second node: the promises hold in all of these worlds.
class EveryWorld : public ::testing::Test {
 protected:
  static std::vector<std::optional<ReceivedReport>> SecondNodes() {
    const BootTime old = kNow - absl::Minutes(1);
    return {std::nullopt,
            ReceivedReport{Serving({"node1", "node2"}), kNow},
            ReceivedReport{Serving({"node2"}), kNow},
            ReceivedReport{Serving({}), kNow},
            ReceivedReport{Serving({"node2"}), old},
            ReceivedReport{NonPrimary(), kNow},
            ReceivedReport{Wedged(), kNow}};
  }

  static std::vector<v1::DbStatusReport> Reports() {
    std::vector<v1::DbStatusReport> reports = {Serving({})};
    reports = Multiply(reports, 4, [](auto& r, int i) { r.set_running(static_cast<v1::Ternary>(i)); });
    reports = Multiply(reports, 4, [](auto& r, int i) { r.set_primary(static_cast<v1::Ternary>(i)); });
    reports = Multiply(reports, 7,
                       [](auto& r, int i) { r.mutable_wsrep()->set_local_state(static_cast<v1::LocalState>(i)); });
    reports = Multiply(reports, 2, [](auto& r, int i) { r.mutable_wsrep()->set_ready(i == 1); });
    reports = Multiply(reports, 2, [](auto& r, int i) { r.mutable_probe()->set_healthy(i == 1); });
    reports =
        Multiply(reports, 3, [](auto& r, int i) { r.mutable_drain()->set_state(static_cast<v1::DrainState>(i)); });
    return Multiply(reports, 3, [](auto& r, int i) {
      SetView(r, i == 0   ? std::vector<std::string>{}
                 : i == 1 ? std::vector<std::string>{"node1"}
                          : std::vector<std::string>{"node1", "node2"});
    });
  }

  static bool Fit(const v1::DbStatusReport& r) {
    return r.running() == v1::TERNARY_YES && r.primary() == v1::TERNARY_YES && r.probe().healthy() &&
           r.wsrep().local_state() == v1::LOCAL_STATE_SYNCED && r.wsrep().ready() &&
           r.drain().state() == v1::DRAIN_STATE_SERVING;
  }

  static void Check(const v1::DbStatusReport& report, bool fresh, bool drained, const BackendPlan& first,
                    const BackendPlan& second, bool split_brain) {
    const bool left = first.wanted == v1::BACKEND_STATE_UNSPECIFIED;
    const bool down = first.wanted == v1::BACKEND_STATE_DOWN;
    const bool seen_bad = report.running() == v1::TERNARY_NO || report.primary() == v1::TERNARY_NO;
    const bool unknown = fresh && first.rule == "B300";
    EXPECT_EQ(first.wanted == v1::BACKEND_STATE_UP, fresh && Fit(report) && !drained && !split_brain);
    EXPECT_TRUE(!left || !fresh || split_brain || unknown);
    EXPECT_TRUE(!unknown || second.wanted != v1::BACKEND_STATE_UP);
    EXPECT_TRUE(!first.cut_sessions || down);
    EXPECT_TRUE(!first.cut_sessions || !fresh || seen_bad);
    EXPECT_TRUE(!drained || down || first.wanted == v1::BACKEND_STATE_DRAIN);
    EXPECT_TRUE(fresh || !down || first.rule == "B120");
    EXPECT_FALSE(first.reason.empty());
  }

 private:
  static std::vector<v1::DbStatusReport> Multiply(const std::vector<v1::DbStatusReport>& reports, int by,
                                                  const std::function<void(v1::DbStatusReport&, int)>& change) {
    std::vector<v1::DbStatusReport> more;
    for (const v1::DbStatusReport& report : reports) {
      for (int i = 0; i < by; ++i) change(more.emplace_back(report), i);
    }
    return more;
  }
};

TEST_F(EveryWorld, KeepsThePromises) {
  const v1::Configuration configuration = Cluster(2);
  v1::RoutingIntent drain;
  drain.add_drains()->set_dbserver("node1");
  for (const v1::DbStatusReport& report : Reports()) {
    for (const auto& second : SecondNodes()) {
      for (const bool fresh : {true, false}) {
        BackendKnowledge knowledge = {{"node1", {report, fresh ? kNow : kNow - absl::Minutes(1)}}};
        if (second.has_value()) knowledge["node2"] = *second;
        for (const bool drained : {true, false}) {
          const auto intent = drained ? std::optional(drain) : std::nullopt;
          const std::vector<BackendPlan> plan = PlanBackends(configuration, knowledge, intent, kNow);
          ASSERT_EQ(plan.size(), 2u);
          const bool says_primary =
              report.running() == v1::TERNARY_YES && report.primary() == v1::TERNARY_YES && report.probe().healthy();
          const bool second_alone =
              second.has_value() && second->received == kNow && second->report.members_size() == 1;
          const bool split_brain = fresh && says_primary && report.members_size() == 1 && second_alone;
          Check(report, fresh, drained, plan[0], plan[1], split_brain);
          ASSERT_FALSE(HasFailure()) << report.ShortDebugString() << " fresh=" << fresh << " drained=" << drained
                                     << " plan: " << plan[0].rule << ", " << plan[1].rule;
        }
      }
    }
  }
}

}  // namespace
}  // namespace minder
