#include "tests/simulation/sim_agent.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "tests/simulation/world.h"

namespace minder {
namespace {

// As in services/dbserver-agent/agent.cc.
constexpr absl::Duration kSimReportGrace = absl::Milliseconds(100);
constexpr absl::Duration kSimRestartHold = absl::Seconds(1);
constexpr absl::Duration kSimFirstWord = absl::Seconds(2);
constexpr absl::Duration kSimHoldFor = absl::Seconds(30);
constexpr absl::Duration kSimOrderDeadline = absl::Seconds(5);
constexpr absl::Duration kBetweenPolls = absl::Milliseconds(20);

}  // namespace

SimAgent::SimAgent(World& world, int host)
    : world_(world),
      host_(host),
      seat_(world.seat(host)),
      correspondent_({.self = DbserverParty(world.config, world.name(host)),
                      .peer = ArbitratorParty(world.config),
                      .boot_id = world.machine(host).boot_id,
                      .resend_after = FromProto(world.config.timings().resend_after())}),
      orders_({.config_version = world.ConfigOf(host).version(),
               .config_digest = world.ConfigOf(host).digest(),
               .order_validity = FromProto(world.config.promotion().order_validity())},
              world.promise(host)),
      lease_(FromProto(world.config.promotion().lease_ttl())) {
  observations_.config_version = world.ConfigOf(host).version();
  observations_.config_digest = world.ConfigOf(host).digest();
  observations_.drain.set_state(v1::DRAIN_STATE_SERVING);
  observations_.fence.set_mode(GuardsInUse(world.config) ? v1::FENCE_MODE_GUARD : v1::FENCE_MODE_OFF);
}

absl::Duration SimAgent::Soon(absl::Duration longest) const {
  return world_.stage.random.Between(absl::Microseconds(100), longest);
}

void SimAgent::Begin() {
  busy_ = true;
  seat_.After(Soon(absl::Milliseconds(20)), [this] {
    busy_ = false;
    if (world_.galera.Runs(host_)) return Hold(world_.galera.pid(host_));
    observations_.process.presence = Presence::kGone;
    observations_.process.stopped = world_.galera.Stopped(host_);
    if (world_.child_mode) {
      policy_.OnAbsent(Now());
      RestartAt(Now() + kSimFirstWord);
    }
    OnProcessChange();
  });
  Tick();
  Dial();
}

// ---- supervisor

void SimAgent::Look() {
  const bool held = observations_.process.presence == Presence::kRunning;
  if (busy_ || held || !world_.galera.Runs(host_)) return;
  may_turn_primary_ = observations_.process.presence == Presence::kGone;
  Hold(world_.galera.pid(host_));
}

void SimAgent::Hold(int pid) {
  ObservedProcess& process = observations_.process;
  policy_.OnStarted(Now());
  process.presence = Presence::kRunning;
  process.pid = pid;
  process.started_at = Now();
  const auto view = world_.galera.ViewOnDisk(host_);
  process.view_at_start = view ? view->id() : "";
  process.start_error.clear();
  process.start_wanted = forget_view_ = false;
  restart_ = 0;
  process.restart_at.reset();
  if (world_.galera.pid(host_) != pid) return OnExit(pid, false);  // it has ended meanwhile
  OnProcessChange();
}

void SimAgent::OnExit(int pid, bool expected) {
  seat_.After(Soon(absl::Milliseconds(2)), [this, pid, expected] { Exited(pid, expected); });
}

void SimAgent::Exited(int pid, bool expected) {
  ObservedProcess& process = observations_.process;
  if (process.presence != Presence::kRunning || process.pid != pid) return;
  process.last_exit = SeenExitOf(pid, Now(), observations_.answer.last);
  process.presence = Presence::kGone;
  process.pid = 0;
  process.stopped.Clear();
  busy_ = true;
  OnProcessChange();
  seat_.After(Soon(absl::Milliseconds(20)), [this, expected = expected && pid != ended_] { Ended(expected); });
}

void SimAgent::Ended(bool expected) {
  busy_ = false;
  SeenExit& exit = *observations_.process.last_exit;
  exit.status = ExitStatus{.code = 0, .signal = expected ? 0 : 9};
  exit.expected = expected;
  observations_.process.stopped = world_.galera.Stopped(host_);
  if (expected) {
    policy_.OnExpectedExit();
  } else if (exit.pid == ended_) {
    policy_.OnAbsent(exit.seen_at);
    if (!observations_.process.held) RestartAt(exit.seen_at, RestartPolicy::kWordAfterEnd);
  } else {
    policy_.OnUnexpectedExit(exit.seen_at);
    ScheduleRestart();
  }
  OnProcessChange();
}

void SimAgent::ScheduleRestart() {
  if (observations_.process.held) return;
  const auto& exit = observations_.process.last_exit;
  const bool was_member = exit && !exit->gcomm_uuid.empty();
  const absl::Duration hold = was_member && connected_ ? kSimRestartHold : absl::ZeroDuration();
  RestartAt(std::max(*policy_.restart_at(), Now() + hold));
}

void SimAgent::RestartAt(BootTime at, absl::Duration turn) {
  observations_.process.restart_at = at;
  restart_ = ++restarts_;
  seat_.After(std::max(at - Now(), turn), [this, restart = restart_] {
    if (restart_ != restart) return;
    restart_ = 0;
    DoStart(observations_.process.last_exit.has_value());
  });
}

void SimAgent::DoStart(bool is_restart) {
  observations_.process.start_wanted = !forget_view_ && !MayStart();
  if (observations_.process.start_wanted) {
    observations_.process.start_error = "it waits for a lease";
    observations_.process.restart_at.reset();
    return Report();
  }
  busy_ = observations_.process.starting = true;
  may_turn_primary_ = !forget_view_ && !world_.galera.Runs(host_);
  if (may_turn_primary_) observations_.process.presence = Presence::kUnknown;
  Report();
  seat_.After(Soon(absl::Milliseconds(30)), [this, is_restart] {
    busy_ = observations_.process.starting = false;
    const auto& limit = not_beyond_;
    if (limit && !world_.galera.Runs(host_) && world_.galera.SeqnoOnDisk(host_) > limit->seqno()) {
      if (std::exchange(forget_view_, false)) world_.galera.ForgetView(host_);
      return Failed("its data is beyond that of the component");
    }
    if (std::exchange(forget_view_, false) && !world_.galera.Runs(host_)) world_.galera.ForgetView(host_);
    if (is_restart) ++observations_.process.restarts;
    Hold(world_.galera.Runs(host_) ? world_.galera.pid(host_) : world_.galera.Start(host_));
  });
}

void SimAgent::Failed(const std::string& why) {
  observations_.process.presence = Presence::kGone;
  observations_.process.start_error = why;
  observations_.process.stopped = world_.galera.Stopped(host_);
  policy_.OnUnexpectedExit(Now());
  ScheduleRestart();
  Report();
}

void SimAgent::Recover(const v1::Recover& order) {
  if (order.action() == v1::Recover::ACTION_END) return EndByOrder();
  if (order.action() != v1::Recover::ACTION_START) return WorkWhileDown(order);
  if (order.without_view() && !StartNow(order)) return;
  if (order.keep_view() && restart_ != 0) RestartAt(policy_.restart_at().value_or(Now()));
  if (!order.without_view() && !order.keep_view()) StartWithoutView(order);
  Do(orders_.OnRecovered(order, absl::OkStatus()));
}

bool SimAgent::StartNow(const v1::Recover& order) {
  if (busy_) return false;
  EndHold();
  if (observations_.process.presence == Presence::kRunning) return true;
  restart_ = 0;
  forget_view_ = true;
  not_beyond_ = order.has_not_beyond() ? std::optional(order.not_beyond()) : std::nullopt;
  DoStart(false);
  return true;
}

void SimAgent::EndByOrder() {
  const int pid = static_cast<int>(observations_.process.pid);
  if (pid == 0 || std::exchange(ended_, pid) == pid) return;
  seat_.After(Soon(absl::Milliseconds(50)), [this, pid] {
    if (world_.galera.pid(host_) == pid) world_.galera.Kill(host_);
  });
}

// To read the position, or to clear what would bootstrap, of which nothing is left here.
void SimAgent::WorkWhileDown(const v1::Recover& order) {
  HoldDown();
  if (busy_ || observations_.process.presence == Presence::kRunning) return;  // the order comes again
  busy_ = true;
  seat_.After(Soon(absl::Milliseconds(200)), [this, order] {
    busy_ = false;
    if (world_.galera.Runs(host_))
      return Do(orders_.OnRecovered(order, absl::FailedPreconditionError("mariadbd runs")));
    v1::StoppedState stopped = world_.galera.Stopped(host_);
    if (order.action() == v1::Recover::ACTION_COLLECT) {
      *stopped.mutable_recovered() = stopped.grastate();
      stopped.mutable_recovered()->set_seqno(world_.galera.SeqnoOnDisk(host_));
    } else if (observations_.process.stopped.has_recovered()) {
      *stopped.mutable_recovered() = observations_.process.stopped.recovered();
    }
    observations_.process.stopped = stopped;
    Report();
    Do(orders_.OnRecovered(order, absl::OkStatus()));
  });
}

void SimAgent::HoldDown() {
  ObservedProcess& process = observations_.process;
  restart_ = 0;
  process.restart_at.reset();
  process.held = true;
  seat_.After(kSimHoldFor, [this, hold = ++hold_] {
    if (hold_ != hold) return;
    EndHold();
    if (policy_.restart_at() && !busy_ && observations_.process.presence == Presence::kGone) ScheduleRestart();
    Report();
  });
  if (process.presence != Presence::kRunning || !world_.galera.Waits(host_)) return;
  seat_.After(Soon(absl::Milliseconds(10)), [this, pid = world_.galera.pid(host_)] {
    if (world_.galera.pid(host_) == pid && world_.galera.Waits(host_)) world_.galera.Kill(host_);
  });
}

void SimAgent::EndHold() {
  ++hold_;
  observations_.process.held = false;
}

void SimAgent::StartFirst(const v1::OrderStatus& accepted) {
  const auto runs = [this, accepted] {
    Do(orders_.OnBootstrapped(accepted, absl::FailedPreconditionError("mariadbd runs")));
  };
  if (observations_.process.presence == Presence::kRunning) return runs();
  EndHold();
  restart_ = 0;
  busy_ = may_turn_primary_ = observations_.process.starting = true;
  seat_.After(Soon(absl::Milliseconds(300)), [this, accepted, runs] {
    busy_ = observations_.process.starting = false;
    if (seat_.CrashesAt("before it is the first node")) return;
    if (world_.galera.Runs(host_)) return runs();
    world_.checks.OnPromotion(host_, accepted.epoch());
    Hold(world_.galera.StartFirst(host_));
    if (seat_.CrashesAt("when it is the first node")) return;
    Do(orders_.OnBootstrapped(accepted, absl::OkStatus()));
  });
}

void SimAgent::StartWithoutView(const v1::Recover& order) {
  const auto& exit = observations_.process.last_exit;
  if ((restart_ == 0 && !observations_.process.start_wanted) || (exit && exit->gcomm_uuid != order.gone_uuid())) return;
  forget_view_ = true;
  not_beyond_ = order.has_not_beyond() ? std::optional(order.not_beyond()) : std::nullopt;
  RestartAt(policy_.restart_at().value_or(Now()), order.not_yet() ? kSimHoldFor : absl::ZeroDuration());
}

// ---- leases and the guard

void SimAgent::OnLease(const v1::Lease& lease) {
  const Sightings::Sighting* counted_from = orders_.sightings().Find(lease.nonce());
  if (!LeasesInUse(world_.config) || counted_from == nullptr) return;
  lease_.OnLease(lease, *counted_from, orders_.shown().highest_epoch());
  Extend();
  if (observations_.process.start_wanted && restart_ == 0 && MayStart()) RestartAt(Now());
}

bool SimAgent::MayStart() const { return !LeasesInUse(world_.config) || lease_.MayStart(Now()); }

void SimAgent::Extend() {
  const int pid = static_cast<int>(observations_.process.pid);
  if (!GuardsInUse(world_.config) || pid == 0) return;
  world_.Guard(host_, pid, lease_.LivesUntil(), may_turn_primary_);
  if (armed_ == pid || !world_.Guarded(host_)) return;
  seat_.After(Soon(absl::Milliseconds(5)), [this, pid] { armed_ = pid; });
}

void SimAgent::OnProcessChange() {
  if (observations_.process.presence == Presence::kGone)
    observations_.answer.last_primary_view = world_.galera.ViewOnDisk(host_);
  Report();
  ProbeNow();
}

// ---- probe and report

void SimAgent::OnNotify() {
  Look();
  seat_.After(Soon(absl::Milliseconds(3)), [this] { ProbeNow(); });
}

void SimAgent::Tick() {
  seat_.After(FromProto(world_.config.timings().report_interval()), [this] { Tick(); });
  Look();
  ProbeNow();
  seat_.After(kSimReportGrace, [this] {
    if (probing_) Report();
  });
}

void SimAgent::ProbeNow() {
  probe_again_ = probing_;
  if (probing_) return;
  probing_ = true;
  const BootTime asked_at = Now();
  if (!world_.galera.Ask(host_)) {
    const absl::Duration wait =
        world_.galera.Runs(host_) ? FromProto(world_.config.timings().probe_deadline()) : absl::Milliseconds(1);
    return seat_.After(wait, [this, asked_at] { Probed(asked_at, std::nullopt, std::nullopt); });
  }
  // What is answered is of some moment of the probe; the file is read after it.
  const auto view = world_.galera.ViewOnDisk(host_);
  seat_.After(Soon(absl::Milliseconds(5)), [this, asked_at, view] {
    std::optional<ProbeAnswer> answer = Ask(asked_at);
    seat_.After(Soon(absl::Milliseconds(5)), [this, asked_at, answer, view] { Probed(asked_at, answer, view); });
  });
}

std::optional<ProbeAnswer> SimAgent::Ask(BootTime asked_at) const {
  const auto seen = world_.galera.Ask(host_);
  if (!seen) return std::nullopt;
  ProbeAnswer answer;
  answer.asked_at = asked_at;
  answer.wsrep = seen->wsrep;
  answer.provider_options = seen->options;
  answer.members = seen->members;
  answer.wsrep_node_name = world_.name(host_);
  answer.flush_log_at_trx_commit = 1;
  return answer;
}

void SimAgent::Probed(BootTime asked_at, const std::optional<ProbeAnswer>& answer,
                      const std::optional<v1::PrimaryView>& view_before) {
  probing_ = false;
  ObservedAnswer& observed = observations_.answer;
  observed.last_primary_view = world_.galera.ViewOnDisk(host_);
  observed.status = answer ? absl::OkStatus() : absl::DeadlineExceededError("no answer");
  observed.asked_at = asked_at;
  observed.waiting_pid = !answer && world_.galera.Waits(host_) ? world_.galera.pid(host_) : 0;
  if (answer) TakeIn(*answer, static_cast<pid_t>(observations_.process.pid), view_before, observed);
  Report();
  if (std::exchange(probe_again_, false)) ProbeNow();
}

void SimAgent::Report() {
  observations_.orders = orders_.outcomes();
  observations_.highest_epoch = orders_.shown().highest_epoch();
  observations_.last_seen_view = orders_.shown().last_seen_view();
  observations_.lease.set_held(lease_.Held(Now()));
  observations_.fence.set_armed(armed_ != 0 && armed_ == observations_.process.pid);
  v1::Message message;
  v1::DbStatusReport& report = *message.mutable_db_status_report();
  report = BuildReport(observations_, Now());
  newest_nonce_ = absl::StrFormat("%s/%d/%d", world_.name(host_), seat_.life(), ++nonces_);
  report.set_nonce(newest_nonce_);
  const BootTime observed_at = Now() - FromProto(report.age());
  const bool gone = observations_.process.presence == Presence::kGone;
  *report.mutable_freeze() = orders_.FreezeSeenAt(gone ? Now() : observed_at);
  view_watch_.OnObserved(observed_at, report);
  lease_.OnReported(report, observed_at);
  correspondent_.Post(message, Now());
  Flush();
  Do(orders_.OnReported(report, observed_at));
  Extend();
}

// ---- orders

void SimAgent::OnMessage(const v1::Message& message) {
  const Correspondent::Verdict verdict = correspondent_.Receive(message, Now());
  if (verdict == Correspondent::Verdict::kAck && message.ack().has_lease()) OnLease(message.ack().lease());
  if (verdict == Correspondent::Verdict::kDeliver) {
    if (message.has_freeze()) Obey(message.freeze());
    if (message.has_make_primary()) Obey(message.make_primary());
    if (message.has_evict_member()) Obey(message.evict_member());
    if (message.has_recover()) Obey(message.recover());
  }
  if (!seat_.CrashesAt("before the acknowledgement")) Flush();
}

template <typename Order>
void SimAgent::Obey(Order order) {
  if (world_.mutant.newest_nonce) order.set_nonce(newest_nonce_);
  Do(orders_.On(order, Now()));
}

void SimAgent::Do(const OrderEffects& effects) {
  for (const std::string& line : effects.log) world_.stage.Note(absl::StrCat(world_.name(host_), ": ", line));
  if (effects.write) OnWorker([this, write = *effects.write] { Write(write); });
  if (effects.promote) OnWorker([this, promote = *effects.promote] { Promote(promote); });
  if (effects.evict) OnWorker([this, order = *effects.evict, mine = ++evictions_] { Evict(order, mine); });
  if (effects.recover) Recover(*effects.recover);
  if (effects.bootstrap) StartFirst(*effects.bootstrap);
  if (!effects.changed) return;
  Report();
  ProbeNow();
}

void SimAgent::OnWorker(std::function<void()> job) {
  jobs_.push_back(std::move(job));
  if (jobs_.size() == 1) RunJob();
}

void SimAgent::JobDone() {
  jobs_.pop_front();
  if (!jobs_.empty()) RunJob();
}

void SimAgent::RunJob() {
  seat_.After(Soon(absl::Milliseconds(2)), [this] {
    const std::function<void()> job = jobs_.front();  // which ends itself
    job();
  });
}

void SimAgent::Write(const OrderEffects::Write& write) {
  if (seat_.CrashesAt("before a promise is written")) return;
  const bool failed = world_.stage.random.Chance(world_.promise_errors);
  if (!failed) {
    world_.checks.OnPromised(host_, world_.promise(host_), write.promise);
    if (!world_.mutant.volatile_promise) world_.promise(host_) = write.promise;
  }
  if (seat_.CrashesAt("after a promise was written")) return;
  seat_.After(Soon(absl::Milliseconds(15)), [this, write, failed] {
    JobDone();
    Do(orders_.OnWritten(write, failed ? absl::UnavailableError("no space") : absl::OkStatus(), Now()));
  });
}

void SimAgent::Promote(const OrderEffects::Promote& promote) {
  const auto end = [this, promote](const absl::Status& outcome) {
    JobDone();
    Do(orders_.OnPromoted(promote, outcome, Now()));
  };
  const auto seen = world_.galera.Ask(host_);
  if (!seen) return end(absl::DeadlineExceededError("mariadbd does not answer"));
  if (seen->wsrep.cluster_status() != v1::CLUSTER_STATUS_NON_PRIMARY)
    return end(absl::FailedPreconditionError("it is not non-Primary by now"));
  if (seen->wsrep.evs_state() != "OPERATIONAL") return end(absl::FailedPreconditionError("its group is not settled"));
  if (Now() >= promote.not_after && !world_.mutant.late_bootstrap)
    return end(absl::FailedPreconditionError("the order ran out before it was carried out"));
  if (!world_.mutant.merges_unseen)
    for (const std::string& uuid : promote.counted_out) world_.galera.Evict(host_, uuid);
  const auto executed = std::make_shared<bool>(false);
  world_.Bootstrap(host_, world_.galera.pid(host_), promote.not_after, promote.status.epoch(), executed);
  if (seat_.CrashesAt("while it promotes")) return;
  AwaitPrimary(promote, executed, Now() + kSimOrderDeadline);
}

void SimAgent::AwaitPrimary(const OrderEffects::Promote& promote, const std::shared_ptr<bool>& executed,
                            BootTime deadline) {
  seat_.After(kBetweenPolls, [this, promote, executed, deadline] {
    const auto seen = world_.galera.Ask(host_);
    const bool primary = *executed && seen && seen->wsrep.cluster_status() == v1::CLUSTER_STATUS_PRIMARY;
    if (!primary && world_.galera.Runs(host_) && Now() < deadline) return AwaitPrimary(promote, executed, deadline);
    absl::Status outcome;
    if (!primary) {
      outcome = *executed && seen ? absl::AbortedError("pc.bootstrap was set, and the node is not Primary")
                                  : absl::DeadlineExceededError("no answer");
    }
    JobDone();
    Do(orders_.OnPromoted(promote, outcome, Now()));
  });
}

void SimAgent::Evict(const v1::EvictMember& order, int mine) {
  if (!world_.galera.Ask(host_)) {
    JobDone();
    return Do(orders_.OnEvicted(order, absl::UnavailableError("mariadbd does not answer")));
  }
  if (order.clear()) {
    world_.galera.ClearEvicted(host_);
    JobDone();
    return Do(orders_.OnEvicted(order, absl::OkStatus()));
  }
  for (const std::string& uuid : order.counted_out()) {
    if (!world_.mutant.merges_unseen) world_.galera.Evict(host_, uuid);
  }
  if (order.dead().empty()) {
    JobDone();
    return Do(orders_.OnEvicted(order, absl::OkStatus()));
  }
  ++world_.evictions;
  for (const v1::EvictMember::Dead& dead : order.dead()) world_.galera.Evict(host_, dead.gcomm_uuid());
  AwaitView(order, mine, static_cast<std::size_t>(orders_.last_report().members_size()), Now() + kSimOrderDeadline);
}

void SimAgent::AwaitView(const v1::EvictMember& order, int mine, std::size_t size, BootTime deadline) {
  seat_.After(kBetweenPolls, [this, order, mine, size, deadline] {
    const auto seen = world_.galera.Ask(host_);
    const bool changed = (seen && seen->members.size() != size) || evictions_ != mine;
    if (!changed && Now() < deadline) return AwaitView(order, mine, size, deadline);
    JobDone();
    Do(orders_.OnEvicted(order, changed ? absl::OkStatus() : absl::DeadlineExceededError("the view has not changed")));
  });
}

// ---- correspondence

void SimAgent::Dial() {
  stream_ = world_.NextStream();
  world_.Dial(host_, stream_);
  seat_.After(absl::Seconds(1), [this, stream = stream_] {
    if (stream_ == stream && !connected_) Dial();
  });
}

void SimAgent::OnAccepted(int stream) {
  if (stream != stream_ || connected_) return;
  connected_ = true;
  correspondent_.Connected(/*dialled=*/true, Now());
  Report();
}

void SimAgent::OnClosed(int stream) {
  if ((stream != kAnyStream && stream != stream_) || !connected_) return;
  connected_ = false;
  correspondent_.Disconnected();
  seat_.After(Soon(absl::Seconds(1)), [this] {
    if (!connected_) Dial();
  });
}

void SimAgent::Flush() {
  if (!connected_) return;
  if (correspondent_.LooksDead(Now())) return OnClosed(stream_);
  for (const v1::Message& message : correspondent_.TakeDue(Now())) world_.ToArbitrator(host_, stream_, message);
  const BootTime next = correspondent_.NextDue();
  if (next >= wake_at_) return;
  wake_at_ = next;
  seat_.After(next - Now(), [this] {
    wake_at_ = absl::InfiniteFuture();
    Flush();
  });
}

}  // namespace minder
