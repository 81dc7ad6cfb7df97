#include "common/core/tie.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/core/grant.h"
#include "common/core/last_primary.h"
#include "common/core/lease.h"
#include "common/core/lookup.h"
#include "common/core/proto_time.h"
#include "common/core/recovery.h"
#include "common/core/same_configuration.h"

namespace minder {
namespace {

// A member is left out of a view after evs.suspect_timeout; within so much less nobody is left out, and taken in again.
constexpr absl::Duration kShorterThanSuspicion = absl::Seconds(1);

// What this member showed when it was heard last.
std::string WhyUncertain(const v1::Configuration& config, const v1::Member& member, const v1::ConfirmedPrimary& primary,
                         const Facts& facts) {
  const NodeFacts* node = FindNode(facts, member.dbserver());
  if (node == nullptr || node->report == nullptr) return "it is not known what its settings are";
  const v1::DbStatusReport& report = *node->report;
  if (const std::string other = WhyOtherConfiguration(config, report); !other.empty()) return "it " + other;
  const v1::ProviderOptions& options = report.provider_options();
  if (!report.has_provider_options()) return "it does not show its provider options";
  if (IgnoresQuorum(report)) return "it ignores quorum";
  if (options.pc_weight() != member.weight()) return "its weight was changed";
  if (report.last_primary_view().id() != primary.view().id()) return "it was in another primary component since";
  if (report.running() != v1::TERNARY_YES || report.wsrep().gcomm_uuid() != member.gcomm_uuid())
    return "its process of then was not seen to run";
  return "";
}

// Whether this member left P in one step with just those that it is with now. Otherwise one of them may have been in a
// later view with those that are silent, and have made it primary there without learning of it.
bool LeftTogether(const v1::DbStatusReport& report) {
  const auto suspicion = ParsePeriod(report.provider_options().evs_suspect_timeout());
  return report.has_departure() && suspicion.has_value() &&
         std::ranges::equal(report.departure().members(), report.members(), {}, {}, &v1::ViewMember::uuid) &&
         FromProto(report.departure().unseen()) <= *suspicion - kShorterThanSuspicion;
}

bool HasDbserver(const v1::ConfirmedPrimary& primary, const std::string& name) {
  return std::ranges::find(primary.members(), name, &v1::Member::dbserver) != primary.members().end();
}

}  // namespace

std::string WhyNoTie(const v1::Configuration& config, const v1::DurableState& durable, const Facts& facts,
                     const std::vector<const NodeFacts*>& group) {
  if (config.promotion().tie() != v1::Promotion::SWITCH_ON) return "promotion.tie is off";
  if (group.empty()) return "no group is fit to be promoted";
  if (!durable.whole()) return "since the last order nobody saw every dbserver in one primary component";
  const v1::ConfirmedPrimary& primary = *facts.confirmed;
  for (const v1::DbserverConfig& node : config.dbservers()) {
    if (!HasDbserver(primary, node.name())) return absl::StrFormat("%s may have joined it since", node.name());
  }
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  for (const v1::Member& member : primary.members()) {
    const bool in =
        std::ranges::any_of(group, [&](const NodeFacts* node) { return node->config->name() == member.dbserver(); });
    (in ? inside : outside) += member.weight();
    if (member.garbd()) continue;
    if (const std::string why = WhyUncertain(config, member, primary, facts); !why.empty())
      return absl::StrFormat("%s: %s", member.dbserver(), why);
  }
  if (outside > inside) return absl::StrFormat("it has %d votes, and all others have %d", inside, outside);
  if (group.size() == 1) return "";
  for (const NodeFacts* node : group) {
    if (!LeftTogether(*node->report))
      return absl::StrFormat("%s was not seen to leave it together with the group", node->config->name());
  }
  return "";
}

void KeepWhole(const Facts& facts, v1::DurableState& next) {
  if (next.whole() || IsOpen(next.grant()) || !facts.confirmed) return;
  next.set_whole(std::ranges::all_of(facts.nodes, [&](const NodeFacts& node) {
    return node.synced && node.report->last_primary_view().id() == facts.confirmed->view().id() &&
           HasDbserver(*facts.confirmed, node.config->name());
  }));
}

void KeepCountedOut(const Facts& facts, v1::Decision& decision) {
  for (v1::LeftBehind& left : *decision.mutable_next()->mutable_left_behind()) {
    const NodeFacts* node = FindNode(facts, left.dbserver());
    if (left.counted_out().empty() || node == nullptr || !node->fresh) continue;
    const bool end = node->running == v1::TERNARY_YES && node->primary == v1::TERNARY_NO &&
                     !IsOpen(decision.next().grant()) && facts.paused.value != v1::TERNARY_YES &&
                     facts.split_brain.value != v1::TERNARY_YES;
    if (!node->stopped && (!end || left.ending())) continue;
    v1::AuditRecord& record = *decision.add_records();
    record.set_kind("left_behind");
    record.set_epoch(decision.next().epoch());
    if (node->stopped) {
      record.set_text(absl::StrFormat("%s is seen to be stopped, so nobody has to refuse %s any more", left.dbserver(),
                                      left.counted_out()));
      left.clear_counted_out();
      left.clear_ending();
    } else {
      record.set_text(absl::StrFormat("%s is ordered to end its mariadbd, which was counted out (%s)", left.dbserver(),
                                      left.counted_out()));
      left.set_ending(true);
    }
  }
}

void OrderEnds(const v1::Configuration& config, const Facts& facts, v1::Decision& decision) {
  for (const v1::LeftBehind& left : decision.next().left_behind()) {
    const NodeFacts* node = FindNode(facts, left.dbserver());
    if (!left.ending() || node == nullptr || !node->fresh || node->running != v1::TERNARY_YES) continue;
    if (node->primary != v1::TERNARY_NO) continue;
    OrderEnd(config, *node, decision);
  }
}

std::vector<std::string> NotRefused(const NodeFacts& node, const v1::DurableState& durable) {
  std::vector<std::string> missing;
  const bool listens = node.running == v1::TERNARY_YES && !node.report->nonce().empty();
  if (!listens || IsOpen(durable.grant()) || FindLeftBehind(durable, node.config->name()) != nullptr) return missing;
  const std::vector<std::string> refused = absl::StrSplit(node.report->wsrep().evs_evict_list(), ',');
  for (const v1::LeftBehind& left : durable.left_behind()) {
    const std::string& uuid = left.counted_out();
    if (!uuid.empty() && std::ranges::find(refused, uuid) == refused.end()) missing.push_back(uuid);
  }
  return missing;
}

bool SomebodyIsCountedOut(const v1::DurableState& durable) {
  return std::ranges::any_of(durable.left_behind(),
                             [](const v1::LeftBehind& left) { return !left.counted_out().empty(); });
}

bool IsCountedOut(const v1::DurableState& durable, const std::string& gcomm_uuid) {
  return std::ranges::any_of(durable.left_behind(),
                             [&](const v1::LeftBehind& left) { return left.counted_out() == gcomm_uuid; });
}

}  // namespace minder
