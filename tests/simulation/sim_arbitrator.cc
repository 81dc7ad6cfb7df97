#include "tests/simulation/sim_arbitrator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/core/decide.h"
#include "common/core/lease.h"
#include "common/core/lookup.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/core/reboot.h"
#include "common/core/recovery.h"
#include "common/core/recovery_request.h"
#include "common/core/requests.h"
#include "tests/simulation/world.h"

namespace minder {

SimArbitrator::SimArbitrator(World& world)
    : world_(world), seat_(world.seat(world.arbitrator_host())), life_(seat_.life()) {
  const std::string& boot_id = world.machine(world.arbitrator_host()).boot_id;
  for (int host = 0; host < world.nodes(); ++host) {
    const v1::Party party = DbserverParty(world.config, world.name(host));
    peers_.push_back({.party = party,
                      .correspondent = Correspondent({.self = ArbitratorParty(world.config),
                                                      .peer = party,
                                                      .boot_id = boot_id,
                                                      .resend_after = FromProto(world.config.timings().resend_after()),
                                                      .lease = [this, host] { return Lease(host); }})});
  }
  *state_.mutable_durable() = world.durable;
  if (world.mutant.forgetful) state_.clear_durable();
  minder::Resume(boot_id, seat_.Now(), *state_.mutable_durable());
  *state_.mutable_started_at() = ToProto(ToSinceBoot(seat_.Now()));
}

int SimArbitrator::HostOf(const v1::Party& party) const {
  return static_cast<int>(std::ranges::find(world_.names, party.name()) - world_.names.begin());
}

std::optional<v1::Lease> SimArbitrator::Lease(int host) const {
  if (!world_.mutant.leases_go_on) return LeaseFor(world_.config, state_, world_.name(host));
  v1::ArbitratorState shown = state_;
  shown.mutable_durable()->clear_left_behind();
  return LeaseFor(world_.config, shown, world_.name(host));
}

void SimArbitrator::OnDialled(int host, int stream) { world_.Accept(host, stream); }

void SimArbitrator::OnMessage(int host, int stream, const v1::Message& message) {
  Peer& peer = peers_[static_cast<std::size_t>(host)];
  if (stream > peer.stream) {
    peer.stream = stream;
    peer.correspondent.Disconnected();
    peer.correspondent.Connected(/*dialled=*/false, seat_.Now());
    outbox_.Forget(peer.party);
    ThinkSoon();
  }
  const BootTime now = seat_.Now();
  if (peer.correspondent.Receive(message, now) == Correspondent::Verdict::kDeliver && message.has_db_status_report()) {
    v1::DbserverKnowledge& known = FindOrAddByName(*state_.mutable_dbservers(), world_.name(host));
    TakeIn(message.db_status_report(), now, OnItsWay(message, now), known);
    ThinkSoon();
  }
  Flush(host);
}

void SimArbitrator::ThinkSoon() {
  if (std::exchange(thinking_soon_, true)) return;
  seat_.After(absl::Microseconds(100), [this] { Think(); });
}

void SimArbitrator::Think() {
  thinking_soon_ = false;
  v1::ArbitratorState shown = state_;
  if (world_.mutant.mind != nullptr) world_.mutant.mind(world_.config, shown, seat_.Now());
  v1::Decision decision = Decide(world_.config, shown, seat_.Now());
  ++world_.rules[decision.rule()];
  if (decision.reason() != last_.reason())
    world_.stage.Note(absl::StrFormat("arbitrator: %s: %s", decision.rule(), decision.reason()));
  for (const v1::AuditRecord& record : decision.records())
    world_.stage.Note(absl::StrFormat("arbitrator: records (epoch %d): %s", record.epoch(), record.text()));
  last_ = std::move(decision);
  const bool news =
      last_.records_size() > 0 || last_.next().SerializeAsString() != state_.durable().SerializeAsString();
  if (world_.mutant.send_first) Send(last_);
  if (!Alive()) return;
  const bool recorded = !news || Persist(last_.next());
  if (!Alive()) return;
  if (recorded) Send(last_);
  if (!Alive() || !last_.has_next_wake_up()) return;
  const BootTime wake_up = SinceBoot(FromProto(last_.next_wake_up()));
  if (wake_up >= wake_at_) return;
  wake_at_ = wake_up;
  seat_.After(wake_up - seat_.Now(), [this] {
    wake_at_ = absl::InfiniteFuture();
    ThinkSoon();
  });
}

bool SimArbitrator::Persist(const v1::DurableState& next) {
  if (seat_.CrashesAt("before it records") || world_.disk_full) return false;
  world_.durable = next;
  world_.checks.OnRecorded(next);
  if (seat_.CrashesAt("after it has recorded")) return false;
  *state_.mutable_durable() = next;
  ThinkSoon();
  return true;
}

void SimArbitrator::Send(const v1::Decision& decision) {
  for (const v1::Order& order : decision.orders()) {
    std::optional<v1::Message> news = outbox_.News(order);
    if (!news) continue;
    if (seat_.CrashesAt("before it sends")) return;
    const int host = HostOf(order.receiver());
    if (order.has_make_primary()) world_.checks.OnOrdered(host, order.make_primary());
    peers_[static_cast<std::size_t>(host)].correspondent.Post(*std::move(news), seat_.Now());
    Flush(host);
    if (seat_.CrashesAt("after it has sent")) return;
  }
}

void SimArbitrator::Flush(int host) {
  Peer& peer = peers_[static_cast<std::size_t>(host)];
  if (!peer.correspondent.connected()) return;
  if (peer.correspondent.LooksDead(seat_.Now())) {
    peer.correspondent.Disconnected();
    return world_.Close(host, peer.stream);
  }
  for (const v1::Message& message : peer.correspondent.TakeDue(seat_.Now())) world_.ToAgent(host, message);
  const BootTime next = peer.correspondent.NextDue();
  if (next >= peer.wake_at) return;
  peer.wake_at = next;
  seat_.After(next - seat_.Now(), [this, host] {
    peers_[static_cast<std::size_t>(host)].wake_at = absl::InfiniteFuture();
    Flush(host);
  });
}

void SimArbitrator::Pause(absl::Duration how_long) {
  v1::DurableState next = state_.durable();
  *next.mutable_pause()->mutable_until() = ToProto(ToSinceBoot(seat_.Now() + how_long));
  next.mutable_pause()->set_reason("ann: maintenance");
  Persist(next);
}

void SimArbitrator::Resume() {
  v1::DurableState next = state_.durable();
  next.clear_pause();
  Persist(next);
}

// A human has everybody started, when nothing speaks against it. True while a recovery is under way.
bool SimArbitrator::Recover() {
  const Facts facts = GatherFacts(world_.config, state_, seat_.Now());
  const v1::Recovery wanted = NewRecovery(facts, state_.durable(), {}, "ann: everybody is down");
  const v1::RecoveryState state = state_.durable().recovery().state();
  if (state == v1::RECOVERY_STATE_COLLECTING || state == v1::RECOVERY_STATE_STARTING) {
    for (const StoppedNode& stopped : facts.recovery.nodes) {
      // As minderctl tells her: it has been in a primary component, so its agent does not end it.
      const bool wedged = stopped.node->fresh && !stopped.node->stopped && !stopped.node->waiting;
      const int host = HostOf(DbserverParty(world_.config, stopped.node->config->name()));
      if (wedged && world_.galera.Runs(host)) world_.galera.Kill(host);
    }
    return true;
  }
  if (RefuseRecover(world_.config, state_, seat_.Now(), wanted).refused()) return false;
  world_.stage.Note("ann asks for a recovery");
  Persist(WithRecovery(state_, wanted).durable());
  return true;
}

void SimArbitrator::Request(const std::string& group) {
  v1::PromotionRequest request;
  request.set_group(group);
  request.set_reason("ann: the other site is down");
  if (RefuseMakePrimary(world_.config, state_, seat_.Now(), request).refused()) return;
  world_.stage.Note(absl::StrFormat("ann asks for %s to be promoted", group));
  v1::DurableState next = state_.durable();
  *next.mutable_request() = request;
  Persist(next);
}

}  // namespace minder
