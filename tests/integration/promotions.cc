#include "tests/integration/promotions.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/core/proto_time.h"

namespace minder::lab {
namespace {

// In which a balancer has heard that a component without the grant is out; and in which the observer notices that a
// node is in it no more: a marker write that hangs is given up after 1 s, and begun again 200 ms later.
constexpr absl::Duration kOutWithin = absl::Seconds(1);
constexpr absl::Duration kNoticedWithin = absl::Seconds(2);

bool OrdersPromotion(const v1::AuditRecord& record) {
  return record.kind() == "grant" && absl::StrContains(record.text(), " is ordered to make ");
}
bool OrdersFirstNode(const v1::AuditRecord& record) {
  return record.kind() == "grant" && absl::StrContains(record.text(), " is ordered to start as the first node");
}

// "the last primary component is node1+node2, view 1:2".
std::vector<std::string> ConfirmedIn(const v1::AuditRecord& record) {
  absl::string_view text = record.text();
  if (record.kind() != "confirmed" || !absl::ConsumePrefix(&text, "the last primary component is ")) return {};
  return absl::StrSplit(text.substr(0, text.find(',')), '+');
}

// Nothing came of the order, and nothing can any more.
bool GivesUp(const v1::AuditRecord& record) {
  return record.kind() == "grant" && absl::StrContains(record.text(), " did not get the order in time");
}

// "node1 is ordered to make node1+node2 primary".
std::vector<std::string> GroupIn(const v1::AuditRecord& record) {
  if (!OrdersPromotion(record)) return {std::vector<std::string>(absl::StrSplit(record.text(), ' '))[0]};
  return absl::StrSplit(std::vector<std::string>(absl::StrSplit(record.text(), ' '))[5], '+');
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

absl::Status Wrong(const char* what, const v1::AuditRecord& record) {
  return absl::InternalError(absl::StrFormat("%s: epoch %d, %s", what, record.epoch(), record.text()));
}

bool IsWithGroup(const Sample& sample, const Promotion& promotion) {
  return std::ranges::any_of(sample.members, [&](const auto& member) { return Contains(promotion.group, member); });
}

// The first marker write that committed on the node after the order.
template <typename Condition>
const Sample* FirstCommit(const std::vector<Sample>& samples, const Promotion& promotion, const Condition& condition) {
  const auto it = std::ranges::find_if(samples, [&](const Sample& sample) {
    return sample.begin > promotion.ordered_at && sample.marker_committed && condition(sample);
  });
  return it == samples.end() ? nullptr : &*it;
}

absl::Status CheckServer(const Promotion& promotion, const std::string& node, BootTime until,
                         const std::vector<BalancerSample>& balancer) {
  int most = -1;  // as many as were left at first
  for (const BalancerSample& sample : balancer) {
    if (sample.at < promotion.ordered_at + kOutWithin || sample.at > until) continue;
    const auto server = sample.servers.find(node);
    if (server == sample.servers.end()) continue;
    if (most < 0) most = server->second.sessions;
    if (!server->second.TakesNewSessions() && server->second.sessions <= most) continue;
    return absl::InternalError(absl::StrFormat(
        "%s is '%s' in the balancer and has %d sessions, %s after epoch %d was ordered for %s", node,
        server->second.status, server->second.sessions, absl::FormatDuration(sample.at - promotion.ordered_at),
        promotion.epoch, absl::StrJoin(promotion.group, "+")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Time BootedAt() { return absl::Now() - ToSinceBoot(BootClock().Now()); }

std::vector<Promotion> PromotionsIn(const v1::HistoryResponse& history, absl::Time booted) {
  std::vector<Promotion> promotions;
  for (int i = history.entries_size() - 1; i >= 0; --i) {  // oldest first
    const v1::HistoryEntry& entry = history.entries(i);
    const BootTime at = SinceBoot(FromProto(entry.time()) - booted);
    const std::vector<std::string> members = ConfirmedIn(entry.record());
    for (Promotion& earlier : promotions) {
      const bool with_group =
          std::ranges::any_of(members, [&](const std::string& name) { return Contains(earlier.group, name); });
      for (const std::string& name : members) {
        if (with_group) earlier.merged_at.try_emplace(name, at);
      }
    }
    if (GivesUp(entry.record()))
      std::erase_if(promotions, [&](const Promotion& p) { return p.epoch == entry.record().epoch(); });
    if (!OrdersPromotion(entry.record())) continue;
    promotions.push_back({.epoch = entry.record().epoch(), .ordered_at = at, .group = GroupIn(entry.record())});
  }
  return promotions;
}

absl::Status CheckRecords(const v1::HistoryResponse& history, std::size_t nodes) {
  if (history.broken_at() != 0)
    return absl::InternalError(absl::StrFormat("the chain is broken at record %d", history.broken_at()));
  std::uint64_t ordered = 0;
  std::uint64_t epoch = 0;
  for (int i = history.entries_size() - 1; i >= 0; --i) {  // oldest first
    const v1::AuditRecord& record = history.entries(i).record();
    if (record.kind() != "grant" || record.epoch() == 0) continue;  // 0: a request that came to nothing
    if (record.epoch() < epoch) return Wrong("recorded after a later grant", record);
    epoch = record.epoch();
    if (!OrdersPromotion(record) && !OrdersFirstNode(record)) continue;
    if (record.epoch() == ordered) return Wrong("ordered twice", record);
    ordered = record.epoch();
    if (record.evidence().empty() && GroupIn(record).size() < nodes) return Wrong("ordered without evidence", record);
  }
  return absl::OkStatus();
}

absl::Status CheckDeposedCommitNothing(const std::vector<Promotion>& promotions,
                                       const std::map<std::string, std::vector<Sample>>& samples) {
  for (const Promotion& promotion : promotions) {
    for (const auto& [node, of_node] : samples) {
      if (Contains(promotion.group, node)) continue;
      const Sample* commit = FirstCommit(of_node, promotion, [](const Sample&) { return true; });
      if (commit == nullptr || IsWithGroup(*commit, promotion)) continue;
      const auto merged = promotion.merged_at.find(node);
      if (merged != promotion.merged_at.end() && merged->second <= commit->begin) continue;
      return absl::InternalError(absl::StrFormat("committed %s after epoch %d was ordered for %s, without it: %s",
                                                 absl::FormatDuration(commit->begin - promotion.ordered_at),
                                                 promotion.epoch, absl::StrJoin(promotion.group, "+"),
                                                 Describe(*commit)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDeposedGetNoSession(const std::vector<Promotion>& promotions,
                                      const std::map<std::string, std::vector<Sample>>& samples,
                                      const std::vector<BalancerSample>& balancer) {
  for (const Promotion& promotion : promotions) {
    for (const auto& [node, of_node] : samples) {
      if (Contains(promotion.group, node) || of_node.empty()) continue;
      const Sample* back =
          FirstCommit(of_node, promotion, [&](const Sample& sample) { return IsWithGroup(sample, promotion); });
      const auto merged = promotion.merged_at.find(node);
      BootTime again = back == nullptr ? of_node.back().end : back->begin;
      if (merged != promotion.merged_at.end()) again = std::min(again, merged->second);
      MINDER_RETURN_IF_ERROR(CheckServer(promotion, node, again - kNoticedWithin, balancer));
    }
  }
  return absl::OkStatus();
}

}  // namespace minder::lab
