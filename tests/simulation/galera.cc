#include "tests/simulation/galera.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace minder {
namespace {

constexpr char kStateUuid[] = "2b9a0c5e-0000-11ef-8000-6d696e646572";
constexpr char kNoData[] = "00000000-0000-0000-0000-000000000000";
constexpr std::uint64_t kNonPrimaryConfId = ~std::uint64_t{0};

}  // namespace

Galera::Galera(Stage& stage, const Network& network, Settings settings, Handlers handlers)
    : stage_(stage),
      network_(network),
      settings_(std::move(settings)),
      handlers_(std::move(handlers)),
      hosts_(settings_.names.size()) {}

void Galera::FormAll() {
  Group all;
  for (int host = 0; host < static_cast<int>(hosts_.size()); ++host) {
    Start(host);
    Of(host).up = true;
    all.push_back(host);
  }
  LeaveView(all);
  Pending first{.primary = true};
  first.view.id = Of(0).view_id;
  first.view.seq = Of(0).view_seq;
  for (const int host : all) first.view.weights[Of(host).uuid] = settings_.weights[static_cast<std::size_t>(host)];
  for (const int host : all) Act(host, first);
}

int Galera::Start(int host) {
  const Disk& disk = At(host).disk;
  Process process;
  process.pid = ++pids_;
  process.uuid =
      disk.view ? disk.uuid : absl::StrFormat("%s-%d", settings_.names[static_cast<std::size_t>(host)], pids_);
  process.last_primary = disk.view;
  process.has_data = disk.has_data;
  process.applied = process.received = disk.position;
  uuids_[process.pid] = process.uuid;
  if (disk.view && evicted_alive_.contains(process.uuid) && stage_.random.Chance(0.5)) escaped_.insert(process.pid);
  stage_.Note(absl::StrFormat("%s: mariadbd starts as %s", Names({host}), process.uuid));
  At(host).process = std::move(process);
  At(host).disk.clean = false;
  stage_.After(stage_.random.Between(absl::Milliseconds(100), absl::Milliseconds(400)), [this, host, pid = pids_] {
    Process* started = Find(pid);
    if (started == nullptr) return;
    started->up = true;
    // It learns whom the others refuse when it joins them.
    for (int other = 0; other < static_cast<int>(hosts_.size()); ++other) {
      if (other != host && Runs(other) && network_.Linked(host, other))
        started->evicted.insert(Of(other).evicted.begin(), Of(other).evicted.end());
    }
    if (started->first) FormAlone(host);
    Reconsider();
  });
  return pids_;
}

int Galera::StartFirst(int host) {
  // What is on nobody's disk, and in nobody's memory, is lost already, without anybody's help.
  if (!AnybodyHas(acknowledged_)) ++lost_by_galera_;
  while (!AnybodyHas(acknowledged_)) acknowledged_ = commits_.Parent(acknowledged_);
  ForgetView(host);
  const int pid = Start(host);
  Of(host).first = true;
  return pid;
}

void Galera::FormAlone(int host) {
  LeaveView({host});
  const Process& process = Of(host);
  ordered_.emplace_back(process.received, Group{host});
  Pending alone{.primary = true, .bootstrap = true, .base = process.received};
  alone.view = {.id = process.view_id,
                .seq = process.view_seq,
                .weights = {{process.uuid, settings_.weights[static_cast<std::size_t>(host)]}},
                .ordered = true};
  stage_.Note(absl::StrFormat("galera: %s: primary %s as the first node", Names({host}), process.view_id));
  Act(host, alone);
}

bool Galera::AnybodyHas(int commit) const {
  return std::ranges::any_of(hosts_, [&](const Host& host) {
    const bool has_data = host.process ? host.process->has_data : host.disk.has_data;
    return has_data && commits_.Has(host.process ? host.process->received : host.disk.position, commit);
  });
}

