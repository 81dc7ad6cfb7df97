#include "tests/simulation/checks.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace minder {

void Checks::Fail(const std::string& what) {
  if (failure_.empty()) failure_ = what;
}

int Checks::HostOf(const std::string& name) const {
  return static_cast<int>(std::ranges::find(names_, name) - names_.begin());
}

void Checks::OnRecorded(const v1::DurableState& state) {
  const v1::Grant& grant = state.grant();
  if (state.epoch() < highest_epoch_)
    Fail(absl::StrFormat("epoch %d is recorded after %d", state.epoch(), highest_epoch_));
  if (grant.state() == v1::GRANT_STATE_ORDERED) {
    const auto known = ordered_.find(grant.epoch());
    if (known == ordered_.end()) {
      if (!ordered_.empty() && grant.epoch() <= ordered_.rbegin()->first)
        Fail(absl::StrFormat("epoch %d is granted after %d", grant.epoch(), ordered_.rbegin()->first));
      ordered_[grant.epoch()] = grant;
      CheckEvidence(state);
    } else if (known->second.target() != grant.target() || known->second.nonce() != grant.nonce()) {
      Fail(absl::StrFormat("two orders are recorded for epoch %d", grant.epoch()));
    }
  }
  if (grant.state() == v1::GRANT_STATE_ABANDONED || grant.state() == v1::GRANT_STATE_DONE) over_.insert(grant.epoch());
  highest_epoch_ = std::max(highest_epoch_, state.epoch());
}

// What the grant says about the others is true: each is dead, or has promised (a primary component ends a promise, but
// not what it says of lower epochs), or was ended by its guard, which spares who promised after the same view, or all
// of them have no majority; and nobody is forgotten.
void Checks::CheckEvidence(const v1::DurableState& state) {
  const v1::Grant& grant = state.grant();
  if (!grant.forced_by().empty()) return;
  int votes = 0;  // how many more the group has
  for (const v1::Member& member : state.confirmed().members()) {
    const bool in = std::ranges::find(grant.group(), member.dbserver()) != grant.group().end();
    votes += static_cast<int>(member.weight()) * (in ? 1 : -1);
  }
  for (const v1::Member& member : state.confirmed().members()) {
    if (std::ranges::find(grant.group(), member.dbserver()) != grant.group().end()) continue;
    const int host = HostOf(member.dbserver());
    const v1::FreezeStatus& promise = promises_[static_cast<std::size_t>(host)].freeze();
    const bool spared = promise.frozen() && promise.view_id() == grant.view_id() && !galera_.Primary(host);
    const bool promised = promise.epoch() >= grant.epoch() || (guards_ && spared);
    const bool ended = guards_ && galera_.uuid(host) != member.gcomm_uuid();
    const bool died = galera_.Died(member.gcomm_uuid(), grant.view_id());
    if (ended && !promised && !died) fenced_[grant.epoch()].push_back(host);
    const bool tied = tie_ && votes >= 0;
    if (!promised && !ended && !tied && !died)
      Fail(absl::StrFormat("epoch %d is granted, and %s is neither dead nor has it promised anything", grant.epoch(),
                           member.dbserver()));
  }
}

void Checks::OnOrdered(int host, const v1::MakePrimary& order) {
  const auto known = ordered_.find(order.epoch());
  if (known == ordered_.end() || HostOf(known->second.target()) != host)
    Fail(absl::StrFormat("the order of epoch %d is sent before it is recorded", order.epoch()));
}

void Checks::OnPromised(int host, const v1::AgentPromise& before, const v1::AgentPromise& now) {
  if (now.highest_epoch() < before.highest_epoch())
    Fail(absl::StrFormat("the agent of %s forgets epoch %d", names_[static_cast<std::size_t>(host)],
                         before.highest_epoch()));
}

std::vector<int> Checks::GivenUpBy(std::uint64_t epoch) const {
  const auto fenced = fenced_.find(epoch);
  return fenced == fenced_.end() ? std::vector<int>() : fenced->second;
}

void Checks::OnPromotion(int host, std::uint64_t epoch) {
  const auto known = ordered_.find(epoch);
  if (known == ordered_.end() || HostOf(known->second.target()) != host)
    Fail(absl::StrFormat("epoch %d is carried out without a record", epoch));
  if (over_.contains(epoch)) Fail(absl::StrFormat("epoch %d is carried out after it was over", epoch));
  if (!carried_out_.insert(epoch).second) Fail(absl::StrFormat("epoch %d is carried out twice", epoch));
  bootstraps_ += known != ordered_.end() && known->second.bootstrap() ? 1 : 0;
}

void Checks::Look() {
  if (human_ || !failure_.empty()) return;
  if (!galera_.loss().empty()) Fail(galera_.loss());
  const auto live = galera_.Live();
  if (live.size() < 2) return;
  Fail(absl::StrFormat("two primary components can commit: one of %s and %d more nodes, one of %s and %d more",
                       names_[static_cast<std::size_t>(live[0][0])], static_cast<int>(live[0].size()) - 1,
                       names_[static_cast<std::size_t>(live[1][0])], static_cast<int>(live[1].size()) - 1));
}

}  // namespace minder
