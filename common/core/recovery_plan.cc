#include "common/core/recovery_plan.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/core/lookup.h"
#include "common/core/position.h"
#include "common/core/proto_time.h"
#include "common/core/same_configuration.h"

namespace minder {
namespace {

using Names = std::vector<std::string>;

// Three nodes form their component again within 2 s (galera.md section 1).
constexpr absl::Duration kGaleraMayTake = absl::Seconds(30);

const std::string& NameOf(const StoppedNode& stopped) { return stopped.node->config->name(); }

bool IsGivenUp(const NodeFacts& node, const v1::DurableState& durable, const std::vector<v1::Death>& deaths) {
  const v1::Recovery& recovery = durable.recovery();
  const std::string& name = node.config->name();
  if (recovery.state() == v1::RECOVERY_STATE_COLLECTING &&
      std::ranges::find(recovery.without(), name) != recovery.without().end())
    return true;
  return !node.fresh && std::ranges::any_of(deaths, [&](const v1::Death& death) {
    return death.declared() && death.dbserver() == name;
  });
}

std::string Text(const v1::Position& position) { return absl::StrFormat("%s:%d", position.uuid(), position.seqno()); }

// What lies on the disk of a stopped server, and what it is worth.
void JudgePosition(const v1::StoppedState& disk, StoppedNode& stopped, RecoveryPlan& plan) {
  const std::string& name = NameOf(stopped);
  const bool recovered = disk.has_recovered();
  const v1::Position position = PositionOf(disk);
  if (HasData(position)) {
    stopped.position = position;
    stopped.unmarked = !IsRealUuid(disk.grastate().uuid());
    stopped.note = absl::StrFormat("stopped at %s%s%s", Text(position), recovered ? ", recovered" : "",
                                   stopped.unmarked ? "; its grastate.dat is lost, or a transfer was broken off" : "");
    if (recovered && IsRealUuid(disk.grastate().uuid()) && disk.grastate().uuid() != position.uuid() &&
        !stopped.given_up)
      plan.missing.push_back(
          absl::StrFormat("%s: its files say %s, and its data %s", name, disk.grastate().uuid(), position.uuid()));
  } else if (!recovered) {
    stopped.note = "stopped; its position has to be read first";
    if (!stopped.given_up) plan.uncollected.push_back(name);
  } else if (IsRealUuid(disk.grastate().uuid())) {
    stopped.note = "stopped; its position is lost, though it had data";
    if (!stopped.given_up)
      plan.missing.push_back(absl::StrFormat("%s: its position is lost, though it had data", name));
  } else {
    stopped.position = position;
    stopped.note = "stopped; it holds no data";
  }
}

// Where its data goes on, the others went on without it, so a higher seqno does not mean that it holds what they hold.
bool WentOnAlone(const StoppedNode& stopped, const v1::DurableState& durable) {
  const v1::LeftBehind* left = FindLeftBehind(durable, NameOf(stopped));
  return left != nullptr && left->has_not_beyond() && stopped.position &&
         IsBeyond(*stopped.position, left->not_beyond());
}

// The number in the id of a view, which rises from view to view of one group.
std::uint64_t NumberOf(const v1::PrimaryView& view) {
  std::uint64_t number = 0;
  return absl::SimpleAtoi(view.id().substr(view.id().rfind(':') + 1), &number) ? number : 0;
}

bool ShareMember(const v1::PrimaryView& a, const v1::PrimaryView& b) {
  return std::ranges::find_first_of(a.members(), b.members()) != a.members().end();
}

// The last primary view on its disk, or, for that file comes and goes, the last one that its agent saw there.
const v1::PrimaryView& LastViewOf(const v1::DbStatusReport& report) {
  return report.has_last_primary_view() ? report.last_primary_view() : report.stopped().last_seen_view();
}

// P, or what came of it while nobody saw all of its members, as somebody has it on disk; nullptr when P is not known.
const v1::PrimaryView* NewestView(const Facts& facts) {
  if (!facts.confirmed) return nullptr;
  const v1::PrimaryView* newest = &facts.confirmed->view();
  for (const NodeFacts& node : facts.nodes) {
    if (!node.fresh || node.lost) continue;
    const v1::PrimaryView& view = LastViewOf(*node.report);
    if (ShareMember(view, *newest) && NumberOf(view) > NumberOf(*newest)) newest = &view;
  }
  return newest;
}

// It may hold what those who went on do not have, at a seqno that they gave to something else.
bool IsOutside(const NodeFacts& node, const v1::PrimaryView* newest, const Facts& facts) {
  const auto is_in = [&](const std::string& uuid) {
    return std::ranges::find(newest->members(), uuid) != newest->members().end();
  };
  if (newest == nullptr || is_in(node.report->process().last_exit().gcomm_uuid())) return false;
  if (const std::string& last = LastViewOf(*node.report).id(); !last.empty()) return last != newest->id();
  return newest != &facts.confirmed->view() ||
         std::ranges::find(facts.confirmed->members(), node.config->name(), &v1::Member::dbserver) ==
             facts.confirmed->members().end();
}

// A crash may have cost it what it acknowledged last (galera.md section 3).
void JudgeTrust(const StoppedNode& stopped, RecoveryPlan& plan) {
  const v1::DbStatusReport& report = *stopped.node->report;
  const bool holds_none = stopped.position && !HasData(*stopped.position);
  if (stopped.given_up || holds_none || HasData(report.stopped().grastate())) return;
  if (!report.process().has_flush_log_at_trx_commit()) {
    plan.warnings.push_back(
        absl::StrFormat("%s crashed, and its innodb_flush_log_at_trx_commit is not known", NameOf(stopped)));
  } else if (report.process().flush_log_at_trx_commit() != 1) {
    plan.warnings.push_back(
        absl::StrFormat("%s crashed with innodb_flush_log_at_trx_commit=%d: what it committed last may be "
                        "lost, its position with it",
                        NameOf(stopped), report.process().flush_log_at_trx_commit()));
  }
}

void JudgeStopped(const v1::Configuration& config, const v1::DurableState& durable, StoppedNode& stopped,
                  RecoveryPlan& plan) {
  const v1::DbStatusReport& report = *stopped.node->report;
  const v1::StoppedState& disk = report.stopped();
  const v1::ServerProcess& process = report.process();
  stopped.on_purpose = (process.has_last_exit() && process.last_exit().expected()) || HasData(disk.grastate());
  JudgePosition(disk, stopped, plan);
  stopped.beyond = WentOnAlone(stopped, durable);
  if (stopped.beyond) stopped.note += ", alone: the others went on without it";
  JudgeTrust(stopped, plan);
  const v1::OrderStatus* outcome =
      RecoverOutcome(*stopped.node, v1::Recover::ACTION_COLLECT, durable.recovery().epoch());
  const bool failed = outcome != nullptr && outcome->outcome() == v1::ORDER_OUTCOME_FAILED && durable.has_recovery();
  if (failed && !stopped.position && !stopped.given_up)
    plan.missing.push_back(absl::StrFormat("%s: its position cannot be read: %s", NameOf(stopped), outcome->detail()));
  if (const std::string other = WhyOtherConfiguration(config, report); !other.empty())
    plan.missing.push_back(absl::StrFormat("%s %s", NameOf(stopped), other));
}

StoppedNode JudgeNode(const v1::Configuration& config, const v1::DurableState& durable, const Facts& facts,
                      const NodeFacts& node, RecoveryPlan& plan) {
  StoppedNode stopped{.node = &node, .given_up = IsGivenUp(node, durable, facts.deaths)};
  if (node.stopped) {
    JudgeStopped(config, durable, stopped, plan);
  } else if (node.waiting) {
    stopped.note = "waits for a primary component; its position is read when it is stopped";
    if (!stopped.given_up) plan.uncollected.push_back(NameOf(stopped));
    JudgeTrust(stopped, plan);
  } else if (node.fresh || !stopped.given_up) {
    stopped.note = node.fresh ? "mariadbd runs and does not answer" : "its agent is silent";
    plan.unseen.push_back(absl::StrFormat("%s: %s", NameOf(stopped), stopped.note));
  } else {
    stopped.note = "nothing is seen of it";
  }
  if (stopped.given_up) stopped.note = absl::StrFormat("given up (%s)", stopped.note);
  return stopped;
}

bool IsInPreferredCentre(const NodeFacts& node, const v1::Configuration& config) {
  return std::ranges::any_of(config.data_centres(), [&](const v1::DataCentre& centre) {
    return centre.name() == node.config->data_centre() && centre.role() == v1::DataCentre::ROLE_PRIMARY;
  });
}

// Whoever may be started first: it counts, and holds data.
std::vector<const StoppedNode*> Candidates(const RecoveryPlan& plan) {
  std::vector<const StoppedNode*> candidates;
  for (const StoppedNode& stopped : plan.nodes) {
    if (!stopped.given_up && stopped.position && HasData(*stopped.position)) candidates.push_back(&stopped);
  }
  return candidates;
}

void FindHistories(RecoveryPlan& plan) {
  std::map<std::string, Names> histories;
  for (const StoppedNode* stopped : Candidates(plan)) histories[stopped->position->uuid()].push_back(NameOf(*stopped));
  if (histories.size() < 2) return;
  Names lines;
  for (const auto& [uuid, names] : histories)
    lines.push_back(absl::StrFormat("%s of %s", uuid, absl::StrJoin(names, ", ")));
  plan.missing.push_back(absl::StrFormat("there is more than one history: %s", absl::StrJoin(lines, "; ")));
}

void ChooseSource(const v1::Configuration& config, RecoveryPlan& plan) {
  const std::vector<const StoppedNode*> candidates = Candidates(plan);
  const auto rank = [&](const StoppedNode* stopped) {
    return std::tuple(stopped->position->seqno(), !stopped->beyond, !stopped->outside, !stopped->unmarked,
                      stopped->node->report->stopped().safe_to_bootstrap(),
                      IsInPreferredCentre(*stopped->node, config));
  };
  const auto best = std::ranges::max_element(candidates, {}, rank);  // of equals the first
  if (best == candidates.end()) {
    plan.missing.push_back("nobody holds data");
    return;
  }
  const bool alone = std::ranges::all_of(
      plan.nodes, [&](const StoppedNode& stopped) { return stopped.given_up || &stopped == *best; });
  const bool insider =
      std::ranges::any_of(plan.nodes, [](const StoppedNode& stopped) { return !stopped.given_up && !stopped.outside; });
  // rsync brings InnoDB's files, and so a position, before all others; Galera writes grastate.dat when it has ended.
  const bool marked = std::ranges::any_of(candidates, [](const StoppedNode* stopped) { return !stopped->unmarked; });
  const bool left_behind = (*best)->beyond && !alone;
  const char* why_not = left_behind                   ? "was left behind before"
                        : (*best)->outside && insider ? "was not in the last primary component"
                        : (*best)->unmarked && marked ? "its grastate.dat is lost, or a transfer was broken off"
                                                      : nullptr;
  if (why_not != nullptr) {
    plan.missing.push_back(absl::StrFormat("%s holds the highest seqno, and %s", NameOf(**best), why_not));
    return;
  }
  plan.source = (*best)->node;
  for (const StoppedNode* stopped : candidates) {
    if (stopped->node->report->stopped().safe_to_bootstrap() && stopped->position->seqno() < (*best)->position->seqno())
      plan.warnings.push_back(
          absl::StrFormat("%s is marked safe_to_bootstrap, and %s holds more", NameOf(*stopped), NameOf(**best)));
  }
}

// Galera acknowledges what the others have received and may not have on disk yet: of three nodes that were killed at
// once one alone had 3 of 8501 acknowledged rows.
void WarnOfGivenUp(RecoveryPlan& plan) {
  for (const StoppedNode& stopped : plan.nodes) {
    if (stopped.given_up)
      plan.warnings.push_back(
          absl::StrFormat("what only %s has on disk is given up, acknowledged or not; its data has to be moved aside "
                          "before it can come back, if it holds more than the others are started with",
                          NameOf(stopped)));
  }
}

RecoveryPlan PlanRecovery(const v1::Configuration& config, const v1::DurableState& durable, const Facts& facts) {
  RecoveryPlan plan;
  const bool somebody = std::ranges::any_of(facts.nodes, [](const NodeFacts& n) { return n.stopped || n.waiting; });
  const bool answers = std::ranges::any_of(
      facts.nodes, [](const NodeFacts& n) { return n.running == v1::TERNARY_YES || n.primary == v1::TERNARY_YES; });
  plan.applies = somebody && !answers;
  if (!plan.applies) return plan;
  const v1::PrimaryView* newest = NewestView(facts);
  for (const NodeFacts& node : facts.nodes) {
    plan.nodes.push_back(JudgeNode(config, durable, facts, node, plan));
    plan.nodes.back().outside = node.fresh && IsOutside(node, newest, facts);
  }
  FindHistories(plan);
  WarnOfGivenUp(plan);
  if (plan.Possible() && plan.uncollected.empty()) ChooseSource(config, plan);
  return plan;
}

// How long it has been as it is: since its process was started, or ended.
absl::Duration UnchangedFor(const NodeFacts& node) {
  const v1::ServerProcess& process = node.report->process();
  return node.age + (node.waiting ? FromProto(process.uptime()) : FromProto(process.last_exit().age()));
}

bool WillRun(const StoppedNode& stopped) {
  const v1::ServerProcess& process = stopped.node->report->process();
  const bool crashed = process.has_last_exit() && !process.last_exit().expected();
  const bool fails = !process.start_error().empty() && !process.start_wanted();  // the latter waits for a lease
  return stopped.node->waiting ||
         (stopped.node->stopped && !stopped.beyond && !fails && (crashed || process.has_restart_in()));
}

Fact Reforming(const RecoveryPlan& plan) {
  if (!plan.AllStopped()) return {.value = v1::TERNARY_UNKNOWN, .detail = "not everybody is seen to be stopped"};
  std::map<std::string, std::vector<const StoppedNode*>> views;
  for (const StoppedNode& stopped : plan.nodes) {
    const bool counts = !stopped.given_up && stopped.node->fresh && stopped.node->report->has_last_primary_view();
    if (counts && WillRun(stopped)) views[stopped.node->report->last_primary_view().id()].push_back(&stopped);
  }
  for (const auto& [id, members] : views) {
    const auto& view = members.front()->node->report->last_primary_view();
    if (static_cast<int>(members.size()) != view.members_size()) continue;
    const bool too_long =
        std::ranges::all_of(members, [](const StoppedNode* s) { return UnchangedFor(*s->node) >= kGaleraMayTake; });
    if (too_long)
      return {.value = v1::TERNARY_NO,
              .detail = absl::StrFormat("view %s is whole, and Galera has not formed it again", id)};
    return {.value = v1::TERNARY_YES, .detail = absl::StrFormat("every member of view %s has it on disk", id)};
  }
  return {.value = v1::TERNARY_NO, .detail = "no last view has all its members back"};
}

Fact AllStopped(const Facts& facts) {
  Names others;
  for (const NodeFacts& node : facts.nodes) {
    if (!node.stopped && !node.waiting) others.push_back(node.config->name());
  }
  if (facts.recovery.AllStopped())
    return {.value = v1::TERNARY_YES, .detail = "every mariadbd is stopped, waits, or is given up"};
  return {.value = v1::TERNARY_NO,
          .detail = absl::StrFormat("not seen to be stopped: %s", absl::StrJoin(others, ", "))};
}

Fact RecoveryReady(const RecoveryPlan& plan) {
  if (!plan.AllStopped()) return {.value = v1::TERNARY_UNKNOWN, .detail = "not everybody is seen to be stopped"};
  if (!plan.missing.empty()) return {.value = v1::TERNARY_NO, .detail = absl::StrJoin(plan.missing, "; ")};
  if (plan.source != nullptr)
    return {.value = v1::TERNARY_YES,
            .detail = absl::StrFormat("%s is to be started first", plan.source->config->name())};
  return {
      .value = v1::TERNARY_YES,
      .detail = absl::StrFormat("the positions of %s have to be read first", absl::StrJoin(plan.uncollected, ", "))};
}

Fact StoppedByCrash(const RecoveryPlan& plan) {
  if (!plan.applies) return {.value = v1::TERNARY_UNKNOWN, .detail = "somebody runs"};
  Names stopped;
  for (const StoppedNode& node : plan.nodes) {
    if (node.on_purpose && !node.given_up) stopped.push_back(NameOf(node));
  }
  if (stopped.empty()) return {.value = v1::TERNARY_YES, .detail = "nobody was stopped on purpose"};
  return {.value = v1::TERNARY_NO, .detail = absl::StrFormat("stopped on purpose: %s", absl::StrJoin(stopped, ", "))};
}

Fact Recovering(const v1::Recovery& recovery) {
  if (recovery.state() != v1::RECOVERY_STATE_COLLECTING)
    return {.value = v1::TERNARY_NO, .detail = "no recovery is under way"};
  return {.value = v1::TERNARY_YES,
          .detail = absl::StrFormat("began at epoch %d%s", recovery.epoch(),
                                    recovery.reason().empty() ? "" : absl::StrFormat(", by %s", recovery.reason()))};
}

Names StepsOf(const RecoveryPlan& plan) {
  Names steps;
  if (!plan.AllStopped()) return steps;
  if (!plan.uncollected.empty()) {
    steps.push_back(
        absl::StrFormat("read the positions of %s, which are held down for that; then start the one with the highest",
                        absl::StrJoin(plan.uncollected, ", ")));
    return steps;
  }
  if (plan.source == nullptr) return steps;
  const std::string& source = plan.source->config->name();
  Names rest;
  for (const StoppedNode& stopped : plan.nodes) {
    if (stopped.node != plan.source && !stopped.given_up) rest.push_back(NameOf(stopped));
  }
  steps.push_back("clear every bootstrap flag that is left anywhere, and have the others promise to set none");
  steps.push_back(absl::StrFormat("start %s as the first node: nobody holds more", source));
  if (!rest.empty()) steps.push_back(absl::StrFormat("then start %s, one after the other", absl::StrJoin(rest, ", ")));
  return steps;
}

}  // namespace

const v1::OrderStatus* RecoverOutcome(const NodeFacts& node, v1::Recover::Action action, std::uint64_t epoch) {
  if (node.report == nullptr) return nullptr;
  const auto it = std::ranges::find_if(node.report->orders(), [&](const v1::OrderStatus& order) {
    return order.verb() == v1::Message::kRecoverFieldNumber && order.action() == static_cast<std::uint32_t>(action) &&
           order.epoch() >= epoch;
  });
  return it == node.report->orders().end() ? nullptr : &*it;
}

void GatherRecovery(const v1::Configuration& config, const v1::ArbitratorState& state, Facts& facts) {
  const v1::Recovery& recovery = state.durable().recovery();
  facts.recovery = PlanRecovery(config, state.durable(), facts);
  facts.recovery_refused = recovery.state() == v1::RECOVERY_STATE_REFUSED ? recovery.refused() : "";
  facts.all_stopped = AllStopped(facts);
  facts.reforming = Reforming(facts.recovery);
  facts.recovery_ready = RecoveryReady(facts.recovery);
  facts.stopped_by_crash = StoppedByCrash(facts.recovery);
  facts.recovering = Recovering(recovery);
}

std::vector<std::string> PositionLines(const RecoveryPlan& plan) {
  Names lines;
  for (const StoppedNode& stopped : plan.nodes)
    lines.push_back(absl::StrFormat("%s: %s", NameOf(stopped), stopped.note));
  return lines;
}

v1::RecoveryPlan Describe(const RecoveryPlan& plan) {
  v1::RecoveryPlan shown;
  for (const StoppedNode& stopped : plan.nodes) {
    v1::RecoveryNode& node = *shown.add_nodes();
    node.set_dbserver(NameOf(stopped));
    node.set_state(stopped.given_up        ? "given up"
                   : stopped.node->stopped ? "stopped"
                   : stopped.node->waiting ? "waiting"
                                           : "unseen");
    if (stopped.position) *node.mutable_position() = *stopped.position;
    node.set_note(stopped.note);
  }
  if (plan.source != nullptr) shown.set_source(plan.source->config->name());
  const Names steps = StepsOf(plan);
  shown.mutable_steps()->Assign(steps.begin(), steps.end());
  for (const Names* names : {&plan.unseen, &plan.missing}) {
    for (const std::string& line : *names) shown.add_missing(line);
  }
  shown.mutable_warnings()->Assign(plan.warnings.begin(), plan.warnings.end());
  return shown;
}

}  // namespace minder
