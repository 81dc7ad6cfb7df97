#include "tests/simulation/mutants.h"

#include <algorithm>
#include <array>

#include "common/core/proto_time.h"

namespace minder {
namespace {

bool IsStale(const v1::Configuration& config, const v1::DbserverKnowledge& known, BootTime now) {
  return now - SinceBoot(FromProto(known.received_at())) > FromProto(config.timings().fresh_for());
}

void Refresh(v1::DbserverKnowledge& known, BootTime now) {
  *known.mutable_received_at() = ToProto(ToSinceBoot(now));
  known.clear_on_its_way();
  known.mutable_report()->clear_age();
}

void UnreachableIsDead(const v1::Configuration& config, v1::ArbitratorState& state, BootTime now) {
  for (v1::DbserverKnowledge& known : *state.mutable_dbservers()) {
    if (!IsStale(config, known, now)) continue;
    Refresh(known, now);
    v1::DbStatusReport& report = *known.mutable_report();
    if (report.running() == v1::TERNARY_YES) {
      v1::ObservedExit& exit = *report.mutable_process()->mutable_last_exit();
      exit.set_gcomm_uuid(report.wsrep().gcomm_uuid());
      exit.set_pid(report.process().pid());
    }
    report.mutable_process()->set_pid(0);
    report.set_running(v1::TERNARY_NO);
    report.set_primary(v1::TERNARY_NO);
    report.clear_wsrep();
    report.clear_members();
  }
}

// P is always the configured nodes, whoever they were together with last.
void ConfiguredIsConfirmed(const v1::Configuration&, v1::ArbitratorState& state, BootTime) {
  v1::PrimaryView all;
  all.set_id("configured");
  for (const v1::DbserverKnowledge& known : state.dbservers()) {
    const v1::DbStatusReport& report = known.report();
    all.add_members(report.has_wsrep() ? report.wsrep().gcomm_uuid() : report.process().last_exit().gcomm_uuid());
  }
  std::ranges::sort(*all.mutable_members());
  for (v1::DbserverKnowledge& known : *state.mutable_dbservers()) {
    v1::DbStatusReport& report = *known.mutable_report();
    if (report.process().complete_in() == report.last_primary_view().id())
      report.mutable_process()->set_complete_in(all.id());
    *report.mutable_last_primary_view() = all;
  }
}

void AllHavePromised(const v1::Configuration&, v1::ArbitratorState& state, BootTime) {
  for (v1::DbserverKnowledge& known : *state.mutable_dbservers()) {
    v1::FreezeStatus& freeze = *known.mutable_report()->mutable_freeze();
    freeze.set_frozen(true);
    freeze.set_epoch(1000000);
  }
}

void LeasesAreOver(const v1::Configuration&, v1::ArbitratorState& state, BootTime) {
  if (state.durable().has_grant()) state.mutable_durable()->mutable_grant()->clear_begun_at();
}

void PositionsAreAlike(const v1::Configuration&, v1::ArbitratorState& state, BootTime) {
  for (v1::DbserverKnowledge& known : *state.mutable_dbservers()) {
    v1::StoppedState& stopped = *known.mutable_report()->mutable_stopped();
    if (stopped.grastate().seqno() >= 0) stopped.mutable_grastate()->set_seqno(1);
    if (stopped.has_recovered()) stopped.mutable_recovered()->set_seqno(1);
  }
}

void NobodyIsLeftBehind(const v1::Configuration&, v1::ArbitratorState& state, BootTime) {
  if (state.durable().grant().state() == v1::GRANT_STATE_DONE) state.mutable_durable()->clear_left_behind();
}

// Whose group is not settled is not fit to be promoted.
void NobodyIsSettled(const v1::Configuration&, v1::ArbitratorState& state, BootTime) {
  for (v1::DbserverKnowledge& known : *state.mutable_dbservers())
    known.mutable_report()->mutable_wsrep()->set_evs_state("GATHER");
}

constexpr Mutant kNone;
constexpr std::array kMutants = {
    Mutant{.name = "unreachable-is-dead", .what = "who is silent counts as dead", .mind = UnreachableIsDead},
    Mutant{.name = "configured-is-confirmed",
           .what = "the last primary component is whoever is configured",
           .mind = ConfiguredIsConfirmed},
    Mutant{.name = "no-promise", .what = "nobody is asked for a promise", .mind = AllHavePromised},
    Mutant{.name = "positions-alike",
           .what = "after a full stop anybody is started first, whoever holds more",
           .mind = PositionsAreAlike,
           .seeds = 2000},
    Mutant{.name = "skip-lease-wait", .what = "leases are over at once", .mind = LeasesAreOver, .seeds = 2000},
    Mutant{.name = "nobody-left-behind",
           .what = "who was left behind by a promotion may have what the others went on without",
           .mind = NobodyIsLeftBehind,
           .first = 1024,  // the next ones lose writes; before them two are primary at once
           .seeds = 2000},
    Mutant{.name = "leases-go-on", .what = "a grant revokes no lease", .leases_go_on = true, .seeds = 2000},
    Mutant{.name = "merges-unseen",
           .what = "who was counted out is not refused by those who were promoted",
           .merges_unseen = true,
           .first = 7900,
           .seeds = 2000},
    Mutant{.name = "no-nonce-check", .what = "an order may come late", .newest_nonce = true, .seeds = 2000},
    Mutant{.name = "late-bootstrap",
           .what = "a server carries out a statement that it took up late",
           .late_bootstrap = true,
           .first = 10700,
           .seeds = 2000},
    Mutant{.name = "send-first", .what = "orders are sent before they are recorded", .send_first = true},
    Mutant{.name = "volatile-promise", .what = "promises do not outlive the agent", .volatile_promise = true},
    Mutant{
        .name = "refuses-all", .what = "nobody is ever fit to be promoted", .mind = NobodyIsSettled, .refuses = true},
    Mutant{.name = "forgetful", .what = "the arbitrator forgets all when it starts", .forgetful = true},
};

}  // namespace

std::span<const Mutant> Mutants() { return kMutants; }

const Mutant* FindMutant(std::string_view name) {
  if (name == kNone.name) return &kNone;
  const auto it = std::ranges::find_if(kMutants, [&](const Mutant& mutant) { return mutant.name == name; });
  return it == kMutants.end() ? nullptr : &*it;
}

}  // namespace minder
