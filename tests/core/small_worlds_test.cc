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
constexpr std::array<const char*, 9> kLooks = {
    "",            // as it was: in the primary component
    "nonprimary",  // non-Primary, with those of its site that are so as well
    "alone",       // non-Primary, alone
    "crash",       // its exit was seen
    "stop",        // it was stopped on purpose
    "wedge",       // it does not answer
    "silent",      // its agent is not heard; it was primary
    "gone",        // its agent is not heard; it was non-Primary
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
  }
  if (!together.empty()) scenario.Run("nonprimary " + absl::StrJoin(together, " "));
}

bool In(const google::protobuf::RepeatedPtrField<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// What must hold of one decision, whatever the world: checked against the reports themselves, not against the facts
// that the decision was made of.
void Check(const Scenario& before, const v1::Decision& decision, const std::set<std::string>& silent) {
  bool primary_seen = false;
  for (const v1::DbserverKnowledge& known : before.state().dbservers())
    primary_seen |= !silent.contains(known.name()) && known.report().primary() == v1::TERNARY_YES;
  const v1::Grant& grant = decision.next().grant();
  const bool open = grant.state() == v1::GRANT_STATE_FREEZING || grant.state() == v1::GRANT_STATE_ORDERED;
  if (open) {
    EXPECT_FALSE(primary_seen) << "promoted beside a primary component";
    if (before.state().durable().grant().epoch() != grant.epoch()) {
      EXPECT_GT(grant.epoch(), before.state().durable().epoch()) << "an epoch that was there before";
    }
    std::int64_t best = -1;
    for (const v1::DbserverKnowledge& known : before.state().dbservers()) {
      const v1::DbStatusReport& report = known.report();
      const bool in_group = In(grant.group(), known.name());
      const bool heard = !silent.contains(known.name());
      EXPECT_TRUE(in_group || In(grant.others(), known.name())) << known.name() << " is forgotten";
      EXPECT_TRUE(heard) << known.name() << " is silent: nothing is proven about it";
      EXPECT_NE(report.running(), v1::TERNARY_UNKNOWN) << known.name() << " is wedged: nothing is proven about it";
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
        const bool dead = report.running() == v1::TERNARY_NO && report.process().has_last_exit();
        EXPECT_TRUE(dead || (report.freeze().frozen() && report.freeze().epoch() >= grant.epoch()))
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
};

class SmallWorlds : public ::testing::TestWithParam<Shape> {};

TEST_P(SmallWorlds, NothingUnprovenIsEverOrdered) {
  const Shape& shape = GetParam();
  const std::size_t nodes = shape.a.names.size() + shape.b.names.size();
  std::size_t worlds = 1;
  for (std::size_t i = 0; i < nodes; ++i) worlds *= kLooks.size();
  std::size_t promotions = 0;
  std::size_t evictions = 0;
  for (std::size_t world = 0; world < worlds; ++world) {
    std::vector<std::string> looks;
    for (std::size_t i = 0, rest = world; i < nodes; ++i, rest /= kLooks.size())
      looks.emplace_back(kLooks[rest % kLooks.size()]);
    const auto middle = looks.begin() + static_cast<std::ptrdiff_t>(shape.a.names.size());
    Scenario scenario;
    scenario.Run(std::string("cluster ") + shape.cluster);
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
    for (int step = 0; step < 2; ++step) {
      const Scenario before = scenario;
      scenario.Run("decide");
      Check(before, scenario.last(), silent);
      promotions += scenario.last().next().grant().state() == v1::GRANT_STATE_ORDERED ? 1 : 0;
      evictions += scenario.last().next().evictions_size() > 0 ? 1 : 0;
      if (scenario.last().next().grant().state() != v1::GRANT_STATE_FREEZING) break;
      scenario.Run("obey");
    }
    if (HasFailure()) return;
  }
  std::cout << worlds << " worlds, " << promotions << " promotions, " << evictions << " evictions\n";
  EXPECT_GT(promotions, 0u) << "holds vacuously";
  EXPECT_GT(evictions, 0u) << "holds vacuously";
}

INSTANTIATE_TEST_SUITE_P(Shapes, SmallWorlds,
                         ::testing::Values(Shape{"a1:dc1 b1:dc2", {{"a1"}}, {{"b1"}}},
                                           Shape{"a1:dc1 a2:dc1 b1:dc2", {{"a1", "a2"}}, {{"b1"}}},
                                           Shape{"a1:dc1 a2:dc1 b1:dc2 b2:dc2", {{"a1", "a2"}}, {{"b1", "b2"}}}),
                         [](const auto& test) { return absl::StrFormat("%dNodes", test.index + 2); });

}  // namespace
}  // namespace minder
