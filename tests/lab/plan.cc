#include "tests/lab/plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace minder::lab {
namespace {

constexpr char kMariadbd[] = "/usr/sbin/mariadbd";
constexpr char kHaproxyProgram[] = "/usr/sbin/haproxy";
constexpr char kGarbdProgram[] = "/usr/bin/garbd";
constexpr char kWithGarbd[] = "+garbd";

Party Garbd(const Plan& plan) {
  std::vector<std::string> peers;
  for (const std::string& node : plan.NodeNames()) peers.push_back(plan.Address(node) + ":4567");
  const std::string address = plan.Address(kGarbd);
  return {kGarbd,
          kGarbd,
          kGarbdProgram,
          {kGarbdProgram, "--address", "gcomm://" + absl::StrJoin(peers, ","), "--group", "lab", "--name", kGarbd,
           "--workdir", plan.HostDirectory(kGarbd), "--options",
           absl::StrFormat("base_host=%s;gmcast.listen_addr=tcp://%s:4567", address, address)}};
}

}  // namespace

absl::StatusOr<std::pair<int, int>> ParseTopology(const std::string& topology) {
  const auto digit = [](char c) { return c >= '1' && c <= '9'; };
  const bool sized = topology.size() == 3 || (topology.size() > 3 && topology.substr(3) == kWithGarbd);
  if (!sized || !digit(topology[0]) || topology[1] != '+' || !digit(topology[2])) {
    return absl::InvalidArgumentError(
        absl::StrFormat("topology '%s': write servers in dc1 + servers in dc2, as in 2+1 or 2+1+garbd", topology));
  }
  return std::pair(topology[0] - '0', topology[2] - '0');
}

std::vector<Node> Plan::Nodes() const {
  std::vector<Node> nodes;
  const auto sizes = ParseTopology(topology);
  if (!sizes.ok()) return nodes;
  for (int i = 1; i <= sizes->first + sizes->second; ++i) {
    nodes.push_back({absl::StrCat("node", i), i <= sizes->first ? "dc1" : "dc2"});
  }
  return nodes;
}

std::vector<std::string> Plan::NodeNames() const {
  std::vector<std::string> names;
  for (const Node& node : Nodes()) names.push_back(node.name);
  return names;
}

bool Plan::HasGarbd() const { return absl::EndsWith(topology, kWithGarbd); }

std::vector<std::string> Plan::Hosts() const {
  std::vector<std::string> hosts = NodeNames();
  hosts.push_back("arbitrator");
  hosts.push_back("lb1");
  if (HasGarbd()) hosts.push_back(kGarbd);
  return hosts;
}

bool Plan::IsHost(const std::string& name) const {
  const auto hosts = Hosts();
  return std::find(hosts.begin(), hosts.end(), name) != hosts.end();
}

bool Plan::IsNode(const std::string& name) const {
  const auto names = NodeNames();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string Plan::Namespace(const std::string& host) const { return absl::StrFormat("minder%d-%s", id, host); }
std::string Plan::UplinkName() const { return absl::StrFormat("minder%d-up", id); }

std::string Plan::Address(const std::string& host) const {
  int last = 0;
  if (host == "outside") last = 1;
  if (host == "arbitrator") last = 2;
  if (host == "lb1") last = 3;
  if (host == kGarbd) last = 4;
  if (int number = 0; IsNode(host) && absl::SimpleAtoi(host.substr(4), &number)) last = 10 + number;
  return absl::StrFormat("10.199.%d.%d", id, last);
}

std::string Plan::Balancer() const { return Address("lb1") + ":3306"; }
std::string Plan::ArbitratorAddress() const { return Address("arbitrator") + ":7400"; }
std::string Plan::ProxyAddress() const { return Address("outside") + ":7400"; }

std::string Plan::DataDirectory() const { return absl::StrCat("/var/lib/minder-lab/", id); }
std::string Plan::HostDirectory(const std::string& host) const { return absl::StrCat(DataDirectory(), "/", host); }
std::string Plan::MysqlSocket(const std::string& node) const { return HostDirectory(node) + "/run/mysqld.sock"; }
std::string Plan::HaproxySocket() const { return HostDirectory("lb1") + "/haproxy.sock"; }
std::string Plan::ConfigPath() const { return directory + "/minder.yaml"; }

std::string Plan::LogPath(const std::string& party) const {
  return absl::StrCat(DataDirectory(), "/log/", absl::StrReplaceAll(party, {{"/", "-"}}), ".log");
}

std::vector<Party> Parties(const Plan& plan) {
  std::vector<Party> parties;
  const auto add_minder = [&](std::string name, std::string host, const std::string& program, bool named) {
    std::vector<std::string> argv{plan.bin_directory + "/" + program, "--config", plan.ConfigPath()};
    if (named) argv.insert(argv.end(), {"--name", host});
    argv.insert(argv.end(), {"--log-level", "info"});
    parties.push_back({std::move(name), std::move(host), argv[0], argv});
  };
  if (plan.agents) add_minder("arbitrator", "arbitrator", "minder-arbitrator", false);
  for (const std::string& node : plan.NodeNames()) {
    if (plan.agents) add_minder(node + "/agent", node, "minder-dbserver", true);
    parties.push_back(
        {node, node, kMariadbd, {kMariadbd, absl::StrFormat("--defaults-file=%s/my.cnf", plan.HostDirectory(node))}});
  }
  if (plan.HasGarbd()) parties.push_back(Garbd(plan));
  parties.push_back({"lb1/haproxy",
                     "lb1",
                     kHaproxyProgram,
                     {kHaproxyProgram, "-db", "-f", plan.HostDirectory("lb1") + "/haproxy.cfg"}});
  if (plan.agents) add_minder("lb1/agent", "lb1", "minder-dbclient", true);
  return parties;
}

absl::StatusOr<Party> FindParty(const Plan& plan, const std::string& name) {
  std::vector<std::string> names;
  for (const Party& party : Parties(plan)) {
    if (party.name == name) return party;
    names.push_back(party.name);
  }
  return absl::NotFoundError(
      absl::StrFormat("no party '%s' in this lab; there are: %s", name, absl::StrJoin(names, " ")));
}

}  // namespace minder::lab
