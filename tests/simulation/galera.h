#ifndef MINDER_TESTS_SIMULATION_GALERA_H_
#define MINDER_TESTS_SIMULATION_GALERA_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "minder/v1/status.pb.h"
#include "tests/simulation/commits.h"
#include "tests/simulation/network.h"
#include "tests/simulation/stage.h"

namespace minder {

// A model of mariadbd processes and of Galera between them (galera.md section 1), one process a host: views by who
// hears whom after Galera's timeouts, quorum by weights and with those that left in peace, components that form again
// by themselves, the last primary view on disk, bootstrap, eviction, and what was committed where. It knows nothing of
// minder.
class Galera {
 public:
  struct Settings {
    std::vector<std::string> names{};  // by host
    std::vector<int> weights{};        // by host
    // A silent member is given up after about this, and by the latest after three times that (evs.inactive_timeout).
    absl::Duration suspect = absl::Seconds(5);
    absl::Duration slowest_view = absl::Milliseconds(30);  // the members of a new view learn of it this far apart
    bool answers_before_primary = true;                    // pc.wait_prim=no
    double extra_write = 0.3;  // a side of a broken view keeps one more write set, never acknowledged
  };
  struct Handlers {
    std::function<void(int host)> on_notify;  // wsrep_notify_cmd
    std::function<void(int host, int pid, bool expected)> on_exit;
  };

  // A primary view as its members know it, and keep it in gvwstate.dat.
  struct PrimaryView {
    std::string id;
    int seq = 0;
    std::map<std::string, int> weights;  // of its members, by uuid
    bool ordered = false;                // it, or an ancestor in which nothing was committed, came of a bootstrap
  };

  Galera(Stage& stage, const Network& network, Settings settings, Handlers handlers);

  // Every process runs in one primary component: how a simulation begins.
  void FormAll();

  // Faults, and what agents and humans do.
  int Start(int host);
  // With --wsrep-new-cluster, and without its old view: it is a primary component, alone, as soon as it is up.
  int StartFirst(int host);
  void Kill(int host);
  void Stop(int host);
  void Freeze(int host);
  void Thaw(int host);
  void ForgetView(int host) { At(host).disk.view.reset(); }
  void NetworkChanged() { Reconsider(); }
  // pc.bootstrap: does nothing, silently, where the node is Primary. True when a primary view will come of it. What the
  // hosts `given_up` committed in later views than those of this group may be lost by it.
  bool Bootstrap(int host, const std::vector<int>& given_up = {});
  void Evict(int host, const std::string& uuid);
  void ClearEvicted(int host);
  // After this a node that joins with write sets that were gone on without when others were made primary is a failure.
  void ExpectNoForks() { no_forks_ = true; }
  void SetIgnoreSb(int host, bool on) { At(host).ignore_sb = on; }
  // A client commits where it can, and is told that its write is safe.
  void Write();

  // What a session on the host sees; nothing when it is not answered.
  struct Answer {
    v1::WsrepStatus wsrep;
    v1::ProviderOptions options;
    std::vector<v1::ViewMember> members;
  };
  std::optional<Answer> Ask(int host) const;
  // What is in its files.
  std::optional<v1::PrimaryView> ViewOnDisk(int host) const;
  v1::StoppedState Stopped(int host) const;
  std::int64_t SeqnoOnDisk(int host) const { return commits_.seqno(At(host).disk.position); }

  // The truth, for checkers.
  bool Runs(int host) const { return At(host).process.has_value(); }
  // Its process has not opened its data: it waits for a primary component.
  bool Waits(int host) const {
    return Runs(host) && !At(host).process->served && !At(host).process->primary && !settings_.answers_before_primary;
  }
  bool Primary(int host) const { return Runs(host) && At(host).process->primary; }
  bool Frozen(int host) const { return Runs(host) && At(host).process->frozen; }
  int pid(int host) const { return Runs(host) ? At(host).process->pid : 0; }
  std::string uuid(int host) const { return Runs(host) ? At(host).process->uuid : ""; }
  bool Synced(int host) const { return Runs(host) && At(host).process->primary && At(host).process->synced; }
  // A process with this uuid ended when that was the last primary view on its disk.
  bool Died(const std::string& uuid, const std::string& view) const { return died_.contains({uuid, view}); }
  // The primary components that can commit now, each as its hosts.
  std::vector<std::vector<int>> Live() const;
  // What is wrong with the data; empty while nothing is.
  const std::string& loss() const { return loss_; }
  int lost_by_galera() const { return lost_by_galera_; }
  int writes() const { return writes_; }

