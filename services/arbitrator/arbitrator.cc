#include "services/arbitrator/arbitrator.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/core/decide.h"
#include "common/core/lease.h"
#include "common/core/lookup.h"
#include "common/core/names.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/core/reboot.h"
#include "common/core/split_brain.h"
#include "common/core/summary.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/arbitrator/past_requests.h"

namespace minder {
namespace {

v1::AuditRecord RecordOf(const std::string& kind, const std::string& text) {
  v1::AuditRecord record;
  record.set_kind(kind);
  record.set_text(text);
  return record;
}

// The record of this dbserver, made when there is none.
v1::DrainRecord& DrainIn(v1::DurableState& state, const std::string& dbserver) {
  const auto it = std::ranges::find(*state.mutable_drains(), dbserver, &v1::DrainRecord::dbserver);
  if (it != state.mutable_drains()->end()) return *it;
  v1::DrainRecord& made = *state.add_drains();
  made.set_dbserver(dbserver);
  return made;
}

}  // namespace

Arbitrator::Arbitrator(EventLoop& loop, const v1::Configuration& config, const std::string& boot_id)
    : loop_(loop),
      config_(config),
      boot_id_(boot_id),
      switchboard_(loop,
                   {.self = ArbitratorParty(config),
                    .peers = PeersOf(ArbitratorParty(config), config),
                    .boot_id = boot_id,
                    .resend_after = FromProto(config.timings().resend_after())},
                   {.on_message = [this](const v1::Message& m) { OnMessage(m); },
                    .on_connected = [this](const v1::Party& p) { OnConnected(p); },
                    .on_disconnected = nullptr,
                    .on_lease = nullptr,
                    .on_former_boot = [this](const v1::Party& p) { OnFormerBoot(p); },
                    .lease_for =
                        [this](const v1::Party& p) {
                          return loaded_.ok() ? LeaseFor(config_, state_, p.name()) : std::nullopt;
                        }}),
      alive_(std::make_shared<Arbitrator*>(this)) {
  *state_.mutable_started_at() = ToProto(ToSinceBoot(loop.Now()));
}

Arbitrator::~Arbitrator() { loop_.Cancel(wake_up_); }

void Arbitrator::Begin(Store& store) {
  store_ = &store;
  auto durable = store.Load();
  if (!durable.ok()) {
    loaded_ = absl::DataLossError(absl::StrFormat(
        "%s: put a backup of it back and start the arbitrator again; without one, move it aside when no promotion is "
        "under way and no node is drained or held down",
        std::string(durable.status().message())));
    store_error_ = std::string(loaded_.message());
    spdlog::error("nothing is ordered, for what was recorded cannot be read: {}", store_error_);
    return;
  }
  for (const v1::DrainRecord& drain : durable->drains())
    spdlog::info("drain {} of {} goes on", drain.drain_id(), drain.dbserver());
  Resume(boot_id_, loop_.Now(), *durable);
  *state_.mutable_durable() = *std::move(durable);
}

Arbitrator::Outlook Arbitrator::Look() const {
  Outlook outlook;
  const BootTime now = loop_.Now();
  outlook.facts = GatherFacts(config_, state_, now);
  outlook.decision = Decide(config_, state_, outlook.facts, now);
  outlook.summary = Summarise(config_, state_, outlook.facts, outlook.decision);
  outlook.summary.set_command(outlook.decision.command());
  if (!store_error_.empty()) {
    outlook.summary.set_reason(absl::StrFormat("%s; nothing can be recorded, so nothing is ordered: %s",
                                               outlook.summary.reason(), store_error_));
  }
  return outlook;
}

std::uint64_t Arbitrator::Subscribe(std::function<void()> changed) {
  subscribers_.emplace(next_subscriber_, std::move(changed));
  return next_subscriber_++;
}

void Arbitrator::Unsubscribe(std::uint64_t id) { subscribers_.erase(id); }

absl::Status Arbitrator::RecordDrain(const std::string& dbserver, const std::string& drain_id) {
  v1::DurableState next = state_.durable();
  v1::DrainRecord& drain = DrainIn(next, dbserver);
  const bool in_force = !drain.drain_id().empty() && !drain.ending();
  if (in_force) {
    if (drain.drain_id() == drain_id || std::ranges::find(drain.joined(), drain_id) != drain.joined().end())
      return absl::OkStatus();
    drain.add_joined(drain_id);
    if (drain.joined_size() > kRememberedRequests) drain.mutable_joined()->DeleteSubrange(0, 1);
    const std::string what =
        absl::StrFormat("%s waits for drain %s of %s as well", drain_id, drain.drain_id(), dbserver);
    PersistDrains(std::move(next), what).IgnoreError();  // it may wait all the same
    return absl::OkStatus();
  }
  drain.set_drain_id(drain_id);
  drain.set_ending(false);
  drain.clear_joined();
  *drain.mutable_ordered_at() = ToProto(absl::Now());
  return PersistDrains(std::move(next), absl::StrFormat("drain %s of %s begins", drain_id, dbserver));
}

absl::Status Arbitrator::RecordUndrain(const std::string& dbserver, const std::string& request_id) {
  v1::DurableState next = state_.durable();
  v1::DrainRecord& drain = DrainIn(next, dbserver);  // also ends a drain that only the agent knows of
  if (drain.ending() && (request_id.empty() || Holds(next.undrains(), dbserver, request_id))) return absl::OkStatus();
  const bool ends_already = drain.ending();
  drain.set_ending(true);
  Remember(*next.mutable_ended_drains(), dbserver, drain.drain_id());
  for (const std::string& joined : drain.joined()) Remember(*next.mutable_ended_drains(), dbserver, joined);
  Remember(*next.mutable_undrains(), dbserver, request_id);
  const absl::Status recorded = PersistDrains(std::move(next), absl::StrFormat("the drain of %s ends", dbserver));
  return ends_already ? absl::OkStatus() : recorded;
}

absl::Status Arbitrator::PersistDrains(v1::DurableState next, const std::string& what) {
  std::ranges::sort(*next.mutable_drains(), {}, &v1::DrainRecord::dbserver);
  Records records;
  *records.Add() = RecordOf("drain", what);
  return Persist(next, records);
}

absl::Status Arbitrator::RecordPause(const v1::Pause& pause) {
  v1::DurableState next = state_.durable();
  *next.mutable_pause() = pause;
  Records records;
  *records.Add() = RecordOf("pause", absl::StrFormat("paused by %s", pause.reason()));
  return Persist(next, records);
}

absl::Status Arbitrator::RecordResume() {
  v1::DurableState next = state_.durable();
  next.clear_pause();
  Records records;
  *records.Add() = RecordOf("pause", "resumed");
  return Persist(next, records);
}

absl::Status Arbitrator::RecordRequest(const v1::PromotionRequest& request) {
  v1::DurableState next = state_.durable();
  *next.mutable_request() = request;
  Records records;
  *records.Add() = RecordOf("grant", absl::StrFormat("%s is to be promoted%s, says %s", request.group(),
                                                     request.force() ? " by force" : "", request.reason()));
  return Persist(next, records);
}

absl::Status Arbitrator::RecordRecovery(const v1::Recovery& recovery) {
  v1::DurableState next = state_.durable();
  *next.mutable_recovery() = recovery;
  Records records;
  *records.Add() =
      RecordOf("recovery",
               absl::StrFormat("the cluster is to be recovered%s, says %s",
                               recovery.without().empty() ? "" : " without " + absl::StrJoin(recovery.without(), ", "),
                               recovery.reason()));
  return Persist(next, records);
}

absl::Status Arbitrator::RecordDeath(const v1::Death& death, const std::string& reason) {
  v1::DurableState next = state_.durable();
  *next.add_deaths() = death;
  std::ranges::sort(*next.mutable_deaths(), {}, &v1::Death::gcomm_uuid);
  Records records;
  *records.Add() = RecordOf("death", absl::StrFormat("%s is declared dead: %s", death.dbserver(), reason));
  return Persist(next, records);
}

absl::Status Arbitrator::RecordAcknowledgement(const std::string& keep, const std::string& by) {
  Records records;
  *records.Add() =
      RecordOf("split_brain", absl::StrFormat("of the split brain the side of %s stays, says %s", keep, by));
  return Persist(WithAcknowledgement(state_.durable(), keep, by), records);
}

absl::Status Arbitrator::RecordRelease(const std::string& dbserver, const std::string& by) {
  Records records;
  *records.Add() =
      RecordOf("split_brain", absl::StrFormat("%s is released with the data that it has, says %s", dbserver, by));
  return Persist(WithRelease(state_.durable(), GatherFacts(config_, state_, loop_.Now()), dbserver), records);
}

void Arbitrator::RequestStatus(const std::string& dbserver) {
  v1::Message verb;
  verb.mutable_request_status();
  switchboard_.Post(DbserverParty(config_, dbserver), verb);
}

void Arbitrator::OnMessage(const v1::Message& message) {
  const BootTime now = loop_.Now();
  const absl::Duration on_its_way = OnItsWay(message, now);
  const v1::Party& sender = message.sender();
  if (message.has_db_status_report()) {
    v1::DbserverKnowledge& known = FindOrAddByName(*state_.mutable_dbservers(), sender.name());
    TakeIn(message.db_status_report(), now, on_its_way, known);
  } else if (message.has_balancer_report()) {
    v1::DbclientKnowledge& known = FindOrAddByName(*state_.mutable_dbclients(), sender.name());
    *known.mutable_report() = message.balancer_report();
    *known.mutable_received_at() = ToProto(ToSinceBoot(now));
    *known.mutable_on_its_way() = ToProto(on_its_way);
  }
  ThinkSoon();
}

void Arbitrator::OnFormerBoot(const v1::Party& party) {
  if (party.type() != v1::PARTY_TYPE_DBSERVER) return;
  v1::DbserverKnowledge& known = FindOrAddByName(*state_.mutable_dbservers(), party.name());
  *known.mutable_contested_at() = ToProto(ToSinceBoot(loop_.Now()));
  ThinkSoon();
}

void Arbitrator::OnConnected(const v1::Party& party) {
  outbox_.Forget(party);
  ThinkSoon();
}

// Once for all that this turn of the loop brings.
void Arbitrator::ThinkSoon() {
  if (std::exchange(thinking_soon_, true)) return;
  loop_.Post([alive = std::weak_ptr<Arbitrator*>(alive_)] {
    if (const auto self = alive.lock()) (*self)->Think();
  });
}

void Arbitrator::Think() {
  thinking_soon_ = false;
  const v1::Decision decision = Decide(config_, state_, loop_.Now());
  if (decision.reason() != last_reason_) {
    spdlog::info("{} by {}: {}", ShortName(decision.diagnosis()), decision.rule(), decision.reason());
    last_reason_ = decision.reason();
  }
  // What cannot be recorded is not ordered; and nothing is when what was recorded before is not known, for an order of
  // no drains, say, would end those.
  const bool changed_state = !google::protobuf::util::MessageDifferencer::Equals(decision.next(), state_.durable());
  const bool has_news = changed_state || !decision.records().empty();
  if (loaded_.ok() && (!has_news || Persist(decision.next(), decision.records()).ok())) {
    for (const v1::Order& order : decision.orders()) {
      if (std::optional<v1::Message> news = outbox_.News(order)) switchboard_.Post(order.receiver(), *std::move(news));
    }
  }
  loop_.Cancel(std::exchange(wake_up_, 0));
  if (decision.has_next_wake_up()) {
    wake_up_ = loop_.At(SinceBoot(FromProto(decision.next_wake_up())), [this] { ThinkSoon(); });
  }
  for (const auto& [id, changed] : std::map(subscribers_)) {
    if (subscribers_.contains(id)) changed();
  }
}

// What is durable is what counts: the state in memory follows the store, and what it means is thought over again.
absl::Status Arbitrator::Persist(const v1::DurableState& next, const Records& records) {
  MINDER_RETURN_IF_ERROR(loaded_);
  absl::Status status = store_->Save(next, records);
  if (!status.ok()) {
    if (store_error_ != status.message())
      spdlog::error("cannot record, so nothing is ordered: {}", std::string(status.message()));
    store_error_ = std::string(status.message());
    return status;
  }
  store_error_.clear();
  for (const v1::AuditRecord& record : records)
    spdlog::info("{} (epoch {}): {}", record.kind(), record.epoch(), record.text());
  *state_.mutable_durable() = next;
  ThinkSoon();
  return status;
}

}  // namespace minder
