// Decide on arbitrary messages, with the invariants as the oracle.
#include "tests/fuzz/decide.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include "common/core/decide.h"
#include "common/core/explain.h"
#include "common/core/grant.h"
#include "common/core/proto_time.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/fuzz/oracle.h"
#include "tests/fuzz/targets.h"

namespace minder {
namespace {

using google::protobuf::RepeatedPtrField;

constexpr absl::Duration kLongUptime = absl::Hours(24 * 3650);
constexpr int kMostNodes = 6;
constexpr std::uint64_t kMostEpochs = std::uint64_t{1} << 62;
constexpr int kMostThoughts = 8;  // about the same reports, until nothing changes any more

void Clamp(google::protobuf::Duration& duration, absl::Duration least, absl::Duration most) {
  duration = ToProto(std::clamp(FromProto(duration), least, most));
}

// Sorted by `key`, each once, at most kMostNodes.
template <typename T, typename Key>
void Tidy(RepeatedPtrField<T>& list, Key key) {
  std::ranges::stable_sort(list, {}, key);
  const auto same = [&](const T& a, const T& b) { return std::invoke(key, a) == std::invoke(key, b); };
  list.erase(std::unique(list.begin(), list.end(), same), list.end());
  if (list.size() > kMostNodes) list.DeleteSubrange(kMostNodes, list.size() - kMostNodes);
}

// As the validation of configurations lets it pass.
void RepairConfiguration(v1::Configuration& config) {
  Tidy(*config.mutable_dbservers(), &v1::DbserverConfig::name);
  Tidy(*config.mutable_dbclients(), &v1::DbclientConfig::name);
  Clamp(*config.mutable_timings()->mutable_fresh_for(), absl::Milliseconds(100), absl::Hours(1));
  Clamp(*config.mutable_promotion()->mutable_order_validity(), absl::Milliseconds(100), absl::Hours(1));
  Clamp(*config.mutable_promotion()->mutable_hold_down(), absl::ZeroDuration(), absl::Hours(1));
}

// As the shell keeps it: sorted, with times of its own clock. What agents said is left as it is.
void RepairState(absl::Duration now, v1::ArbitratorState& state) {
  Tidy(*state.mutable_dbservers(), &v1::DbserverKnowledge::name);
  Tidy(*state.mutable_dbclients(), &v1::DbclientKnowledge::name);
  for (auto& known : *state.mutable_dbservers()) {
    Clamp(*known.mutable_received_at(), absl::ZeroDuration(), now);
    if (known.has_on_its_way()) Clamp(*known.mutable_on_its_way(), absl::ZeroDuration(), now);
    if (known.has_primary_since()) Clamp(*known.mutable_primary_since(), absl::ZeroDuration(), now);
  }
  for (auto& known : *state.mutable_dbclients()) {
    Clamp(*known.mutable_received_at(), absl::ZeroDuration(), now);
    if (known.has_on_its_way()) Clamp(*known.mutable_on_its_way(), absl::ZeroDuration(), now);
  }
  Clamp(*state.mutable_started_at(), absl::ZeroDuration(), now);
  v1::DurableState& durable = *state.mutable_durable();
  Tidy(*durable.mutable_drains(), &v1::DrainRecord::dbserver);
  Tidy(*durable.mutable_deaths(), &v1::Death::gcomm_uuid);
  Tidy(*durable.mutable_releases(), &v1::Release::dbserver);
  Tidy(*durable.mutable_evictions(), &v1::Eviction::gcomm_uuid);
  for (auto& eviction : *durable.mutable_evictions()) Clamp(*eviction.mutable_ordered_at(), absl::ZeroDuration(), now);
  for (auto& drain : *durable.mutable_drains()) drain.clear_ordered_at();  // wall time
  if (durable.has_pause()) Clamp(*durable.mutable_pause()->mutable_until(), absl::ZeroDuration(), kLongUptime);
  if (durable.has_grant()) {
    Clamp(*durable.mutable_grant()->mutable_ordered_at(), absl::ZeroDuration(), now);
    Clamp(*durable.mutable_grant()->mutable_begun_at(), absl::ZeroDuration(), now);
    for (auto& fence : *durable.mutable_grant()->mutable_fences())
      Clamp(*fence.mutable_after(), absl::ZeroDuration(), absl::Hours(1));
  }
  Tidy(*durable.mutable_left_behind(), &v1::LeftBehind::dbserver);
  if (durable.grant().state() == v1::GRANT_STATE_FREEZING) LeaveBehind({}, durable.grant(), durable);
  // A full stop is the only reason to bootstrap.
  if (durable.grant().bootstrap() && !durable.has_recovery())
    durable.mutable_recovery()->set_state(v1::RECOVERY_STATE_COLLECTING);
  if (durable.has_last_promotion())
    Clamp(*durable.mutable_last_promotion()->mutable_ordered_at(), absl::ZeroDuration(), now);
  Tidy(*durable.mutable_confirmed()->mutable_members(), &v1::Member::dbserver);
  const v1::ConfirmedPrimary& last = durable.confirmed();
  const bool nameless = std::ranges::any_of(last.members(), [](const v1::Member& m) { return m.gcomm_uuid().empty(); });
  if (nameless || last.members().empty() || last.view().id().empty()) durable.clear_confirmed();
  // Nobody can ask for anything while a grant is open, and nobody forces without a reason.
  if (durable.request().group().empty()) durable.clear_request();
  if (durable.request().force() && durable.request().reason().empty()) durable.mutable_request()->set_reason("ann");
  if (durable.request().force() && durable.has_grant())
    durable.mutable_grant()->set_forced_by(durable.request().reason());
  if (durable.has_grant()) durable.mutable_grant()->set_epoch(std::min(durable.grant().epoch(), kMostEpochs));
  durable.set_epoch(std::clamp(durable.epoch(), durable.grant().epoch(), kMostEpochs));
}

std::string Json(const google::protobuf::Message& message) {
  std::string json;
  return google::protobuf::util::MessageToJsonString(message, &json).ok() ? json : "";
}

// What the store has to be able to write and to read again.
std::string CheckRecordable(const v1::Decision& decision) {
  v1::DurableState again;
  const std::string json = Json(decision.next());
  if (!google::protobuf::util::JsonStringToMessage(json, &again).ok()) return "the state cannot be recorded";
  for (const v1::AuditRecord& record : decision.records()) {
    if (Json(record).empty() || record.text().empty()) return "a record cannot be recorded";
  }
  return "";
}

std::string CheckSayings(const v1::Decision& decision, BootTime now) {
  if (decision.rule().empty() || decision.reason().empty() || decision.diagnosis() == v1::DIAGNOSIS_UNSPECIFIED)
    return "a decision without diagnosis, rule and reason";
  const bool later = SinceBoot(FromProto(decision.next_wake_up())) > now;
  return decision.has_next_wake_up() && !later ? "wakes at once, and for ever" : "";
}

}  // namespace

void RepairCapture(v1::ExplainResponse& capture) {
  v1::ExplainResponse needed;
  needed.mutable_configuration()->Swap(capture.mutable_configuration());
  needed.mutable_state()->Swap(capture.mutable_state());
  needed.mutable_decided_at()->Swap(capture.mutable_decided_at());
  capture.Swap(&needed);
  Clamp(*capture.mutable_decided_at(), absl::ZeroDuration(), kLongUptime);
  RepairConfiguration(*capture.mutable_configuration());
  RepairState(FromProto(capture.decided_at()), *capture.mutable_state());
}

std::string TryDecide(const std::string& bytes) {
  v1::ExplainResponse capture;
  if (!capture.ParseFromString(bytes)) return "";
  RepairCapture(capture);
  const v1::Configuration& config = capture.configuration();
  const BootTime now = SinceBoot(FromProto(capture.decided_at()));
  v1::ArbitratorState state = capture.state();
  v1::Decision decision;
  for (int thought = 0; thought < kMostThoughts; ++thought) {
    decision = Explain(config, state, now).decision();
    for (const std::string& wrong :
         {WhatIsWrong(config, state, now, decision), CheckRecordable(decision), CheckSayings(decision, now)}) {
      if (!wrong.empty()) return wrong + "\n" + capture.DebugString() + decision.DebugString();
    }
    using google::protobuf::util::MessageDifferencer;
    if (!MessageDifferencer::Equals(decision, Decide(config, state, now))) return "decides now so, now otherwise";
    if (decision.records().empty() && MessageDifferencer::Equals(decision.next(), state.durable())) return "";
    *state.mutable_durable() = decision.next();
  }
  return "never settles\n" + capture.DebugString() + decision.DebugString();
}

}  // namespace minder
