#include "tests/lab/data_template.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/subprocess.h"
#include "common/base/unique_fd.h"
#include "tests/lab/config_files.h"
#include "tests/lab/network.h"
#include "tests/lab/process.h"
#include "tests/lab/sql.h"
#include "tests/lab/wait_for.h"

namespace minder::lab {
namespace {

// Without SUPER information_schema.wsrep_membership is empty, not refused [m]. In 10.11 SUPER does not write past
// read_only. MariaDB 10.11's unix_socket knows only the account that is named as the OS user, so minder, whose agents
// run as root, has a password.
constexpr char kAccounts[] = R"(
CREATE USER minder@localhost IDENTIFIED BY '%s';
GRANT PROCESS, REPLICATION CLIENT, REPLICA MONITOR, SUPER, RELOAD, READ_ONLY ADMIN, CONNECTION ADMIN ON *.* TO minder@localhost;
GRANT SELECT ON mysql.* TO minder@localhost;
CREATE DATABASE lab;
CREATE USER %s@'%%' IDENTIFIED BY '%s';
GRANT ALL ON lab.* TO %s@'%%';
CREATE USER observer@localhost IDENTIFIED BY '%s';
GRANT SUPER ON *.* TO observer@localhost;
GRANT SELECT, INSERT, UPDATE, DELETE ON lab.* TO observer@localhost;
CREATE TABLE lab.marker (node VARCHAR(32) PRIMARY KEY, sample BIGINT NOT NULL);
CREATE TABLE lab.written (run BIGINT, writer INT, seq BIGINT, PRIMARY KEY (run, writer, seq));
CREATE USER haproxy_check@'%%')";

constexpr char kServerOfOne[] = R"([mariadbd]
user=%s
datadir=%s/data
socket=%s/run/mysqld.sock
pid-file=%s/run/mysqld.pid
log_error=%s/log
skip-networking
%swsrep_cluster_address=gcomm://
wsrep_node_address=127.0.0.1
wsrep_provider_options="gcache.size=1M;gmcast.listen_addr=tcp://127.0.0.1:4567"
)";

absl::Status GiveToServer(const std::string& path) {
  return RunCommand({"chown", "-R", absl::StrFormat("%s:%s", kServerUser, kServerUser), path}).status();
}

absl::Status MakeAccounts(const std::string& socket) {
  SqlSession session;
  MINDER_RETURN_IF_ERROR(WaitFor(
      [&]() -> absl::Status {
        MINDER_ASSIGN_OR_RETURN(session, SqlSession::Open({.socket = socket, .user = "root"}));
        // It answers before Galera is ready, and refuses what touches a table until then (error 1047).
        MINDER_ASSIGN_OR_RETURN(const SqlResult ready, session.Query("SHOW GLOBAL STATUS LIKE 'wsrep_ready'"));
        const bool on = ready.rows.size() == 1 && ready.rows[0][1] == "ON";
        return on ? absl::OkStatus() : absl::UnavailableError("wsrep_ready is not ON");
      },
      absl::Seconds(30), "an answer of the server that makes the data template"));
  const std::string all =
      absl::StrFormat(kAccounts, kMinderPassword, kAppUser, kAppPassword, kAppUser, kObserverPassword);
  for (const auto statement : absl::StrSplit(all, ";\n")) {
    MINDER_RETURN_IF_ERROR(session.Query(std::string(statement)).status());
  }
  return absl::OkStatus();
}

// Runs a cluster of one on `directory`/data until its accounts are made, then shuts it down cleanly.
absl::Status RunOnce(const Plan& plan, const std::string& directory) {
  const std::string config = directory + "/my.cnf";
  MINDER_RETURN_IF_ERROR(WriteFile(config, absl::StrFormat(kServerOfOne, kServerUser, directory, directory, directory,
                                                           directory, CommonServerConfig())));
  MINDER_ASSIGN_OR_RETURN(
      const Spawned server,
      Spawn(OnHost(plan, "node1", {"/usr/sbin/mariadbd", "--defaults-file=" + config, "--wsrep-new-cluster"}), ""));
  const absl::Status made = MakeAccounts(directory + "/run/mysqld.sock");
  kill(server.pid, made.ok() ? SIGTERM : SIGKILL);
  const absl::Status ended = WaitFor([&] { return Reap(server.pid).status(); }, absl::Seconds(30),
                                     "the shutdown of the server that makes the data template");
  return made.ok() ? ended : made;
}

