// How views of the model come about: who hears whom, what Galera makes of it after its timeouts, and which view is
// primary (gcomm/src/pc_proto.cpp, galera.md section 1).
#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"
#include "tests/simulation/galera.h"

namespace minder {

// Two processes that can be in one view now. Galera relays, so that a component needs a way between any two only.
bool Galera::Adjacent(int a, int b) const {
  if (!network_.Linked(a, b)) return false;
  const auto shuns = [this](const Process& one, const Process& other) {
    // Its list says so, or it still waits for the former process of that uuid.
    return (one.evicted.contains(other.uuid) && !escaped_.contains(other.pid)) ||
           std::ranges::any_of(one.members, [&](int pid) { return pid != other.pid && uuids_.at(pid) == other.uuid; });
  };
  return !shuns(Of(a), Of(b)) && !shuns(Of(b), Of(a));
}

std::vector<Galera::Group> Galera::Components() const {
  std::vector<Group> components;
  std::vector<bool> seen(hosts_.size(), false);
  const auto takes_part = [&](int host) { return Runs(host) && Of(host).up && !Of(host).frozen; };
  for (int start = 0; start < static_cast<int>(hosts_.size()); ++start) {
    if (!takes_part(start) || seen[static_cast<std::size_t>(start)]) continue;
    Group group = {start};
    seen[static_cast<std::size_t>(start)] = true;
    for (std::size_t i = 0; i < group.size(); ++i) {
      for (int other = 0; other < static_cast<int>(hosts_.size()); ++other) {
        if (seen[static_cast<std::size_t>(other)] || !takes_part(other) || !Adjacent(group[i], other)) continue;
        seen[static_cast<std::size_t>(other)] = true;
        group.push_back(other);
      }
    }
    std::ranges::sort(group);
    components.push_back(std::move(group));
  }
  return components;
}

std::vector<int> Galera::Pids(const Group& group) const {
  std::vector<int> pids;
  for (const int host : group) pids.push_back(pid(host));
  std::ranges::sort(pids);
  return pids;
}

// The group is a component, and everybody in it is in one view of just these.
bool Galera::Intact(const Group& group) const {
  const std::vector<Group> components = Components();
  if (group.empty() || std::ranges::find(components, group) == components.end()) return false;
  const std::vector<int> pids = Pids(group);
  return std::ranges::all_of(group,
                             [&](int host) { return Of(host).view == Of(group[0]).view && Of(host).members == pids; });
}

bool Galera::Stable(const Group& group) const {
  return Intact(group) && std::ranges::all_of(group, [this](int host) {
           return Of(host).settled || Of(host).exchanging || Of(host).pending;
         });
}

// How long Galera takes to notice: who left in peace or was evicted is not waited for.
absl::Duration Galera::DelayFor(const Group& group) {
  Random& random = stage_.random;
  const std::vector<int> pids = Pids(group);
  bool lost = false;
  bool silent = false;
  for (const int host : group) {
    for (const int member : Of(host).members) {
      if (std::ranges::binary_search(pids, member)) continue;
      lost = true;
      silent |= std::ranges::none_of(group, [&](int other) {
        return Of(other).left.contains(uuids_[member]) || Of(other).evicted.contains(uuids_[member]);
      });
    }
  }
  if (silent) return random.Between(0.9 * settings_.suspect, 1.4 * settings_.suspect);
  if (lost) return random.Between(absl::Milliseconds(10), absl::Milliseconds(60));
  return random.Between(absl::Milliseconds(50), absl::Milliseconds(600));
}

void Galera::Reconsider() {
  for (const Group& group : Components()) {
    const std::vector<int> pids = Pids(group);
    if (Stable(group)) {
      for (const int pid : pids) unsettled_since_.erase(pid);
      continue;
    }
    absl::Time since = stage_.now();
    for (const int pid : pids) since = std::min(since, unsettled_since_.emplace(pid, stage_.now()).first->second);
    const absl::Time when = std::min(stage_.now() + DelayFor(group),
                                     std::max(stage_.now() + absl::Milliseconds(1), since + 2 * settings_.suspect));
    const auto known = regroupings_.find(pids);
    if (known != regroupings_.end() && known->second <= when) continue;
    regroupings_[pids] = when;
    stage_.At(when, [this, pids] { Regroup(pids); });
  }
}

// All of them, and nobody else, hear one another: they agree on a view.
void Galera::Regroup(const std::vector<int>& pids) {
  const auto planned = regroupings_.find(pids);
  if (planned == regroupings_.end() || planned->second > stage_.now()) return;
  regroupings_.erase(planned);
  for (const Group& group : Components()) {
    if (Pids(group) != pids || Stable(group)) continue;
    LeaveView(group);
    const int view = views_;
    stage_.After(stage_.random.Between(absl::Milliseconds(5), 2 * settings_.slowest_view),
                 [this, view] { Verdict(view); });
  }
}

// The old views end: whoever has lost the majority of its own is not primary any more; then there is one new view.
void Galera::LeaveView(const Group& group) {
  std::map<int, Group> together;  // by the view that they were in
  for (const int host : group) {
    Process& process = Of(host);
    if (process.pending) {
      // It has got the primary view, and may not know that the others have; then it must not assume anything.
      const Pending pending = *std::move(process.pending);
      process.pending.reset();
      if (!pending.bootstrap && stage_.random.Chance(0.5)) {
        Act(host, pending);
      } else if (pending.primary && !pending.bootstrap) {
        process.primary = false;
        for (const auto& [uuid, weight] : pending.view.weights) process.unclear.insert(uuid);
      }
    }
    together[process.view].push_back(host);
  }
  for (const auto& [view, members] : together) {
    const bool lost = view != 0 && members.size() < Of(members[0]).members.size();
    if (lost && Of(members[0]).primary && stage_.random.Chance(settings_.extra_write)) {
      const int extra = commits_.Add(Base(members));
      for (const int host : members) {
        if (Of(host).primary && Of(host).synced) Of(host).received = Of(host).applied = extra;
      }
    }
    const bool quorum = HasQuorum(members);
    for (const int host : members) Of(host).primary = Of(host).primary && quorum;
  }
  std::set<std::string> evicted;
  for (const int host : group) evicted.insert(Of(host).evicted.begin(), Of(host).evicted.end());
  ++views_;
  int seq = 0;
  for (const int host : group)
    seq = std::max({seq, Of(host).view_seq, Of(host).last_primary ? Of(host).last_primary->seq : 0});
  const std::vector<int> pids = Pids(group);
  for (const int host : group) {
    Process& process = Of(host);
    process.view = views_;
    process.view_seq = seq + 1;
    process.view_id = absl::StrFormat("%s:%d", Of(group[0]).uuid, seq + 1);
    process.members = pids;
    process.settled = false;
    process.exchanging = true;
    process.evicted = evicted;
  }
}

bool Galera::HasQuorum(const Group& group) const {
  const auto primary = std::ranges::find_if(group, [this](int host) { return Of(host).primary; });
  if (primary == group.end()) return false;
  int all = 0;
  int here = 0;
  int left = 0;
  for (const auto& [uuid, weight] : Of(*primary).last_primary->weights) {
    all += weight;
    const auto& id = uuid;
    const bool is_here = std::ranges::any_of(group, [&](int host) { return Of(host).uuid == id; });
    const bool has_left = std::ranges::any_of(group, [&](int host) { return Of(host).left.contains(id); });
    if (is_here) here += weight;
    if (!is_here && has_left) left += weight;
  }
  return 2 * here + left > all;
}

// All states are exchanged, if everybody is still there.
void Galera::Verdict(int view) {
  Group group;
  for (int host = 0; host < static_cast<int>(hosts_.size()); ++host) {
    if (Runs(host) && Of(host).view == view) group.push_back(host);
  }
  const bool ready = Intact(group) && std::ranges::all_of(group, [this](int host) { return Of(host).exchanging; });
  for (const int host : group) Of(host).exchanging = false;
  if (!ready) return Reconsider();
  Pending pending{.primary = MayBePrimary(group), .base = Base(group)};
  if (!std::ranges::all_of(group, [this](int host) { return Runs(host); })) return;  // two primary components met
  if (pending.primary) {
    pending.view.id = Of(group[0]).view_id;
    pending.view.seq = Of(group[0]).view_seq;
    for (const int host : group) {
      pending.view.weights[Of(host).uuid] = settings_.weights[static_cast<std::size_t>(host)];
      pending.view.ordered |= Of(host).primary && Of(host).last_primary->ordered;
    }
  }
  Install(group, std::move(pending));
}

bool Galera::MayBePrimary(const Group& group) {
  std::set<std::string> present;
  for (const int host : group) present.insert(Of(host).uuid);
  const auto is_here = [&](const std::string& uuid) { return present.contains(uuid); };
  const PrimaryView* live = nullptr;
  const PrimaryView* greatest = nullptr;
  const auto later = [](const PrimaryView& a, const PrimaryView& b) {
    return std::tie(a.seq, a.id) > std::tie(b.seq, b.id);
  };
  for (const int host : group) {
    const Process& process = Of(host);
    if (!process.last_primary) continue;
    if (greatest == nullptr || later(*process.last_primary, *greatest)) greatest = &*process.last_primary;
    if (!process.primary) continue;
    if (live == nullptr || later(*process.last_primary, *live)) live = &*process.last_primary;
  }
  if (live != nullptr) {
    // Nobody of those that are left has what the component had: they wait for whoever has it.
    if (std::ranges::none_of(group, [this](int host) { return Of(host).primary && Of(host).synced; })) return false;
    // "conflicting prims": the older side aborts.
    const std::string id = live->id;
    for (const int host : group) {
      if (Of(host).primary && Of(host).last_primary->id != id) Kill(host);
    }
    return true;
  }
  if (greatest == nullptr) return false;
  // All of its members are back, and of every later one that there may have been. An evicted member counts as well:
  // with one of two evicted the other one stays non-Primary (galera.md section 2).
  return std::ranges::all_of(greatest->weights, is_here, &std::pair<const std::string, int>::first) &&
         std::ranges::all_of(group, [&](int host) { return std::ranges::all_of(Of(host).unclear, is_here); });
}

// Everybody has got it; each acts on it when he comes to it.
void Galera::Install(const Group& group, Pending pending) {
  stage_.Note(absl::StrFormat("galera: %s: %s%s", Names(group),
                              pending.primary ? "primary " + pending.view.id : "non-primary",
                              pending.bootstrap ? " by bootstrap" : ""));
  for (const int host : group) {
    Of(host).pending = pending;
    stage_.After(stage_.random.Between(absl::ZeroDuration(), settings_.slowest_view),
                 [this, pid = pid(host), view = Of(host).view] { Deliver(pid, view); });
  }
}

void Galera::Deliver(int pid, int view) {
  for (int host = 0; host < static_cast<int>(hosts_.size()); ++host) {
    if (this->pid(host) != pid || Of(host).view != view || Of(host).frozen || !Of(host).pending) continue;
    const Pending pending = *std::move(Of(host).pending);
    Of(host).pending.reset();
    Act(host, pending);
  }
}

void Galera::Act(int host, const Pending& pending) {
  Process& process = Of(host);
  process.exchanging = false;
  process.settled = true;
  process.primary = pending.primary;
  if (pending.primary) {
    commits_.GiveUp(acknowledged_, pending.base, pending.given_up);
    process.last_primary = pending.view;
    At(host).disk.view = pending.view;
    At(host).disk.uuid = process.uuid;
    process.unclear.clear();
    process.left.clear();
    process.synced = process.has_data && process.received == pending.base;
    process.joining = !process.synced;
    process.served |= process.synced;
    if (process.joining) {
      if (stage_.random.Chance(0.3)) process.has_data = false;  // SST
      stage_.After(stage_.random.Between(absl::Milliseconds(50), absl::Milliseconds(800)),
                   [this, pid = process.pid] { Transfer(pid); });
    }
  } else {
    process.synced = process.joining = false;
  }
  Show(host);
}

bool Galera::Bootstrap(int host, const std::vector<int>& given_up) {
  const Process& process = Of(host);
  if (process.primary || !process.settled || process.pending) return false;
  Group group;
  for (int other = 0; other < static_cast<int>(hosts_.size()); ++other) {
    if (Runs(other) && Of(other).view == process.view) group.push_back(other);
  }
  const bool all = Intact(group) && std::ranges::all_of(group, [this](int other) {
                     return Of(other).settled && !Of(other).primary && !Of(other).pending;
                   });
  if (!all) return false;
  Pending pending{.primary = true, .bootstrap = true, .base = Base(group), .given_up = {.hosts = given_up}};
  for (const int other : group) {
    if (Of(other).last_primary) pending.given_up.seq = std::max(pending.given_up.seq, Of(other).last_primary->seq);
  }
  ordered_.emplace_back(pending.base, group);
  pending.view = {.id = process.view_id, .seq = process.view_seq, .weights = {}, .ordered = true};
  for (const int other : group)
    pending.view.weights[Of(other).uuid] = settings_.weights[static_cast<std::size_t>(other)];
  Install(group, std::move(pending));
  return true;
}

}  // namespace minder