void Galera::Kill(int host) {
  stage_.Note(absl::StrFormat("%s: mariadbd is killed", Names({host})));
  const Process& process = Of(host);
  commits_.Rewind(process.received, process.applied);
  End(host, false);
}

// A clean stop: the others are told, what was received is applied, and gvwstate.dat is removed.
void Galera::Stop(int host) {
  stage_.Note(absl::StrFormat("%s: mariadbd is stopped", Names({host})));
  Process& process = Of(host);
  process.applied = process.received;
  for (const Group& group : Components()) {
    if (std::ranges::find(group, host) == group.end()) continue;
    for (const int other : group) {
      if (Of(other).view == process.view) Of(other).left.insert(process.uuid);
    }
  }
  At(host).disk.view.reset();
  End(host, true);
}

void Galera::End(int host, bool expected) {
  Host& at = At(host);
  const Process process = *std::move(at.process);
  at.process.reset();
  if (at.disk.view) died_.emplace(process.uuid, at.disk.view->id);
  at.disk.clean = expected;
  at.disk.has_data = process.has_data;
  at.disk.position = process.applied;
  handlers_.on_exit(host, process.pid, expected);
  Reconsider();
}

void Galera::Freeze(int host) {
  stage_.Note(absl::StrFormat("%s: mariadbd is frozen", Names({host})));
  Of(host).frozen = true;
  Reconsider();
}

void Galera::Thaw(int host) {
  if (!Runs(host)) return;
  stage_.Note(absl::StrFormat("%s: mariadbd is thawed", Names({host})));
  Of(host).frozen = false;
  if (Of(host).pending) Deliver(Of(host).pid, Of(host).view);
  if (Of(host).joining) Transfer(Of(host).pid);
  Show(host);
  Reconsider();
}

void Galera::Evict(int host, const std::string& uuid) {
  stage_.Note(absl::StrFormat("%s: evicts %s", Names({host}), uuid));
  std::erase_if(escaped_, [&](int pid) { return uuids_.at(pid) == uuid; });
  if (std::ranges::any_of(hosts_, [&](const Host& other) { return other.process && other.process->uuid == uuid; }))
    evicted_alive_.insert(uuid);
  for (const Group& group : Components()) {
    if (std::ranges::find(group, host) == group.end()) continue;
    for (const int other : group) {
      if (Of(other).view == Of(host).view) Of(other).evicted.insert(uuid);
    }
  }
  Reconsider();
}

void Galera::ClearEvicted(int host) {
  Of(host).evicted.clear();
  Reconsider();
}

Galera::Process* Galera::Find(int pid) {
  for (Host& host : hosts_) {
    if (host.process && host.process->pid == pid) return &*host.process;
  }
  return nullptr;
}

std::string Galera::Names(const Group& group) const {
  return absl::StrJoin(
      group, "+", [this](std::string* out, int host) { out->append(settings_.names[static_cast<std::size_t>(host)]); });
}

// The position that the others of a component get from whoever has most. Real nodes of one seqno stay as they are, each
// with its own last write set; here the one of the later view wins.
int Galera::Base(const Group& group) const {
  const Process* best = nullptr;
  const auto rank = [this](const Process& process) {
    return std::tuple(commits_.seqno(process.received), process.last_primary ? process.last_primary->seq : 0,
                      process.primary && process.synced);
  };
  for (const int host : group) {
    const Process& process = Of(host);
    if (process.has_data && (best == nullptr || rank(process) > rank(*best))) best = &process;
  }
  return best == nullptr ? 0 : best->received;
}

void Galera::Apply(int pid, int commit) {
  Process* process = Find(pid);
  if (process == nullptr || commits_.seqno(commit) <= commits_.seqno(process->applied)) return;
  if (commits_.Has(process->received, commit)) process->applied = commit;
}

