#ifndef MINDER_COMMON_CORE_LEASE_H_
#define MINDER_COMMON_CORE_LEASE_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>

#include "common/base/clock.h"
#include "common/core/authorise.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"
#include "minder/v1/message.pb.h"
#include "minder/v1/status.pb.h"

namespace minder {

// Whether nodes fence themselves without a lease, as configured.
bool GuardsInUse(const v1::Configuration& config);
// Whether nodes hold leases: with guards, or because a mariadbd must not be started unseen while others may have
// promoted themselves without it (E4).
bool LeasesInUse(const v1::Configuration& config);

// For the arbitrator: the lease that goes with the ack of the last report of `dbserver`; nothing when leases are not in
// use or this one is revoked.
std::optional<v1::Lease> LeaseFor(const v1::Configuration& config, const v1::ArbitratorState& state,
                                  const std::string& dbserver);

// "PT15S", as Galera writes a period (gu_datetime); nothing for what is none, or zero.
std::optional<absl::Duration> ParsePeriod(std::string text);

// By when the dbserver of this report has noticed that a member of its view is silent: evs.inactive_timeout, and a
// margin. Nothing when it does not show that, as a probe that was not answered does not.
std::optional<absl::Duration> NoticesWithin(const v1::DbStatusReport& last);

// For the arbitrator: how long after its lease was revoked a node that said `last` before it fell silent is fenced, by
// the latest: it may see all of the last primary component until its own group communication has noticed
// (evs.inactive_timeout), and lives for another lease_ttl from then. Nothing when `last` does not show that timeout, or
// no armed guard.
std::optional<absl::Duration> FencedAfter(const v1::Configuration& config, const v1::DbStatusReport& last);

// For the agent (design.md O6): until when its mariadbd may live. Each of these is good for lease_ttl from when it was
// seen: a lease; a settled primary view that has lost nobody since a lease confirmed one; and, once it has promised not
// to bootstrap, being non-Primary with the same last primary view.
class LeaseHolder {
 public:
  explicit LeaseHolder(absl::Duration ttl) : ttl_(ttl) {}

  // `quoted`: the report that the lease names.
  void OnLease(const v1::Lease& lease, const Sightings::Sighting& quoted, std::uint64_t highest_epoch);
  // Every report, before it is sent: what the arbitrator can know of, this must.
  void OnReported(const v1::DbStatusReport& report, BootTime observed_at);

  bool Held(BootTime now) const { return now < lease_until_; }
  // Whether a stopped mariadbd may be started with its old view: whoever gave the lease knew that it would be.
  bool MayStart(BootTime now) const { return now < start_until_; }
  BootTime lease_until() const { return lease_until_; }
  BootTime LivesUntil() const { return std::max(lease_until_, seen_until_); }

 private:
  absl::Duration ttl_;
  BootTime lease_until_ = absl::InfinitePast();
  BootTime seen_until_ = absl::InfinitePast();
  BootTime start_until_ = absl::InfinitePast();
  std::deque<std::string> wishes_;  // nonces of the reports that say start_wanted, since the last one that does not
  std::uint64_t frozen_at_ = 0;     // epoch of the last promise
  v1::PrimaryView view_;            // last primary view
  // gcomm uuids of all who were in a primary view, as its disk names it, since a lease confirmed one; nothing before
  // the first, for nobody knows whom this agent has not seen.
  std::optional<std::set<std::string>> together_;
};

}  // namespace minder

#endif  // MINDER_COMMON_CORE_LEASE_H_
