#ifndef MINDER_TESTS_LAB_LAB_H_
#define MINDER_TESTS_LAB_LAB_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "tests/lab/haproxy_cli.h"
#include "tests/lab/network.h"
#include "tests/lab/plan.h"
#include "tests/lab/process.h"
#include "tests/lab/sql.h"

namespace minder::lab {

struct LabOptions {
  std::string directory{};        // where the lab keeps its state; one lab each
  std::string build_directory{};  // its bin/ has minder's programs; the data template is cached here
  std::string topology = "2+1";
  bool agents = true;
  BalancerCheck check = BalancerCheck::kNone;
  bool proxied = false;     // agents reach the arbitrator through Plan::ProxyAddress() only; somebody must listen there
  std::string promotion{};  // further keys of `promotion` in minder.yaml, "{key: value, …}" without the braces
};

// The build directory that the running program was built in: it lies in its bin/.
std::string OwnBuildDirectory();

// A real Galera cluster with HAProxy, and minder's parties when wanted, each host in a network namespace. The object is
// only a handle: the lab lives on when it is gone, until Down. Every call needs root, blocks, and is bounded. Condition
// functions return OK when the condition holds, otherwise what is missing; they are for WaitFor.
class Lab {
 public:
  using Progress = std::function<void(const std::string&)>;

  // Brings the lab up until all nodes are Synced and in the balancer. A lab that is up already is kept, missing parties
  // are started; one that died or never came up is removed first. FAILED_PRECONDITION when it is up with another
  // topology or kind.
  static absl::StatusOr<Lab> Up(const LabOptions& options, const Progress& progress);
  // The lab that is up in `directory`. NOT_FOUND when there is none.
  static absl::StatusOr<Lab> Open(const std::string& directory);
  // Removes processes, namespaces, links and files, of a half-made lab too. Fine when there is none.
  static absl::Status Down(const std::string& directory);

  const Plan& plan() const { return plan_; }

  // Faults of parties, by name as in FindParty.
  absl::Status Kill(const std::string& party) const;  // SIGKILL; back when it is gone
  // Sends the signal and gives the moment just before, for measuring: finding the process costs milliseconds.
  absl::StatusOr<BootTime> SignalNow(const std::string& party, int signal) const;
  absl::Status Stop(const std::string& party) const;      // SIGSTOP; back when it is frozen
  absl::Status Continue(const std::string& party) const;  // SIGCONT
  // Fine when it runs already. A mariadbd whose agent runs is left to that agent, and waited for; otherwise it is
  // started with its recovered position, so that it needs no SST.
  absl::Status Start(const std::string& party) const { return Start(party, ""); }
  // The same; `failpoints` becomes MINDER_FAILPOINTS of one of minder's programs (common/base/failpoint.h).
  absl::Status Start(const std::string& party, const std::string& failpoints) const;
  absl::Status Restart(const std::string& party) const;  // SIGKILL, then Start
  // NOT_FOUND when it does not run.
  absl::StatusOr<Process> Find(const std::string& party) const;

  // As a human does to have a stopped node filled anew: its data directory is renamed, and an empty one is in its
  // place.
  absl::Status MoveDataAside(const std::string& node) const;

  // Cuts every host of `a` from every host of `b`; `one_way`: only what a sends to b is lost.
  absl::Status CutOff(const std::vector<std::string>& a, const std::vector<std::string>& b, bool one_way = false,
                      const std::vector<int>& tcp_ports = {}) const;
  // Cuts a node from the other dbservers only: arbitrator and balancer still reach it.
  absl::Status CutFromPeers(const std::string& node) const;
  absl::Status Heal() const;  // all cuts, at once
  // The same, one direction of one link after the other: `in_order` may change the order, `between` is called between.
  absl::Status HealOneByOne(const std::function<void(std::vector<std::string>&)>& in_order,
                            const std::function<void()>& between) const;
  // What CutOff of the same hosts, both ways, has cut; every other cut stays.
  absl::Status HealBetween(const std::vector<std::string>& a, const std::vector<std::string>& b) const;

  // Sessions: of root on a node's unix socket, which no network fault touches; of the observer there; of `app` through
  // the balancer.
  SqlTarget RootAt(const std::string& node) const;
  SqlTarget ObserverAt(const std::string& node) const;
  SqlTarget Balancer() const;
  absl::StatusOr<SqlResult> Sql(const std::string& node, const std::string& statement) const;  // as root
  absl::StatusOr<std::string> StatusVariable(const std::string& node, const std::string& name) const;

  absl::Status Synced(const std::string& node) const;
  absl::Status AllSynced() const;  // and all in one primary component
  absl::Status HasStatusVariable(const std::string& node, const std::string& name, const std::string& value) const;
  // What HAProxy does with the node; NOT_FOUND when it has no such server.
  absl::StatusOr<BackendServer> InBalancer(const std::string& node) const;
  absl::Status Routed(const std::string& node) const;  // HAProxy gives it new sessions
  absl::Status NotRouted(const std::string& node) const;
  absl::Status AllRouted() const;

  absl::Status WaitReady(absl::Duration deadline) const;  // AllSynced and AllRouted
  // Back to health: heals, continues, starts what is missing, waits until ready. For tests that share a lab.
  absl::Status Reset(absl::Duration deadline) const;

 private:
  explicit Lab(Plan plan) : plan_(std::move(plan)) {}
  absl::Status Make(const std::string& cache, const Progress& progress) const;
  absl::Status StartAll() const;
  bool AnyRuns() const;
  absl::Status IsRouted(const std::string& node, bool wanted) const;
  absl::Status SignalParty(const std::string& party, int signal) const;
  absl::StatusOr<std::vector<std::string>> StartArguments(const Party& party) const;

  Plan plan_;
};

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_LAB_H_