// IST or SST from a donor in the same component, as soon as there is one.
void Galera::Transfer(int pid) {
  Process* joiner = Find(pid);
  if (joiner == nullptr || joiner->frozen || !joiner->primary || !joiner->joining) return;
  const auto donor = std::ranges::find_if(hosts_, [&](const Host& host) {
    return host.process && !host.process->frozen && host.process->primary && host.process->synced &&
           host.process->last_primary->id == joiner->last_primary->id;
  });
  if (donor == hosts_.end()) {
    stage_.After(absl::Milliseconds(200), [this, pid] { Transfer(pid); });
    return;
  }
  const auto is_joiner = [pid](const Host& host) { return host.process && host.process->pid == pid; };
  const int at = static_cast<int>(std::ranges::find_if(hosts_, is_joiner) - hosts_.begin());
  if (no_forks_ && joiner->has_data && IsFork(at, donor->process->received))
    loss_ = absl::StrFormat("%s is at seqno %d, which others went on without, and joins them unseen", Names({at}),
                            commits_.seqno(joiner->received));
  joiner->applied = joiner->received = donor->process->received;
  joiner->has_data = joiner->synced = joiner->served = true;
  joiner->joining = false;
  Show(at);
}

// Its limit would have said so: it was not among those who were made primary, and is further than they were then.
bool Galera::IsFork(int host, int donor) const {
  const int joiner = Of(host).received;
  return !commits_.Has(donor, joiner) && std::ranges::any_of(ordered_, [&](const auto& ordered) {
    const auto& [from, group] = ordered;
    if (std::ranges::find(group, host) != group.end() || !commits_.Has(donor, from)) return false;
    if (commits_.seqno(joiner) <= commits_.seqno(from)) return false;
    int after = donor;  // the first commit after `from`, on the way to the donor
    while (commits_.seqno(after) > commits_.seqno(from) + 1) after = commits_.Parent(after);
    return !commits_.Has(joiner, after);
  });
}

void Galera::Write() {
  for (const Group& group : Live()) {
    Group writable;
    std::ranges::copy_if(group, std::back_inserter(writable), [this](int host) { return Of(host).synced; });
    if (writable.empty()) continue;
    const int base = Base(writable);
    if (commits_.Loses(acknowledged_, base)) {
      // What a dead process had in its memory alone is lost without anybody's help.
      if (!Of(writable[0]).last_primary->ordered && commits_.RewoundBetween(acknowledged_, base)) {
        ++lost_by_galera_;
      } else {
        loss_ = absl::StrFormat("%s commits after seqno %d, without acknowledged writes up to seqno %d", Names(group),
                                commits_.seqno(base), commits_.seqno(acknowledged_));
      }
    }
    acknowledged_ = commits_.AddAcknowledged(base, {.seq = Of(writable[0]).last_primary->seq, .hosts = group});
    ++writes_;
    const int first = stage_.random.Pick(writable);
    for (const int host : writable) {
      Of(host).received = acknowledged_;
      if (host == first) Of(host).applied = acknowledged_;
      stage_.After(stage_.random.Between(absl::Milliseconds(1), absl::Milliseconds(150)),
                   [this, pid = pid(host), commit = acknowledged_] { Apply(pid, commit); });
    }
    for (const int host : group) {
      Of(host).last_primary->ordered = false;
      At(host).disk.view->ordered = false;
    }
  }
}

// Sessions see what has happened a moment later.
void Galera::Show(int host) {
  const absl::Duration delay = stage_.random.Between(absl::Milliseconds(1), settings_.slowest_view);
  stage_.After(delay, [this, host, pid = pid(host)] {
    Process* process = Find(pid);
    if (process == nullptr || process->frozen || !process->settled) return;
    Shown& shown = process->shown;
    shown.status = process->primary ? v1::CLUSTER_STATUS_PRIMARY : v1::CLUSTER_STATUS_NON_PRIMARY;
    shown.state = !process->primary ? v1::LOCAL_STATE_INITIALIZED
                  : process->synced ? v1::LOCAL_STATE_SYNCED
                                    : v1::LOCAL_STATE_JOINING;
    shown.conf_id = process->primary ? static_cast<std::uint64_t>(process->last_primary->seq) : kNonPrimaryConfId;
    shown.members.clear();
    for (const int member : process->members) {
      v1::ViewMember& entry = shown.members.emplace_back();
      entry.set_uuid(uuids_[member]);
      entry.set_name(uuids_[member].substr(0, uuids_[member].find('-')));
    }
    std::ranges::sort(shown.members, {}, [](const v1::ViewMember& member) { return member.uuid(); });
    handlers_.on_notify(host);
  });
}

