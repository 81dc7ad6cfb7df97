// All small worlds: two sites of up to three dbservers, every combination of what each of them may look like, and what
// may never be decided in any of them. Nodes of one site are interchangeable, so that a combination is played once,
// whoever of them looks how.
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/decide.h"
#include "common/core/proto_time.h"
#include "tests/core/scenario.h"

namespace minder {
namespace {

// What a node looks like, said in the words of scenarios.
constexpr std::array<const char*, 12> kLooks = {
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
    "unguarded",   // its agent is not heard, and its guard was not armed: only where there are guards
};

using Looks = std::map<std::string, std::string>;  // by the name of the node

void Paint(Scenario& scenario, const Looks& site) {
  std::vector<std::string> together;
  for (const auto& [name, look] : site) {
    if (look == "nonprimary") together.push_back(name);
    if (look == "alone" || look == "gone") scenario.Run("nonprimary " + name);
    if (look == "unguarded") scenario.Run("unguarded " + name);
    if (look == "gone" || look == "silent" || look == "unguarded") scenario.Run("silent " + name);
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

struct Shape {
  int a = 1;  // nodes in the primary data centre
  int b = 1;
  int weight_a = 1;     // of each of its nodes
  bool tie = false;     // votes may stand for who is not seen to answer (E4)
  bool guards = false;  // a guard ends who has no lease (E2)

  std::string Name() const {
    return absl::StrFormat("%dAnd%d%s%s%s", a, b, weight_a > 1 ? "Weighted" : "", tie ? "WithTie" : "",
                           guards ? "WithGuards" : "");
  }
};

// How long after a grant is begun nobody who is unseen can be in a primary component: as `tie` and `self-fence` set the
// timers.
constexpr absl::Duration kNoticed = absl::Seconds(15);
constexpr absl::Duration kEnded = absl::Seconds(25);

int Votes(const google::protobuf::RepeatedPtrField<std::string>& names, const Shape& shape) {
  int votes = 0;
  for (const std::string& name : names) votes += name[0] == 'a' ? shape.weight_a : 1;
  return votes;
}

// Somebody was in this view, and it names just the nodes of the grant, which have a majority of all votes: whoever is
// not in it was counted out by Galera itself.
bool IsLaterComponent(const Scenario& before, const Shape& shape, const v1::Grant& grant) {
  const auto named = [&](const v1::DbserverKnowledge& known) {
    const v1::PrimaryView& view = known.report().last_primary_view();
    return view.id() == grant.view_id() && view.members_size() == grant.group_size() + grant.others_size();
  };
  return std::ranges::any_of(before.state().dbservers(), named) &&
         2 * (Votes(grant.group(), shape) + Votes(grant.others(), shape)) > shape.a * shape.weight_a + shape.b;
}

// What is not seen to answer may be left out: its side has no majority, or its guard was armed; and whichever of both
// it is, not before that has come true.
bool MayBeUnseen(const Scenario& before, const Shape& shape, const v1::Grant& grant, const v1::DbStatusReport& last) {
  const absl::Duration since = before.now() - SinceBoot(FromProto(grant.begun_at()));
  const bool ordered = grant.state() == v1::GRANT_STATE_ORDERED;
  const bool tied = shape.tie && Votes(grant.others(), shape) <= Votes(grant.group(), shape);
  const bool guarded = shape.guards && last.fence().armed();
  return (tied && (!ordered || since > kNoticed)) || (guarded && (!ordered || since > kEnded));
}

// What must hold of one decision, whatever the world: checked against the reports themselves, not against the facts
// that the decision was made of.
void Check(const Scenario& before, const v1::Decision& decision, const std::set<std::string>& silent,
           const Shape& shape) {
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
    std::int64_t best = -1;
    for (const v1::DbserverKnowledge& known : before.state().dbservers()) {
      const v1::DbStatusReport& report = known.report();
      const bool in_group = In(grant.group(), known.name());
      const bool heard = !silent.contains(known.name());
      const bool may_be_unseen = !in_group && MayBeUnseen(before, shape, grant, report);
      if (!in_group && !In(grant.others(), known.name())) {
        EXPECT_TRUE(IsLaterComponent(before, shape, grant)) << known.name() << " is forgotten";
        continue;
      }
      EXPECT_TRUE(heard || may_be_unseen) << known.name() << " is silent: nothing is proven about it";
      EXPECT_TRUE(report.running() != v1::TERNARY_UNKNOWN || HasOnlyDied(report) || may_be_unseen)
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
        const bool harmless = unseen && MayBeUnseen(before, shape, grant, report);
        EXPECT_TRUE(dead || harmless || (report.freeze().frozen() && report.freeze().epoch() >= grant.epoch()))
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

// Every way for the nodes of a site to look, but for who of them it is: `looks` are those that are left.
void AllLooks(const std::vector<std::string>& names, std::span<const char* const> looks, Looks& so_far,
              std::vector<Looks>& all) {
  if (so_far.size() == names.size()) return all.push_back(so_far);
  const std::string& name = names[so_far.size()];
  for (std::size_t look = 0; look < looks.size(); ++look) {
    so_far[name] = looks[look];
    AllLooks(names, looks.subspan(look), so_far, all);
    so_far.erase(name);
  }
}

std::vector<std::string> NamesOf(char site, int nodes) {
  std::vector<std::string> names;
  for (int i = 1; i <= nodes; ++i) names.push_back(absl::StrFormat("%c%d", site, i));
  return names;
}

// All of them in one primary component, and that is known.
Scenario Healthy(const Shape& shape) {
  const std::vector<std::string> a = NamesOf('a', shape.a);
  Scenario scenario;
  scenario.Run(absl::StrFormat("cluster %s:dc1 %s:dc2", absl::StrJoin(a, ":dc1 "),
                               absl::StrJoin(NamesOf('b', shape.b), ":dc2 ")));
  for (const std::string& name : a) scenario.Run(absl::StrFormat("weight %s %d", name, shape.weight_a));
  if (shape.tie) scenario.Run("tie");
  if (shape.guards) scenario.Run("self-fence");
  scenario.Run("decide");
  return scenario;
}

struct Seen {
  int promotions = 0;
  int evictions = 0;
  int recoveries = 0;
};

// The first decision, and those after its orders about promises were obeyed.
void Play(Scenario scenario, const std::set<std::string>& silent, const Shape& shape, Seen& seen) {
  for (int step = 0; step < 5; ++step) {
    const Scenario before = scenario;
    scenario.Run("decide");
    Check(before, scenario.last(), silent, shape);
    const v1::DurableState& next = scenario.last().next();
    const bool ordered = next.grant().state() == v1::GRANT_STATE_ORDERED;
    seen.promotions += ordered ? 1 : 0;
    seen.evictions += next.evictions_size() > 0 ? 1 : 0;
    seen.recoveries += ordered && next.grant().bootstrap() ? 1 : 0;
    const bool goes_on =
        next.grant().state() == v1::GRANT_STATE_FREEZING || next.recovery().state() == v1::RECOVERY_STATE_COLLECTING;
    if (ordered || !goes_on) break;
    scenario.Run("obey");
    if (shape.guards || shape.tie) scenario.Run("wait 9s");
  }
}

class SmallWorlds : public ::testing::TestWithParam<Shape> {};

TEST_P(SmallWorlds, NothingUnprovenIsEverOrdered) {
  const Shape& shape = GetParam();
  const Scenario healthy = Healthy(shape);
  const std::span<const char* const> looks = std::span(kLooks).first(kLooks.size() - (shape.guards ? 0 : 1));
  std::vector<Looks> all_a;
  std::vector<Looks> all_b;
  Looks none;
  AllLooks(NamesOf('a', shape.a), looks, none, all_a);
  AllLooks(NamesOf('b', shape.b), looks, none, all_b);
  Seen seen;
  for (const Looks& a : all_a) {
    Scenario half = healthy;
    Paint(half, a);
    for (const Looks& b : all_b) {
      Scenario scenario = half;
      Paint(scenario, b);
      scenario.Run("wait 4s");
      std::set<std::string> silent;
      std::string world;
      for (const Looks* site : {&a, &b}) {
        for (const auto& [name, look] : *site) {
          if (look == "silent" || look == "gone" || look == "unguarded") silent.insert(name);
          absl::StrAppend(&world, " ", name, ":", look);
        }
      }
      SCOPED_TRACE(world);
      Play(std::move(scenario), silent, shape, seen);
      if (HasFailure()) return;
    }
  }
  std::cout << all_a.size() * all_b.size() << " worlds, " << seen.promotions << " promotions, " << seen.evictions
            << " evictions, " << seen.recoveries << " recoveries\n";
  EXPECT_GT(seen.promotions, 0) << "holds vacuously";
  EXPECT_GT(seen.evictions, 0) << "holds vacuously";
  EXPECT_GT(seen.recoveries, 0) << "holds vacuously";
}

std::vector<Shape> Shapes() {
  std::vector<std::pair<int, int>> sizes = {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {3, 1}, {1, 3}};
#ifdef NDEBUG  // several times as many worlds as all others together, so minutes with sanitizers
  sizes.emplace_back(3, 2);
  sizes.emplace_back(2, 3);
  sizes.emplace_back(3, 3);
#endif
  std::vector<Shape> shapes;
  for (const auto& [a, b] : sizes) {
    shapes.push_back({.a = a, .b = b});
    shapes.push_back({.a = a, .b = b, .weight_a = 2});
    shapes.push_back({.a = a, .b = b, .tie = true});
    shapes.push_back({.a = a, .b = b, .guards = true});
    if (a + b > 4) continue;
    shapes.push_back({.a = a, .b = b, .weight_a = 2, .tie = true});
    shapes.push_back({.a = a, .b = b, .weight_a = 2, .guards = true});
  }
  return shapes;
}

INSTANTIATE_TEST_SUITE_P(Shapes, SmallWorlds, ::testing::ValuesIn(Shapes()),
                         [](const auto& test) { return test.param.Name(); });

}  // namespace
}  // namespace minder
