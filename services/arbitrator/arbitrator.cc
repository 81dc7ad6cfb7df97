#include "services/arbitrator/arbitrator.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/core/decide.h"
#include "common/core/lookup.h"
#include "common/core/names.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/core/summary.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"

namespace minder {
namespace {

bool SameDrains(const google::protobuf::RepeatedPtrField<v1::DrainRecord>& a,
                const google::protobuf::RepeatedPtrField<v1::DrainRecord>& b) {
  return std::ranges::equal(a, b, google::protobuf::util::MessageDifferencer::Equals);
}

// The order as the message that carries it.
v1::Message VerbOf(const v1::Order& order) {
  v1::Message message;
  switch (order.verb_case()) {
    case v1::Order::kDrain:
      *message.mutable_drain() = order.drain();
      break;
    case v1::Order::kUndrain:
      *message.mutable_undrain() = order.undrain();
      break;
    case v1::Order::kRoutingIntent:
      *message.mutable_routing_intent() = order.routing_intent();
      break;
    case v1::Order::VERB_NOT_SET:
      break;
  }
  return message;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Arbitrator>> Arbitrator::Create(EventLoop& loop, const v1::Configuration& config,
                                                               Store& store, const std::string& boot_id) {
  auto arbitrator = std::unique_ptr<Arbitrator>(new Arbitrator(loop, config, store, boot_id));
  MINDER_ASSIGN_OR_RETURN(*arbitrator->state_.mutable_drains(), store.Drains());
  for (const v1::DrainRecord& drain : arbitrator->state_.drains()) {
    spdlog::info("drain {} of {} goes on", drain.drain_id(), drain.dbserver());
  }
  return arbitrator;
}

Arbitrator::Arbitrator(EventLoop& loop, const v1::Configuration& config, Store& store, const std::string& boot_id)
    : loop_(loop),
      config_(config),
      store_(store),
      switchboard_(loop,
                   {.self = ArbitratorParty(config),
                    .peers = PeersOf(ArbitratorParty(config), config),
                    .boot_id = boot_id,
                    .resend_after = FromProto(config.timings().resend_after())},
                   {.on_message = [this](const v1::Message& m) { OnMessage(m); },
                    .on_connected = [this](const v1::Party& p) { OnConnected(p); },
                    .on_disconnected = nullptr}),
      alive_(std::make_shared<Arbitrator*>(this)) {
  *state_.mutable_started_at() = ToProto(ToSinceBoot(loop.Now()));
}

Arbitrator::~Arbitrator() { loop_.Cancel(wake_up_); }

Arbitrator::Outlook Arbitrator::Look() const {
  Outlook outlook;
  const BootTime now = loop_.Now();
  outlook.facts = GatherFacts(config_, state_, now);
  outlook.decision = Decide(config_, state_, outlook.facts, now);
  outlook.summary = Summarise(config_, state_, outlook.facts, outlook.decision);
  return outlook;
}

std::uint64_t Arbitrator::Subscribe(std::function<void()> changed) {
  subscribers_.emplace(next_subscriber_, std::move(changed));
  return next_subscriber_++;
}

void Arbitrator::Unsubscribe(std::uint64_t id) { subscribers_.erase(id); }

absl::Status Arbitrator::RecordDrain(const std::string& dbserver, const std::string& drain_id) {
  Drains drains = state_.drains();
  auto it = std::ranges::find(drains, dbserver, &v1::DrainRecord::dbserver);
  if (it != drains.end() && !it->ending()) return absl::OkStatus();
  if (it == drains.end()) {
    drains.Add()->set_dbserver(dbserver);
    it = drains.end() - 1;
  }
  it->set_drain_id(drain_id);
  it->set_ending(false);
  *it->mutable_ordered_at() = google::protobuf::util::TimeUtil::GetCurrentTime();
  std::ranges::sort(drains, {}, &v1::DrainRecord::dbserver);
  MINDER_RETURN_IF_ERROR(Persist(drains));
  spdlog::info("drain {} of {} begins", drain_id, dbserver);
  ThinkSoon();
  return absl::OkStatus();
}

absl::Status Arbitrator::RecordUndrain(const std::string& dbserver) {
  Drains drains = state_.drains();
  auto it = std::ranges::find(drains, dbserver, &v1::DrainRecord::dbserver);
  if (it == drains.end()) {  // also ends a drain that only the agent knows of
    drains.Add()->set_dbserver(dbserver);
    it = drains.end() - 1;
  }
  if (it->ending()) return absl::OkStatus();
  it->set_ending(true);
  std::ranges::sort(drains, {}, &v1::DrainRecord::dbserver);
  MINDER_RETURN_IF_ERROR(Persist(drains));
  spdlog::info("the drain of {} ends", dbserver);
  ThinkSoon();
  return absl::OkStatus();
}

void Arbitrator::RequestStatus(const std::string& dbserver) {
  v1::Message verb;
  verb.mutable_request_status();
  switchboard_.Post(DbserverParty(config_, dbserver), verb);
}

void Arbitrator::OnMessage(const v1::Message& message) {
  const google::protobuf::Duration now = ToProto(ToSinceBoot(loop_.Now()));
  const v1::Party& sender = message.sender();
  if (sender.type() == v1::PARTY_TYPE_DBSERVER && message.has_db_status_report()) {
    v1::DbserverKnowledge& known = FindOrAddByName(*state_.mutable_dbservers(), sender.name());
    *known.mutable_report() = message.db_status_report();
    *known.mutable_received_at() = now;
  } else if (sender.type() == v1::PARTY_TYPE_DBCLIENT && message.has_balancer_report()) {
    v1::DbclientKnowledge& known = FindOrAddByName(*state_.mutable_dbclients(), sender.name());
    *known.mutable_report() = message.balancer_report();
    *known.mutable_received_at() = now;
  } else {
    spdlog::warn("{} has no business to send verb {}; ignored", Describe(sender),
                 static_cast<int>(message.verb_case()));
    return;
  }
  ThinkSoon();
}

void Arbitrator::OnConnected(const v1::Party& party) {
  const auto from = sent_.lower_bound({Describe(party), 0});
  auto to = from;
  while (to != sent_.end() && to->first.first == Describe(party)) ++to;
  sent_.erase(from, to);
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
  // What cannot be recorded is not ordered.
  if (!SameDrains(decision.next_drains(), state_.drains()) && !Persist(decision.next_drains()).ok()) return;
  for (const v1::Order& order : decision.orders()) Send(order);
  loop_.Cancel(std::exchange(wake_up_, 0));
  if (decision.has_next_wake_up()) {
    wake_up_ = loop_.At(SinceBoot(FromProto(decision.next_wake_up())), [this] { ThinkSoon(); });
  }
  for (const auto& [id, changed] : std::map(subscribers_)) {
    if (subscribers_.contains(id)) changed();
  }
}

absl::Status Arbitrator::Persist(const Drains& drains) {
  absl::Status status = store_.SetDrains(drains);
  if (!status.ok()) {
    spdlog::error("cannot record the drains, so nothing is ordered: {}", std::string(status.message()));
    return status;
  }
  *state_.mutable_drains() = drains;
  return status;
}

void Arbitrator::Send(const v1::Order& order) {
  std::string& sent = sent_[{Describe(order.receiver()), order.verb_case()}];
  std::string now = order.SerializeAsString();
  if (sent == now) return;
  sent = std::move(now);
  // A drain and its end are two words for one thing: the newer takes the older's place.
  if (order.has_drain()) sent_.erase({Describe(order.receiver()), v1::Order::kUndrain});
  if (order.has_undrain()) sent_.erase({Describe(order.receiver()), v1::Order::kDrain});
  switchboard_.Post(order.receiver(), VerbOf(order));
}

}  // namespace minder