std::optional<Galera::Answer> Galera::Ask(int host) const {
  if (!Runs(host)) return std::nullopt;
  const Process& process = Of(host);
  if (!process.up || process.frozen || (!process.served && !settings_.answers_before_primary)) return std::nullopt;
  const Shown& shown = process.shown;
  Answer answer;
  v1::WsrepStatus& wsrep = answer.wsrep;
  wsrep.set_cluster_status(shown.status);
  wsrep.set_local_state(shown.state);
  wsrep.set_ready(shown.state == v1::LOCAL_STATE_SYNCED);
  wsrep.set_connected(shown.status != v1::CLUSTER_STATUS_DISCONNECTED);
  wsrep.set_cluster_conf_id(shown.conf_id);
  wsrep.set_cluster_size(static_cast<unsigned>(shown.members.size()));
  wsrep.set_cluster_state_uuid(shown.status == v1::CLUSTER_STATUS_DISCONNECTED ? kNoData : kStateUuid);
  wsrep.set_local_state_uuid(process.has_data ? kStateUuid : kNoData);
  wsrep.set_gcomm_uuid(process.uuid);
  wsrep.set_last_committed(process.has_data ? commits_.seqno(process.applied) : -1);
  wsrep.set_local_recv_queue(process.applied == process.received ? 0 : 1);
  wsrep.set_evs_state(process.settled ? "OPERATIONAL" : "GATHER");
  wsrep.set_evs_evict_list(absl::StrJoin(process.evicted, ","));
  answer.members = shown.members;
  answer.options.set_pc_weight(static_cast<unsigned>(settings_.weights[static_cast<std::size_t>(host)]));
  answer.options.set_evs_inactive_timeout(absl::StrFormat("PT%.3fS", absl::ToDoubleSeconds(3 * settings_.suspect)));
  answer.options.set_evs_suspect_timeout(absl::StrFormat("PT%.3fS", absl::ToDoubleSeconds(settings_.suspect)));
  answer.options.set_ignore_sb(At(host).ignore_sb);
  return answer;
}

std::optional<v1::PrimaryView> Galera::ViewOnDisk(int host) const {
  const Disk& disk = At(host).disk;
  if (!disk.view) return std::nullopt;
  v1::PrimaryView view;
  view.set_id(disk.view->id);
  for (const auto& [uuid, weight] : disk.view->weights) view.add_members(uuid);
  return view;
}

v1::StoppedState Galera::Stopped(int host) const {
  const Disk& disk = At(host).disk;
  v1::StoppedState stopped;
  stopped.mutable_grastate()->set_uuid(disk.has_data ? kStateUuid : kNoData);
  stopped.mutable_grastate()->set_seqno(disk.clean && disk.has_data ? commits_.seqno(disk.position) : -1);
  return stopped;
}

std::vector<std::vector<int>> Galera::Live() const {
  std::vector<Group> live;
  for (const Group& group : Components()) {
    std::map<std::string, Group> by_view;
    for (const int host : group) {
      if (Of(host).primary && Of(host).settled) by_view[Of(host).last_primary->id].push_back(host);
    }
    for (const auto& [id, members] : by_view) {
      if (members.size() == Of(members[0]).last_primary->weights.size()) live.push_back(members);
    }
  }
  return live;
}

}  // namespace minder