 private:
  using Group = std::vector<int>;  // hosts

  // A view that all of its members have got and that this one has yet to act on.
  struct Pending {
    bool primary = false;
    bool bootstrap = false;
    PrimaryView view{};
    int base = 0;  // the position of the component
    Commits::View given_up{};
  };
  struct Shown {
    v1::ClusterStatus status = v1::CLUSTER_STATUS_DISCONNECTED;
    v1::LocalState state = v1::LOCAL_STATE_INITIALIZED;
    std::vector<v1::ViewMember> members;
    std::uint64_t conf_id = 0;
  };
  struct Process {
    int pid = 0;
    std::string uuid;
    bool up = false;  // started far enough to answer and to take part
    bool frozen = false;
    bool served = false;  // was Synced once
    bool first = false;   // --wsrep-new-cluster
    // gcomm
    int view = 0;
    std::string view_id;
    int view_seq = 0;
    std::vector<int> members;  // pids
    bool exchanging = false;   // states are exchanged, and no verdict is there
    bool settled = false;
    std::optional<Pending> pending;
    bool primary = false;
    std::optional<PrimaryView> last_primary;
    std::set<std::string> unclear;  // members of a primary view that may have come about without this node
    std::set<std::string> left;     // left in peace since the last primary view
    std::set<std::string> evicted;
    // data
    bool synced = false;
    bool joining = false;
    bool has_data = true;
    int applied = 0;   // what a crash leaves
    int received = 0;  // and what it has in memory
    Shown shown;
  };
  struct Disk {
    std::optional<PrimaryView> view;
    std::string uuid;  // its own, in that view
    bool has_data = true;
    bool clean = false;
    int position = 0;
  };
  struct Host {
    std::optional<Process> process;
    Disk disk;
    bool ignore_sb = false;
  };

  const Host& At(int host) const { return hosts_[static_cast<std::size_t>(host)]; }
  Host& At(int host) { return hosts_[static_cast<std::size_t>(host)]; }
  Process& Of(int host) { return *At(host).process; }
  const Process& Of(int host) const { return *At(host).process; }
  Process* Find(int pid);
  std::string Names(const Group& group) const;
  void End(int host, bool expected);
  void Show(int host);
  void FormAlone(int host);
  bool AnybodyHas(int commit) const;
  void Apply(int pid, int commit);
  void Transfer(int pid);
  int Base(const Group& group) const;
  bool IsFork(int host, int donor) const;

  // Views (galera_views.cc).
  bool Adjacent(int a, int b) const;
  std::vector<Group> Components() const;
  bool Intact(const Group& group) const;
  bool Stable(const Group& group) const;
  absl::Duration DelayFor(const Group& group);
  std::vector<int> Pids(const Group& group) const;
  void Reconsider();
  void Regroup(const std::vector<int>& pids);
  void LeaveView(const Group& group);
  bool HasQuorum(const Group& group) const;
  void Verdict(int view);
  bool MayBePrimary(const Group& group);
  void Install(const Group& group, Pending pending);
  void Deliver(int pid, int view);
  void Act(int host, const Pending& pending);

  Stage& stage_;
  const Network& network_;
  const Settings settings_;
  Handlers handlers_;
  std::vector<Host> hosts_;
  Commits commits_;
  int acknowledged_ = 0;  // position of the last write that a client was told is safe
  int writes_ = 0;
  std::string loss_;
  bool no_forks_ = false;
  std::vector<std::pair<int, Group>> ordered_;  // the positions of those who were made primary, and who they were
  std::set<int> escaped_;                       // pids of restarted processes that evictions of before do not hold
  std::set<std::string> evicted_alive_;
  int lost_by_galera_ = 0;
  std::map<int, std::string> uuids_;  // by pid, of all that ever ran
  std::set<std::pair<std::string, std::string>> died_;
  std::map<std::vector<int>, absl::Time> regroupings_;
  std::map<int, absl::Time> unsettled_since_;  // by pid
  int pids_ = 0;
  int views_ = 0;
};

}  // namespace minder

#endif  // MINDER_TESTS_SIMULATION_GALERA_H_
