#include "services/dbserver-agent/agent.h"

#include <sys/random.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/core/dbserver_verb.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/mysql/galera_variables.h"
#include "services/dbserver-agent/child_process.h"
#include "services/dbserver-agent/disk_probe.h"
#include "services/dbserver-agent/instance_lock.h"
#include "services/dbserver-agent/process_lookup.h"
#include "services/dbserver-agent/stopped_state.h"
#include "services/dbserver-agent/systemd_process.h"

namespace minder {
namespace {

// A drain that waits for transactions or for read_only is looked at more often, for its sake somebody waits.
constexpr absl::Duration kProbeIntervalInDrain = absl::Milliseconds(250);
// A probe that is not answered by then does not hold the report back.
constexpr absl::Duration kReportGrace = absl::Milliseconds(100);
// No sound disk takes so long for a byte, whatever else it has to do.
constexpr absl::Duration kDiskDeadline = absl::Seconds(3);
// An eviction takes 50 ms and its word is here after 100; without word, the old view is as good as it was.
constexpr absl::Duration kRestartHold = absl::Seconds(1);
// Beside a garbd nobody evicts: Galera drops the dead one after evs.suspect_timeout and a round or two, 6 s, and takes
// twice as long when it comes back with its old uuid meanwhile (docs/adr/0006). Its default of evs.inactive_timeout.
constexpr absl::Duration kRestartHoldBesideGarbd = absl::Seconds(15);
// A promotion shows after 10 ms, an eviction after 50, one of two nodes after 250 (galera.md).
constexpr absl::Duration kOrderDeadline = absl::Seconds(5);
// minder-notify, for which mariadbd and with it the cluster waits, has ended by then: a probe at once would take the
// processor from it.
constexpr absl::Duration kNotifyEnds = absl::Milliseconds(1);

absl::StatusOr<const v1::DbserverConfig*> FindSelf(const v1::Configuration& config, const std::string& name) {
  for (const v1::DbserverConfig& dbserver : config.dbservers()) {
    if (dbserver.name() == name) return &dbserver;
  }
  return absl::NotFoundError(absl::StrFormat("the configuration has no dbserver %s", name));
}

absl::StatusOr<std::unique_ptr<ServerProcess>> MakeProcess(const v1::DbserverConfig& self) {
  const v1::ManageConfig& manage = self.manage();
  if (manage.mode() == v1::ManageConfig::MODE_SYSTEMD) {
    return MakeSystemdProcess(
        {.unit = manage.unit(),
         .systemctl_options = {manage.systemctl_options().begin(), manage.systemctl_options().end()},
         .data_dir = self.data_dir()});
  }
  return MakeChildProcess({.command = {manage.command().begin(), manage.command().end()},
                           .pid_file = manage.pid_file(),
                           .data_dir = self.data_dir(),
                           .output = self.state_dir() + "/mariadbd.out"});
}

StateDir StateDirOf(const v1::Configuration& config, const v1::DbserverConfig& self) {
  StateDir dir{.path = self.state_dir(), .owner = {}};
  dir.owner.set_cluster(config.cluster());
  dir.owner.set_dbserver(self.name());
  return dir;
}

// A program that is installed beside this one.
std::string ProgramBeside(const std::string& name) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).replace_filename(name).string();
}

std::string WatchdogOf(const v1::DbserverConfig& self) {
  return self.watchdog().empty() ? "/dev/watchdog" : self.watchdog();
}

