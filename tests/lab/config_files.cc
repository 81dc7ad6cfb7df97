#include "tests/lab/config_files.h"

#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace minder::lab {
namespace {

constexpr char kCommonServer[] = R"(skip-name-resolve
max_connections=1000
default_storage_engine=InnoDB
binlog_format=ROW
innodb_autoinc_lock_mode=2
innodb_flush_log_at_trx_commit=1
innodb_buffer_pool_size=64M
innodb_log_file_size=8M
plugin_load_add=wsrep_info
wsrep_on=ON
wsrep_provider=/usr/lib/galera/libgalera_smm.so
wsrep_cluster_name=lab
wsrep_sst_method=rsync
)";

constexpr char kServer[] = R"([mariadbd]
user=%s
datadir=%s/data
socket=%s
pid-file=%s/run/mysqld.pid
log_error=%s
bind-address=%s
%swsrep_cluster_address=gcomm://%s
wsrep_node_name=%s
wsrep_node_address=%s
wsrep_provider_options="gcache.size=16M;gmcast.listen_addr=tcp://%s:4567%s"
)";
constexpr char kOfTwo[] = ";evs.keepalive_period=PT0.1S";  // as deploy/minder.yaml asks for

// Sessions may be long and quiet; a dead server is tried twice, then another one.
constexpr char kHaproxy[] = R"(global
  maxconn 4000
  stats socket %s mode 600 level admin
defaults
  mode tcp
  timeout connect 2s
  timeout client 24h
  timeout server 24h
  retries 3
  option redispatch 1
frontend mysql
  bind %s
  default_backend galera
backend galera
  balance leastconn
%s%s)";

constexpr char kMinderHead[] = R"(cluster: lab
version: 1
data_centres:
  - {name: dc1, role: primary}
  - {name: dc2, role: secondary}
arbitrator:
  name: arbitrator
  address: %s
  listen: %s
  state_dir: %s/state
dbservers:
)";

constexpr char kMinderServer[] = R"(  - name: %s
    data_centre: %s
    address: %s:7401
    mysql_address: %s:3306
    state_dir: %s/state
    notify_socket: %s/run/notify.sock
    data_dir: %s/data
    mysql:
      socket: %s
      user: minder
      password_file: %s/minder-password
    manage:
      mode: child
      command: [/usr/sbin/mariadbd, --defaults-file=%s/my.cnf]
      pid_file: %s/run/mysqld.pid
)";

constexpr char kMinderClient[] = R"(dbclients:
  - name: lb1
    address: %s:7402
    haproxy:
      socket: %s
      backend: galera
)";

// Tests promote again and again.
constexpr char kMinderPromotion[] = "promotion: {hold_down: 10ms, longest_hold_down: 10ms%s%s}\n";

constexpr char kEnv[] = R"(# . %s/env
PATH='%s':"$PATH"
MINDER_ARBITRATOR='%s'
export PATH MINDER_ARBITRATOR
)";

}  // namespace

std::string CommonServerConfig() { return kCommonServer; }

std::string ServerConfig(const Plan& plan, const std::string& node) {
  std::vector<std::string> addresses;
  for (const std::string& name : plan.NodeNames()) addresses.push_back(plan.Address(name));
  if (plan.HasGarbd()) addresses.push_back(plan.Address(kGarbd));
  const std::string home = plan.HostDirectory(node);
  const std::string address = plan.Address(node);
  std::string config = absl::StrFormat(kServer, kServerUser, home, plan.MysqlSocket(node), home, plan.LogPath(node),
                                       address, kCommonServer, absl::StrJoin(addresses, ","), node, address, address,
                                       addresses.size() == 2 ? kOfTwo : "");
  if (plan.agents) {
    absl::StrAppendFormat(&config, "wsrep_notify_cmd='%s/minder-notify --socket %s/run/notify.sock'\n",
                          plan.DataDirectory(), home);
  }
  return config;
}

std::string HaproxyConfig(const Plan& plan) {
  const bool check = plan.check == BalancerCheck::kMysqlCheck;
  std::string servers;
  for (const std::string& node : plan.NodeNames()) {
    absl::StrAppendFormat(&servers, "  server %s %s:3306%s\n", node, plan.Address(node),
                          check ? " check inter 2s fall 3" : "");
  }
  return absl::StrFormat(kHaproxy, plan.HaproxySocket(), plan.Balancer(),
                         check ? "  option mysql-check user haproxy_check\n" : "", servers);
}

std::string MinderConfig(const Plan& plan) {
  std::string config = absl::StrFormat(kMinderHead, plan.proxied ? plan.ProxyAddress() : plan.ArbitratorAddress(),
                                       plan.ArbitratorAddress(), plan.HostDirectory("arbitrator"));
  for (const Node& node : plan.Nodes()) {
    const std::string home = plan.HostDirectory(node.name);
    const std::string address = plan.Address(node.name);
    absl::StrAppendFormat(&config, kMinderServer, node.name, node.data_centre, address, address, home, home, home,
                          plan.MysqlSocket(node.name), plan.DataDirectory(), home, home);
  }
  absl::StrAppendFormat(&config, kMinderClient, plan.Address("lb1"), plan.HaproxySocket());
  if (plan.HasGarbd()) absl::StrAppendFormat(&config, "garbds:\n  - name: %s\n", kGarbd);
  absl::StrAppendFormat(&config, kMinderPromotion, plan.promotion.empty() ? "" : ", ", plan.promotion);
  return config;
}

std::string EnvFile(const Plan& plan) {
  return absl::StrFormat(kEnv, plan.directory, plan.bin_directory, plan.ArbitratorAddress());
}

absl::Status WriteFile(const std::string& path, const std::string& content) {
  std::ofstream out(path, std::ios::trunc);
  out << content;
  out.close();
  return out ? absl::OkStatus() : absl::ErrnoToStatus(errno, absl::StrFormat("cannot write %s", path));
}

}  // namespace minder::lab
