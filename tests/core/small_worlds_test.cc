// All small worlds: two sites of one or two dbservers, every combination of what each of them may look like, and what
// may never be decided in any of them.
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <set>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/decide.h"
#include "common/core/names.h"
#include "common/core/rules.h"
#include "tests/core/scenario.h"

namespace minder {
namespace {

// What a node looks like, said in the words of scenarios; "@" is its name.
constexpr std::array<const char*, 11> kLooks = {
    "",            // as it was: in the primary component
    "nonprimary",  // non-Primary, with those of its site that are so as well
    "alone",       // non-Primary, alone
    "crash",       // its exit was seen
    "stop",        // it was stopped on purpose
    "wedge",       // it does not answer
    "silent",      // its agent is not heard; it was primary
    "gone",        // its agent is not heard; it was non-Primary
    "lost",        // it crashed, and its last view is gone
    "waits",       // it crashed, and waits for a primary component
    "elsewhere",   // non-Primary now, after it was in a primary component of its own
};

struct Site {
  std::vector<std::string> names;
};

void Paint(Scenario& scenario, const Site& site, const std::vector<std::string>& looks) {
  std::vector<std::string> together;
  for (std::size_t i = 0; i < site.names.size(); ++i) {
    const std::string& name = site.names[i];
    const std::string& look = looks[i];
    if (look == "nonprimary") together.push_back(name);
    if (look == "alone" || look == "gone") scenario.Run("nonprimary " + name);
    if (look == "gone" || look == "silent") scenario.Run("silent " + name);
    if (look == "elsewhere") scenario.Run("primary " + name), scenario.Run("nonprimary " + name);
    if (look == "crash" || look == "stop" || look == "wedge") scenario.Run(look + " " + name);
    if (look == "lost") scenario.Run("crash " + name), scenario.Run("no-view " + name);
    if (look == "waits") scenario.Run("crash " + name), scenario.Run("waits " + name);
  }
  if (!together.empty()) scenario.Run("nonprimary " + absl::StrJoin(together, " "));
}

bool In(const google::protobuf::RepeatedPtrField<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// Its process of the last primary component is dead, and what may have been started since serves nobody.
bool HasOnlyDied(const v1::DbStatusReport& report) {
  return report.process().has_last_exit() && (report.running() == v1::TERNARY_NO || report.process().waiting());
}

// The same of a grant that bootstraps a stopped cluster.
void CheckBootstrap(const Scenario& before, const v1::Decision& decision, const std::set<std::string>& silent) {
  const v1::Grant& grant = decision.next().grant();
  std::int64_t best = -1;
  std::int64_t source = -1;
  for (const v1::DbserverKnowledge& known : before.state().dbservers()) {
    const v1::DbStatusReport& report = known.report();
    EXPECT_FALSE(silent.contains(known.name())) << known.name() << " is silent: nothing is proven about it";
    EXPECT_EQ(report.running(), v1::TERNARY_NO) << known.name() << " may run";
    EXPECT_EQ(report.process().pid(), 0) << known.name() << " runs";
    EXPECT_TRUE(report.stopped().has_recovered()) << known.name() << " may hold more";
    best = std::max(best, report.stopped().recovered().seqno());
    if (known.name() == grant.target()) source = report.stopped().recovered().seqno();
  }
  EXPECT_EQ(source, best) << "data would be lost";
  for (const v1::Order& order : decision.orders()) {
    if (!order.has_recover() || order.recover().action() != v1::Recover::ACTION_BOOTSTRAP) continue;
    EXPECT_EQ(grant.state(), v1::GRANT_STATE_ORDERED) << "ordered without a record";
    EXPECT_EQ(order.recover().epoch(), grant.epoch());
    EXPECT_EQ(order.receiver().name(), grant.target());
    for (const v1::DbserverKnowledge& known : before.state().dbservers()) {
      const v1::DbStatusReport& report = known.report();
      EXPECT_EQ(report.orders(0).action(), v1::Recover::ACTION_CLEAR) << known.name() << " has cleared nothing";
      EXPECT_TRUE(known.name() == grant.target() || report.freeze().epoch() >= grant.epoch())
          << known.name() << " has promised nothing";
    }
  }
}

// What must hold of one decision, whatever the world: checked against the reports themselves, not against the facts
// that the decision was made of.
// `tie`: votes may stand for who is not seen to answer (E4); each has one.
void Check(const Scenario& before, const v1::Decision& decision, const std::set<std::string>& silent, bool tie) {
  bool primary_seen = false;
  for (const v1::DbserverKnowledge& known : before.state().dbservers())
    primary_seen |= !silent.contains(known.name()) && known.report().primary() == v1::TERNARY_YES;
  const v1::Grant& grant = decision.next().grant();
  const bool open = grant.state() == v1::GRANT_STATE_FREEZING || grant.state() == v1::GRANT_STATE_ORDERED;
  if (open) {
    EXPECT_FALSE(primary_seen) << "promoted beside a primary component";
    if (grant.bootstrap()) return CheckBootstrap(before, decision, silent);
    if (before.state().durable().grant().epoch() != grant.epoch()) {
      EXPECT_GT(grant.epoch(), before.state().durable().epoch()) << "an epoch that was there before";
    }
    const bool tied = tie && grant.others_size() <= grant.group_size();
    std::int64_t best = -1;
    for (const v1::DbserverKnowledge& known : before.state().dbservers()) {
      const v1::DbStatusReport& report = known.report();
      const bool in_group = In(grant.group(), known.name());
      const bool heard = !silent.contains(known.name());
      EXPECT_TRUE(in_group || In(grant.others(), known.name())) << known.name() << " is forgotten";
      EXPECT_TRUE(heard || (tied && !in_group)) << known.name() << " is silent: nothing is proven about it";
      EXPECT_TRUE(report.running() != v1::TERNARY_UNKNOWN || HasOnlyDied(report) || (tied && !in_group))
          << known.name() << " is wedged: nothing is proven about it";
      if (in_group) {
        EXPECT_EQ(report.running(), v1::TERNARY_YES);
        best = std::max(best, report.wsrep().last_committed());
      }
      if (report.running() == v1::TERNARY_YES) {
        EXPECT_EQ(report.last_primary_view().id(), grant.view_id()) << known.name() << " was elsewhere since";
      }
    }
    for (const v1::DbserverKnowledge& known : before.state().dbservers())
      EXPECT_LE(known.report().wsrep().last_committed(), best) << "data of " << known.name() << " would be lost";
  }
  for (const v1::Order& order : decision.orders()) {
    if (order.has_make_primary()) {
      EXPECT_EQ(grant.state(), v1::GRANT_STATE_ORDERED) << "ordered without a record";
      EXPECT_EQ(order.make_primary().epoch(), grant.epoch());
      EXPECT_TRUE(In(grant.group(), order.receiver().name()));
      for (const std::string& other : grant.others()) {
        const auto& report =
            std::ranges::find(before.state().dbservers(), other, &v1::DbserverKnowledge::name)->report();
        const bool dead = HasOnlyDied(report);
        const bool unseen = silent.contains(other) || report.running() == v1::TERNARY_UNKNOWN;
        const bool tied = tie && unseen && grant.others_size() <= grant.group_size();
        EXPECT_TRUE(dead || tied || (report.freeze().frozen() && report.freeze().epoch() >= grant.epoch()))
            << other << " has promised nothing";
      }
    }
    if (order.has_evict_member() && !order.evict_member().clear()) {
      for (const v1::EvictMember::Dead& dead : order.evict_member().dead()) {
        const v1::ServerProcess& process =
            std::ranges::find(before.state().dbservers(), dead.dbserver(), &v1::DbserverKnowledge::name)
                ->report()
                .process();
        EXPECT_TRUE(!silent.contains(dead.dbserver()) && process.pid() == 0 &&
                    process.last_exit().gcomm_uuid() == dead.gcomm_uuid())
            << "evicted without proof of death";
      }
    }
  }
}

struct Shape {
  const char* cluster;
  Site a;
  Site b;
  bool tie = false;
};

class SmallWorlds : public ::testing::TestWithParam<Shape> {};

TEST_P(SmallWorlds, NothingUnprovenIsEverOrdered) {
  const Shape& shape = GetParam();
  const std::size_t nodes = shape.a.names.size() + shape.b.names.size();
  std::size_t worlds = 1;
  for (std::size_t i = 0; i < nodes; ++i) worlds *= kLooks.size();
  std::size_t promotions = 0;
  std::size_t evictions = 0;
  std::size_t recoveries = 0;
  for (std::size_t world = 0; world < worlds; ++world) {
    std::vector<std::string> looks;
    for (std::size_t i = 0, rest = world; i < nodes; ++i, rest /= kLooks.size())
      looks.emplace_back(kLooks[rest % kLooks.size()]);
    const auto middle = looks.begin() + static_cast<std::ptrdiff_t>(shape.a.names.size());
    Scenario scenario;
    scenario.Run(std::string("cluster ") + shape.cluster);
    if (shape.tie) scenario.Run("tie");
    scenario.Run("decide");
    Paint(scenario, shape.a, {looks.begin(), middle});
    Paint(scenario, shape.b, {middle, looks.end()});
    scenario.Run("wait 4s");
    std::set<std::string> silent;
    std::vector<std::string> names = shape.a.names;
    names.insert(names.end(), shape.b.names.begin(), shape.b.names.end());
    for (std::size_t i = 0; i < nodes; ++i) {
      if (looks[i] == "silent" || looks[i] == "gone") silent.insert(names[i]);
    }
    SCOPED_TRACE(absl::StrFormat("%s: %s", shape.cluster, absl::StrJoin(looks, ", ")));
    // The first decision, and the one after its orders about promises were obeyed.
    for (int step = 0; step < 5; ++step) {
      const Scenario before = scenario;
      scenario.Run("decide");
      Check(before, scenario.last(), silent, shape.tie);
      promotions += scenario.last().next().grant().state() == v1::GRANT_STATE_ORDERED ? 1 : 0;
      evictions += scenario.last().next().evictions_size() > 0 ? 1 : 0;
      const v1::DurableState& next = scenario.last().next();
      const bool ordered = next.grant().state() == v1::GRANT_STATE_ORDERED;
      recoveries += ordered && next.grant().bootstrap() ? 1 : 0;
      const bool goes_on =
          next.grant().state() == v1::GRANT_STATE_FREEZING || next.recovery().state() == v1::RECOVERY_STATE_COLLECTING;
      if (ordered || !goes_on) break;
      scenario.Run("obey");
      if (shape.tie) scenario.Run("wait 17s");
    }
    if (HasFailure()) return;
  }
  std::cout << worlds << " worlds, " << promotions << " promotions, " << evictions << " evictions, " << recoveries
            << " recoveries\n";
  EXPECT_GT(promotions, 0u) << "holds vacuously";
  EXPECT_GT(evictions, 0u) << "holds vacuously";
  EXPECT_GT(recoveries, 0u) << "holds vacuously";
}

INSTANTIATE_TEST_SUITE_P(Shapes, SmallWorlds,
                         ::testing::Values(Shape{"a1:dc1 b1:dc2", {{"a1"}}, {{"b1"}}},
                                           Shape{"a1:dc1 a2:dc1 b1:dc2", {{"a1", "a2"}}, {{"b1"}}},
                                           Shape{"a1:dc1 a2:dc1 b1:dc2 b2:dc2", {{"a1", "a2"}}, {{"b1", "b2"}}},
                                           Shape{"a1:dc1 b1:dc2", {{"a1"}}, {{"b1"}}, true},
                                           Shape{"a1:dc1 a2:dc1 b1:dc2", {{"a1", "a2"}}, {{"b1"}}, true}),
                         [](const auto& test) {
                           const std::size_t nodes = test.param.a.names.size() + test.param.b.names.size();
                           return absl::StrFormat("%dNodes%s", nodes, test.param.tie ? "WithTie" : "");
                         });

}  // namespace
}  // namespace minder
