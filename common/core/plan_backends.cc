#include "common/core/plan_backends.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/check.h"
#include "common/core/proto_time.h"

namespace minder {
namespace {

using v1::DbStatusReport;

// All that rules look at for one dbserver, computed once.
struct BackendFacts {
  bool fresh = false;        // its report is recent enough to say anything; the facts of a report are false without
  bool stopped = false;      // mariadbd is seen not to run
  bool not_primary = false;  // it is seen to be in no primary component
  bool unknown = false;      // the report does not say all that a rule must know
  bool synced = false;       // wsrep_local_state is Synced
  bool ready = false;        // wsrep_ready is ON
  bool drained = false;      // by its own report, or by the arbitrator's intent
  bool in_a_primary_view = false;  // a fresh primary view has it as a member
  bool left_out = false;           // a fresh primary view has not
  bool barred = false;             // the arbitrator says that another primary component goes on
  bool split_brain = false;        // of the cluster: two live primary components, of those that are not barred
  bool somebody_serves = false;    // of the cluster: at least one node is seen to be fit for sessions

  bool Serves() const {
    return fresh && !stopped && !not_primary && !unknown && !drained && !barred && synced && ready;
  }
};

struct BackendRule {
  const char* id;
  bool (*matches)(const BackendFacts&);
  v1::BackendState wanted;
  bool cut_sessions;
  const char* reason;
};

constexpr v1::BackendState kLeave = v1::BACKEND_STATE_UNSPECIFIED;
constexpr v1::BackendState kUp = v1::BACKEND_STATE_UP;
constexpr v1::BackendState kDrain = v1::BACKEND_STATE_DRAIN;
constexpr v1::BackendState kDown = v1::BACKEND_STATE_DOWN;

// First match wins. B1xx: seen to be useless. B2xx: a human's will. B3xx: reported, but not fit. B4xx: cannot be
// judged. B5xx: serves.
constexpr std::array<BackendRule, 13> kBackendRules = {{
    {"B100", [](const BackendFacts& f) { return f.stopped; }, kDown, true, "mariadbd does not run"},
    {"B110", [](const BackendFacts& f) { return f.not_primary; }, kDown, true, "not in a primary component"},
    {"B115", [](const BackendFacts& f) { return f.barred; }, kDown, true,
     "split brain, and another primary component goes on"},
    {"B120", [](const BackendFacts& f) { return !f.fresh && f.left_out && !f.split_brain; }, kDown, true,
     "silent, and the primary component goes on without it"},
    {"B200", [](const BackendFacts& f) { return f.drained; }, kDrain, false, "drained"},
    {"B300", [](const BackendFacts& f) { return f.unknown && !f.somebody_serves; }, kLeave, false,
     "its state is unknown, and nobody else is seen to serve: left as it is"},
    {"B310", [](const BackendFacts& f) { return f.unknown; }, kDown, false,
     "its state is unknown; open sessions are kept, for it is not proven dead"},
    {"B320", [](const BackendFacts& f) { return f.fresh && !f.synced; }, kDrain, false, "primary, but not Synced"},
    {"B330", [](const BackendFacts& f) { return f.fresh && !f.ready; }, kDrain, false,
     "Synced, but wsrep_ready is OFF"},
    {"B400", [](const BackendFacts& f) { return f.split_brain; }, kLeave, false,
     "split brain, two live primary components: left as it is"},
    {"B410", [](const BackendFacts& f) { return !f.fresh && f.in_a_primary_view; }, kLeave, false,
     "silent, but a member of the primary component: left as it is"},
    {"B500", [](const BackendFacts& f) { return f.Serves(); }, kUp, false, "primary, Synced and ready"},
    {"B900", [](const BackendFacts&) { return true; }, kLeave, false,
     "silent, and nobody who is primary can be asked: left as it is"},
}};

bool IsFresh(const ReceivedReport& known, absl::Duration fresh_for, BootTime now) {
  const absl::Duration age = std::max(FromProto(known.report.age()), absl::ZeroDuration()) + (now - known.received);
  return age <= fresh_for;
}

bool SeesPrimary(const DbStatusReport& report) {
  return report.running() == v1::TERNARY_YES && report.primary() == v1::TERNARY_YES && report.probe().healthy();
}

// Whether any fact without which nothing can be promised is missing, for instance because an older agent does not
// report it.
bool LacksFacts(const DbStatusReport& report) {
  return !SeesPrimary(report) || report.wsrep().local_state() == v1::LOCAL_STATE_UNSPECIFIED ||
         report.drain().state() == v1::DRAIN_STATE_UNSPECIFIED;
}

void AddOwnFacts(const DbStatusReport& report, BackendFacts& facts) {
  facts.fresh = true;
  facts.stopped = report.running() == v1::TERNARY_NO;
  facts.not_primary = report.primary() == v1::TERNARY_NO;
  facts.unknown = LacksFacts(report);
  facts.synced = report.wsrep().local_state() == v1::LOCAL_STATE_SYNCED;
  facts.ready = report.wsrep().ready();
  facts.drained =
      report.drain().state() != v1::DRAIN_STATE_UNSPECIFIED && report.drain().state() != v1::DRAIN_STATE_SERVING;
}

// A peer is known by the name in the view, or, because that name is only a label (galera.md section 4), by what it said
// of itself last.
bool Contains(const DbStatusReport& view, const std::string& dbserver, const BackendKnowledge& knowledge) {
  const auto known = knowledge.find(dbserver);
  return std::any_of(view.members().begin(), view.members().end(), [&](const v1::ViewMember& member) {
    if (member.name() == dbserver) return true;
    if (known == knowledge.end()) return false;
    const std::string& uuid = known->second.report.wsrep().gcomm_uuid();
    return !uuid.empty() && member.uuid() == uuid;
  });
}

std::set<std::string> MemberUuids(const DbStatusReport& view) {
  std::set<std::string> uuids;
  for (const v1::ViewMember& member : view.members()) uuids.insert(member.uuid());
  return uuids;
}

// Two live primary components with no member in common; nothing else shows a split brain (galera.md section 1).
bool IsSplitBrain(const std::map<std::string, const DbStatusReport*>& primary_views) {
  for (const auto& [name, view] : primary_views) {
    const std::set<std::string> mine = MemberUuids(*view);
    for (const auto& [other_name, other] : primary_views) {
      if (std::none_of(other->members().begin(), other->members().end(),
                       [&](const v1::ViewMember& member) { return mine.contains(member.uuid()); })) {
        return true;
      }
    }
  }
  return false;
}

std::map<std::string, BackendFacts> GatherBackendFacts(const v1::Configuration& configuration,
                                                       const BackendKnowledge& knowledge,
                                                       const std::optional<v1::RoutingIntent>& intent, BootTime now) {
  const absl::Duration fresh_for = FromProto(configuration.timings().fresh_for());
  std::map<std::string, BackendFacts> all;
  std::map<std::string, const DbStatusReport*> primary_views;  // fresh, and with members
  for (const v1::DbserverConfig& dbserver : configuration.dbservers()) {
    BackendFacts& facts = all[dbserver.name()];
    facts.barred = intent && std::ranges::find(intent->barred(), dbserver.name()) != intent->barred().end();
    const auto known = knowledge.find(dbserver.name());
    if (known == knowledge.end() || !IsFresh(known->second, fresh_for, now)) continue;
    const DbStatusReport& report = known->second.report;
    AddOwnFacts(report, facts);
    if (!facts.barred && SeesPrimary(report) && !report.members().empty()) primary_views[dbserver.name()] = &report;
  }
  if (intent.has_value()) {
    for (const v1::DrainIntent& drain : intent->drains()) {
      if (const auto it = all.find(drain.dbserver()); it != all.end()) it->second.drained = true;
    }
  }
  for (auto& [name, facts] : all) {
    for (const auto& [other, view] : primary_views) {
      (Contains(*view, name, knowledge) ? facts.in_a_primary_view : facts.left_out) = true;
    }
  }
  const bool split_brain = IsSplitBrain(primary_views);
  const bool somebody_serves = std::any_of(all.begin(), all.end(), [](const auto& one) { return one.second.Serves(); });
  for (auto& [name, facts] : all) {
    facts.split_brain = split_brain;
    facts.somebody_serves = somebody_serves;
  }
  return all;
}

BackendPlan Judge(const std::string& dbserver, const BackendFacts& facts) {
  const auto rule =
      std::find_if(kBackendRules.begin(), kBackendRules.end(), [&](const BackendRule& r) { return r.matches(facts); });
  MINDER_CHECK(rule != kBackendRules.end());  // the last one always matches
  return {.dbserver = dbserver,
          .wanted = rule->wanted,
          .cut_sessions = rule->cut_sessions,
          .rule = rule->id,
          .reason = rule->reason};
}

}  // namespace

std::vector<BackendPlan> PlanBackends(const v1::Configuration& configuration, const BackendKnowledge& knowledge,
                                      const std::optional<v1::RoutingIntent>& intent, BootTime now) {
  const std::map<std::string, BackendFacts> facts = GatherBackendFacts(configuration, knowledge, intent, now);
  std::vector<BackendPlan> plan;
  for (const v1::DbserverConfig& dbserver : configuration.dbservers()) {
    plan.push_back(Judge(dbserver.name(), facts.at(dbserver.name())));
  }
  return plan;
}

}  // namespace minder