std::string Nonce() {
  std::string nonce(16, '\0');
  MINDER_CHECK(getrandom(nonce.data(), nonce.size(), 0) == static_cast<ssize_t>(nonce.size()));
  return nonce;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Agent>> Agent::Create(EventLoop& loop, const v1::Configuration& config,
                                                     const std::string& name, const std::string& boot_id) {
  MINDER_ASSIGN_OR_RETURN(const v1::DbserverConfig* self, FindSelf(config, name));
  if (GuardsInUse(config) && access(ProgramBeside("minder-fence").c_str(), X_OK) != 0) {
    return absl::NotFoundError(
        absl::StrFormat("promotion.self_fence is on, and %s is not there: install it", ProgramBeside("minder-fence")));
  }
  Parts parts;
  MINDER_ASSIGN_OR_RETURN(parts.lock, LockStateDir(self->state_dir()));
  MINDER_ASSIGN_OR_RETURN(parts.process, MakeProcess(*self));
  const StateDir dir = StateDirOf(config, *self);
  std::unique_ptr<Agent> agent(new Agent(loop, config, *self, boot_id, std::move(parts)));
  Agent* raw = agent.get();
  const absl::Duration deadline = FromProto(config.timings().probe_deadline());
  MINDER_ASSIGN_OR_RETURN(agent->drain_, DrainKeeper::Open(loop, agent->probe_worker_, dir,
                                                           {.set_read_only =
                                                                [raw, deadline](bool on) {
                                                                  return raw->probe_.SetReadOnly(
                                                                      on, BootClock().Now() + deadline);
                                                                },
                                                            .on_change =
                                                                [raw] {
                                                                  raw->Report();
                                                                  raw->ProbeNow();
                                                                }}));
  MINDER_ASSIGN_OR_RETURN(agent->hold_, HoldKeeper::Open(loop, dir, self->data_dir(), [raw] { raw->OnHoldChange(); }));
  MINDER_ASSIGN_OR_RETURN(
      agent->orders_,
      OrderKeeper::Open(
          loop,
          {.state_dir = dir,
           .config_version = config.version(),
           .config_digest = config.digest(),
           .order_validity = FromProto(config.promotion().order_validity()),
           .ends_on_illegal = false},
          {.make_primary =
               [raw](const OrderEffects::Promote& promote) {
                 return raw->galera_orders_.MakePrimary(promote.counted_out, promote.not_after,
                                                        BootClock().Now() + kOrderDeadline);
               },
           .evict =
               [raw](const v1::EvictMember& order, const v1::DbStatusReport& seen,
                     const std::function<bool()>& superseded) {
                 const BootTime until = BootClock().Now() + kOrderDeadline;
                 if (order.clear()) return raw->galera_orders_.ClearEvicted(until);
                 return raw->galera_orders_.Evict(order, seen, superseded, until);
               },
           .held_down = [raw] { return raw->hold_->held(); },
           .recover = [raw](const v1::Recover& order, const Supervisor::Done& done) { raw->Recover(order, done); },
           .bootstrap = [raw](const Supervisor::Done& done) { raw->supervisor_.Bootstrap(done); },
           .on_change =
               [raw] {
                 raw->Report();
                 raw->ProbeNow();
               }}));
  return agent;
}

Agent::Agent(EventLoop& loop, const v1::Configuration& config, const v1::DbserverConfig& self,
             const std::string& boot_id, Parts parts)
    : loop_(loop),
      config_(config),
      self_(self),
      parts_(std::move(parts)),
      switchboard_(loop,
                   {.self = DbserverParty(config_, self_.name()),
                    .peers = PeersOf(DbserverParty(config_, self_.name()), config_),
                    .boot_id = boot_id,
                    .resend_after = FromProto(config_.timings().resend_after())},
                   {.on_message = [this](const v1::Message& message) { OnMessage(message); },
                    .on_connected = [this](const v1::Party& party) { OnConnection(party, true); },
                    .on_disconnected = [this](const v1::Party& party) { OnConnection(party, false); },
                    .on_lease = [this](const v1::Lease& lease) { OnLease(lease); }}),
      peers_(PeersOf(DbserverParty(config_, self_.name()), config_)),
      probe_({.socket = self_.mysql().socket(),
              .user = self_.mysql().user(),
              .password_file = self_.mysql().password_file()}),
      galera_orders_({.socket = self_.mysql().socket(),
                      .user = self_.mysql().user(),
                      .password_file = self_.mysql().password_file()}),
      lease_(FromProto(config_.promotion().lease_ttl())),
      supervisor_(loop, *parts_.process,
                  {.on_change = [this] { OnProcessChange(); },
                   .last_answer = [this]() -> const std::optional<ProbeAnswer>& { return observations_.answer.last; },
                   .restart_hold = [this] { return RestartHold(); },
                   .view_id =
                       [this] {
                         const auto view = LastPrimaryViewOf(self_.data_dir());
                         return view.has_value() ? view->id() : std::string();
                       },
                   .prepare_view =
                       [this](bool forget) {
                         if (forget) return MoveOldViewAside(self_.data_dir());
                         return MoveBrokenViewAside(self_.data_dir()).status();
                       },
                   .why_not_start = [this] { return WhyNotStart(); }}) {
  observations_.config_version = config_.version();
  observations_.config_digest = config_.digest();
  observations_.fence.set_mode(v1::FENCE_MODE_OFF);
  if (!GuardsInUse(config_)) return;
  const bool watchdog = config_.promotion().self_fence() == v1::Promotion::FENCE_WATCHDOG;
  observations_.fence.set_mode(watchdog ? v1::FENCE_MODE_WATCHDOG : v1::FENCE_MODE_GUARD);
  guard_ = std::make_unique<FenceGuard>(loop_,
                                        FenceGuard::Options{.program = ProgramBeside("minder-fence"),
                                                            .state_dir = self_.state_dir(),
                                                            .watchdog = watchdog ? WatchdogOf(self_) : ""},
                                        [this] { Report(); });
}

Agent::~Agent() {
  loop_.Cancel(tick_timer_);
  loop_.Cancel(grace_timer_);
  loop_.Cancel(notify_timer_);
}

void Agent::Start() {
  // What systemd does not run may be stopped on purpose; a child that is absent was ended by nobody who could start it
  // again.
  supervisor_.SetBarred(hold_->held(), false);
  supervisor_.Begin(self_.manage().mode() == v1::ManageConfig::MODE_CHILD);
  Tick();
}

void Agent::OnWsrepEvent(const v1::WsrepEvent& event) {
  if (event.members_size() > 0) observations_.event_members = {event.members().begin(), event.members().end()};
  supervisor_.Look();  // it may be one that somebody else has started
  if (notify_timer_ != 0) return;
  notify_timer_ = loop_.After(kNotifyEnds, [this] {
    notify_timer_ = 0;
    ProbeNow();
  });
}

void Agent::OnMessage(const v1::Message& message) {
  const auto verb = DbserverVerbOf(message.verb_case());
  if (!verb) return;  // nothing else is said to a dbserver (MaySay)
  switch (*verb) {
    case DbserverVerb::kRequestStatus:
      return ProbeNow();
    case DbserverVerb::kDrain:
      return drain_->OnDrain(message.drain());
    case DbserverVerb::kUndrain:
      return drain_->OnUndrain();
    case DbserverVerb::kFreeze:
      return orders_->On(message.freeze());
    case DbserverVerb::kMakePrimary:
      return orders_->On(message.make_primary());
    case DbserverVerb::kEvictMember:
      return orders_->On(message.evict_member());
    case DbserverVerb::kRecover:
      return orders_->On(message.recover());
    case DbserverVerb::kHoldDown:
      return hold_->On(message.hold_down());
  }
}

void Agent::Recover(const v1::Recover& order, const Supervisor::Done& done) {
  if (order.action() == v1::Recover::ACTION_COLLECT) return supervisor_.Collect(done);
  if (order.action() == v1::Recover::ACTION_CLEAR) return supervisor_.Clear(done);
  if (order.action() == v1::Recover::ACTION_END) return supervisor_.End();
  if (order.action() != v1::Recover::ACTION_START)
    return done(absl::UnimplementedError("this version does not carry out that action"));
  const auto not_beyond = order.has_not_beyond() ? std::optional(order.not_beyond()) : std::nullopt;
  if (order.without_view() && !supervisor_.StartNow(not_beyond)) return;
  if (order.keep_view()) supervisor_.StartSoon();
  if (!order.without_view() && !order.keep_view())
    supervisor_.StartWithoutView(order.gone_uuid(), not_beyond, order.not_yet());
  done(absl::OkStatus());
}

absl::Duration Agent::RestartHold() const {
  if (!arbitrator_hears_) return absl::ZeroDuration();
  const auto& last = observations_.answer.last;
  const bool was_primary = last.has_value() && last->wsrep.cluster_status() == v1::CLUSTER_STATUS_PRIMARY;
  return was_primary && !config_.garbds().empty() ? kRestartHoldBesideGarbd : kRestartHold;
}

void Agent::OnConnection(const v1::Party& party, bool connected) {
  if (party.type() == v1::PARTY_TYPE_ARBITRATOR) arbitrator_hears_ = connected;
  if (connected) Report();
}

// Probes begin in the report interval, whether the last one was answered or not.
void Agent::Tick() {
  const absl::Duration interval = FromProto(config_.timings().report_interval());
  tick_timer_ =
      loop_.After(drain_->InProgress() ? std::min(interval, kProbeIntervalInDrain) : interval, [this] { Tick(); });
  supervisor_.Look();
  hold_->Look();
  LookAtDisk();
  ProbeNow();
  loop_.Cancel(grace_timer_);
  grace_timer_ = loop_.After(kReportGrace, [this] {
    if (probing_) Report();
  });
}

void Agent::ProbeNow() {
  probe_again_ = probing_;
  if (probing_) return;
  probing_ = true;
  const BootTime asked_at = loop_.Now();
  const BootTime deadline = asked_at + FromProto(config_.timings().probe_deadline());
  struct Seen {
    std::optional<v1::PrimaryView> view_before;
    absl::StatusOr<ProbeAnswer> answer;
    pid_t waiting = 0;
    // Read after the answer: what is not primary in it was not so when this view was written.
    std::optional<v1::PrimaryView> view{};
  };
  probe_worker_.Do(
      [this, deadline, pid = observations_.process.pid] {
        Seen seen{.view_before = LastPrimaryViewOf(self_.data_dir()), .answer = probe_.Run(deadline)};
        if (!seen.answer.ok() && pid != 0 && !HasOpenedData(pid)) seen.waiting = pid;
        seen.view = LastPrimaryViewOf(self_.data_dir());
        return seen;
      },
      [this, asked_at](const Seen& seen) {
        observations_.answer.last_primary_view = seen.view;
        observations_.answer.waiting_pid = seen.waiting;
        OnProbed(asked_at, seen.answer, seen.view_before);
      });
}

void Agent::OnProbed(BootTime asked_at, const absl::StatusOr<ProbeAnswer>& answer,
                     const std::optional<v1::PrimaryView>& view_before) {
  probing_ = false;
  ObservedAnswer& observed = observations_.answer;
  if (observed.status.ok() != answer.ok())
    spdlog::info("mariadbd: {}", answer.ok() ? "answers" : std::string(answer.status().message()));
  observed.status = answer.status();
  observed.asked_at = asked_at;
  if (answer.ok()) {
    TakeIn(*answer, observations_.process.pid, view_before, observed);
    const std::string noted = std::exchange(observed.note, NoteOn(*answer, self_.name()));
    if (!observed.note.empty() && observed.note != noted) spdlog::error("{}", observed.note);
    const auto& open = answer->open_transactions;
    drain_->OnObservation({.asked_at = answer->asked_at,
                           .listed_at = answer->transactions_at,
                           .read_only = answer->read_only,
                           .open_transactions = answer->open_transaction_count,
                           .oldest_age = open.empty() ? absl::ZeroDuration() : FromProto(open.front().age())});
  }
  Report();
  if (std::exchange(probe_again_, false)) ProbeNow();
}

void Agent::OnProcessChange() {
  const bool was_gone = observations_.process.presence == Presence::kGone;
  observations_.process = supervisor_.observed();
  ++process_changes_;
  if (guard_ != nullptr) guard_->Hold(observations_.process.pid, observations_.process.may_turn_primary);
  if (observations_.process.presence == Presence::kGone) {
    // What it was last in is read after its end. A proof of death says that, too, and is none before.
    if (!was_gone) observations_.process.presence = Presence::kUnknown;
    return ReadLastView();
  }
  Report();
  ProbeNow();
}

// A worker of its own: a probe may hang when the exit of its server is to be told at once.
void Agent::ReadLastView() {
  view_worker_.Do([data_dir = self_.data_dir()] { return LastPrimaryViewOf(data_dir); },
                  [this, change = process_changes_](const std::optional<v1::PrimaryView>& view) {
                    if (change != process_changes_) return;  // read once more since, or it runs again
                    observations_.answer.last_primary_view = view;
                    observations_.process.presence = Presence::kGone;
                    Report();
                    ProbeNow();
                  });
}

// mariadbd answers from memory while its disk hangs, and holds up every commit of the cluster (F14).
void Agent::LookAtDisk() {
  if (disk_asked_at_.has_value()) {
    const bool hangs = loop_.Now() - *disk_asked_at_ > kDiskDeadline;
    if (hangs && !std::exchange(observations_.answer.disk_hangs, true))
      spdlog::error("a write in {} does not end: mariadbd is taken for one that does not answer", self_.data_dir());
    return;
  }
  disk_asked_at_ = loop_.Now();
  disk_worker_.Do([directory = self_.data_dir()] { return ProbeDisk(directory); },
                  [this](const absl::Status&) {  // an error ends mariadbd, or nothing: it is no hang
                    disk_asked_at_.reset();
                    if (std::exchange(observations_.answer.disk_hangs, false))
                      spdlog::info("the disk of {} answers again", self_.data_dir());
                  });
}

void Agent::OnLease(const v1::Lease& lease) {
  const Sightings::Sighting* counted_from = orders_->sightings().Find(lease.nonce());
  if (!LeasesInUse(config_) || counted_from == nullptr) return;
  lease_.OnLease(lease, *counted_from, orders_->highest_epoch());
  if (guard_ != nullptr) guard_->Extend(lease_.LivesUntil());
  supervisor_.MayStart();
}

std::string Agent::WhyNotStart() const {
  if (!LeasesInUse(config_) || lease_.MayStart(loop_.Now())) return "";
  return absl::StrFormat("it waits for a lease from the arbitrator (promotion.%s)",
                         GuardsInUse(config_) ? "self_fence" : "tie");
}

void Agent::OnHoldChange() {
  supervisor_.SetBarred(hold_->held(), self_.manage().mode() == v1::ManageConfig::MODE_CHILD);
  Report();
}

void Agent::Report() {
  observations_.hold = hold_->shown();
  observations_.lease.set_held(lease_.Held(loop_.Now()));
  *observations_.lease.mutable_remaining() =
      ToProto(std::max(lease_.lease_until() - loop_.Now(), absl::ZeroDuration()));
  observations_.fence.set_armed(guard_ != nullptr && guard_->armed());
  observations_.fence.clear_watchdog_timeout();
  if (guard_ != nullptr && guard_->armed() && guard_->watchdog_timeout() > absl::ZeroDuration())
    *observations_.fence.mutable_watchdog_timeout() = ToProto(guard_->watchdog_timeout());
  observations_.drain = drain_->shown();
  observations_.orders = orders_->outcomes();
  observations_.highest_epoch = orders_->highest_epoch();
  observations_.last_seen_view = orders_->last_seen_view();
  v1::Message message;
  v1::DbStatusReport& report = *message.mutable_db_status_report();
  report = BuildReport(observations_, loop_.Now());
  report.set_nonce(Nonce());
  const BootTime observed_at = loop_.Now() - FromProto(report.age());
  const bool gone = observations_.process.presence == Presence::kGone;
  *report.mutable_freeze() = orders_->FreezeSeenAt(gone ? loop_.Now() : observed_at);
  view_watch_.OnObserved(observed_at, report);
  lease_.OnReported(report, observed_at);
  for (const v1::Party& peer : peers_) switchboard_.Post(peer, message);
  orders_->OnReported(report, observed_at);
  if (guard_ != nullptr) guard_->Extend(lease_.LivesUntil());
}

}  // namespace minder