// Moved to the cache in one step, so that a half-made one is never used.
absl::Status MakeTemplate(const Plan& plan, const std::string& path) {
  const std::string directory = plan.HostDirectory("template");
  MINDER_RETURN_IF_ERROR(MakeDirectories(directory + "/run"));
  MINDER_RETURN_IF_ERROR(GiveToServer(directory));
  MINDER_RETURN_IF_ERROR(
      RunCommand({"mariadb-install-db", "--no-defaults", "--datadir=" + directory + "/data",
                  absl::StrFormat("--user=%s", kServerUser), "--auth-root-authentication-method=socket",
                  "--auth-root-socket-user=root", "--skip-test-db", "--innodb-log-file-size=8M"},
                 absl::Seconds(60))
          .status());
  MINDER_RETURN_IF_ERROR(RunOnce(plan, directory));
  for (const char* rest : {"galera.cache", "ibtmp1"}) std::filesystem::remove(directory + "/data/" + rest);
  MINDER_RETURN_IF_ERROR(RunCommand({"rm", "-rf", path + ".new"}).status());
  MINDER_RETURN_IF_ERROR(RunCommand({"cp", "-a", directory + "/data", path + ".new"}).status());
  MINDER_RETURN_IF_ERROR(RunCommand({"mv", "-T", path + ".new", path}).status());
  return RunCommand({"rm", "-rf", directory}).status();
}

std::string RandomUuid(std::random_device& random) {
  std::array<unsigned, 4> r;
  for (unsigned& word : r) word = random();
  return absl::StrFormat("%08x-%04x-11f1-%04x-%04x%08x", r[0], r[1] & 0xffff, 0x8000 | (r[1] >> 18), r[2] & 0xffff,
                         r[3]);
}

// The format of gcomm's gvwstate.dat: who I am, the view, its members.
std::string ViewState(const std::vector<std::string>& members, std::size_t own) {
  std::string text = absl::StrFormat("my_uuid: %s\n#vwbeg\nview_id: 3 %s 1\nbootstrap: 0\n", members[own], members[0]);
  for (const std::string& member : members) absl::StrAppend(&text, "member: ", member, " 0\n");
  return text + "#vwend\n";
}

}  // namespace

absl::StatusOr<std::string> EnsureDataTemplate(const Plan& plan, const std::string& cache) {
  MINDER_RETURN_IF_ERROR(MakeDirectories(cache));
  const UniqueFd lock(open(cache.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.ok() || flock(lock.get(), LOCK_EX) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrFormat("cannot lock %s", cache));
  }
  // "mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for …": the second word of the rest.
  MINDER_ASSIGN_OR_RETURN(const std::string version, RunCommand({"/usr/sbin/mariadbd", "--no-defaults", "--version"}));
  const std::vector<std::string> words = absl::StrSplit(version, ' ', absl::SkipEmpty());
  // Accounts and configuration are part of the name, so that a cached template of an older lab is not used.
  const std::string path =
      absl::StrFormat("%s/%s-%08x", cache, words.size() > 2 ? words[2] : "unknown",
                      static_cast<unsigned>(std::hash<std::string>()(kAccounts + CommonServerConfig())));
  if (!std::filesystem::exists(path)) MINDER_RETURN_IF_ERROR(MakeTemplate(plan, path));
  return path;
}

absl::Status MakeDataDirectories(const Plan& plan, const std::string& data_template) {
  std::random_device random;
  std::vector<std::string> members;
  for (std::size_t i = 0; i < plan.Nodes().size(); ++i) members.push_back(RandomUuid(random));
  std::sort(members.begin(), members.end());  // a view is named after its lowest member
  MINDER_ASSIGN_OR_RETURN(const std::string state, ReadFile(data_template + "/grastate.dat"));
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::string node = plan.NodeNames()[i];
    const std::string data = plan.HostDirectory(node) + "/data";
    MINDER_RETURN_IF_ERROR(MakeDirectories(plan.HostDirectory(node) + "/run"));
    MINDER_RETURN_IF_ERROR(RunCommand({"cp", "-a", "--reflink=auto", data_template, data}).status());
    MINDER_RETURN_IF_ERROR(WriteFile(data + "/gvwstate.dat", ViewState(members, i)));
    MINDER_RETURN_IF_ERROR(WriteFile(data + "/grastate.dat",
                                     absl::StrReplaceAll(state, {{"safe_to_bootstrap: 1", "safe_to_bootstrap: 0"}})));
    MINDER_RETURN_IF_ERROR(WriteFile(plan.HostDirectory(node) + "/my.cnf", ServerConfig(plan, node)));
    MINDER_RETURN_IF_ERROR(GiveToServer(plan.HostDirectory(node)));
  }
  return absl::OkStatus();
}

}  // namespace minder::lab
