#ifndef MINDER_TESTS_LAB_PLAN_H_
#define MINDER_TESTS_LAB_PLAN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace minder::lab {

// The OS user mariadbd runs as; servers run as root fail SST by rsync (galera.md section 3).
inline constexpr char kServerUser[] = "mysql";

// Accounts of every lab's servers. Nothing outside the lab's namespaces can reach them.
inline constexpr char kAppUser[] = "app";  // writers through the balancer, all rights on the schema `lab`
inline constexpr char kAppPassword[] = "app";
inline constexpr char kObserverPassword[] = "observer";
inline constexpr char kMinderPassword[] = "minder-lab";

// Host, party and name in the cluster of the Galera arbitrator of a lab that has one.
inline constexpr char kGarbd[] = "garb";

// How HAProxy judges the servers: kNone leaves it to the agent; kMysqlCheck is the stock check of plain set-ups, for
// baselines.
enum class BalancerCheck { kNone, kMysqlCheck };

struct Node {
  std::string name;  // node1, node2, …
  std::string data_centre;
};

// What one lab is made of. All names, addresses and paths follow from these few values, so two labs with different ids
// never clash.
struct Plan {
  int id = 0;                   // 1 to 254: third byte of the subnet, part of every namespace and link name
  std::string directory{};      // of the lab: state, env, minder.yaml
  std::string bin_directory{};  // of minder's programs
  std::string topology{};       // "2+1": two servers in dc1, one in dc2; "2+1+garbd": and a Galera arbitrator
  bool agents = true;           // false: plain Galera and plain HAProxy
  BalancerCheck check = BalancerCheck::kNone;
  bool proxied = false;     // agents dial ProxyAddress() instead of the arbitrator
  std::string promotion{};  // further keys of `promotion` in minder.yaml

  std::vector<Node> Nodes() const;
  std::vector<std::string> NodeNames() const;
  bool HasGarbd() const;
  // Each has a network namespace of its own: the nodes, `arbitrator` and `lb1`.
  std::vector<std::string> Hosts() const;
  bool IsHost(const std::string& name) const;
  bool IsNode(const std::string& name) const;

  std::string Namespace(const std::string& host) const;  // also of `switch`, where the bridge is
  std::string UplinkName() const;                        // the link from the root namespace into the switch
  std::string Address(
      const std::string& host) const;  // `host` may be `outside`: the root namespace's end of the uplink
  std::string Balancer() const;        // address:port that clients connect to
  std::string ArbitratorAddress() const;
  std::string ProxyAddress() const;  // in the root namespace, where a test has its CorrespondenceProxy

  // Under /var/lib, not under `directory`, because mariadbd's user has to reach it and socket paths have to be short.
  std::string DataDirectory() const;
  std::string HostDirectory(const std::string& host) const;
  std::string MysqlSocket(const std::string& node) const;
  std::string HaproxySocket() const;
  std::string ConfigPath() const;                       // minder.yaml
  std::string LogPath(const std::string& party) const;  // `party` as "node1" or "node1/agent"
};

// "A+B" or "A+B+garbd", one to nine servers in each data centre, as data centres' sizes. INVALID_ARGUMENT otherwise.
absl::StatusOr<std::pair<int, int>> ParseTopology(const std::string& topology);

// Something that can be killed, frozen and started again.
struct Party {
  std::string name;  // "node1", "node1/agent", "lb1/haproxy", "lb1/agent", "arbitrator", "garb"
  std::string host;
  std::string program;  // full path
  std::vector<std::string> argv;
};

// All parties of the lab in the order of their start; agents and arbitrator only when the plan has agents.
std::vector<Party> Parties(const Plan& plan);
// NOT_FOUND, naming those there are.
absl::StatusOr<Party> FindParty(const Plan& plan, const std::string& name);

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_PLAN_H_
