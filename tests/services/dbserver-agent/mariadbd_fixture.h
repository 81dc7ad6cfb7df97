#ifndef MINDER_TESTS_SERVICES_DBSERVER_AGENT_MARIADBD_FIXTURE_H_
#define MINDER_TESTS_SERVICES_DBSERVER_AGENT_MARIADBD_FIXTURE_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/subprocess.h"
#include "common/mysql/connection.h"
#include "services/dbserver-agent/process_lookup.h"
#include "tests/services/dbserver-agent/own_children.h"

namespace minder {

// Waits for a condition, at most so long.
inline bool Eventually(const std::function<bool()>& condition, absl::Duration at_most = absl::Seconds(30)) {
  const BootTime until = BootClock().Now() + at_most;
  while (!condition()) {
    if (BootClock().Now() > until) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

// A port that nobody listens on at the moment.
inline int FreePort() {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  socklen_t length = sizeof(address);
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

// Freezes a process and waits until each of its threads is: kill returns before that.
inline void Freeze(pid_t pid) {
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  EXPECT_TRUE(Eventually([pid] {
    for (const auto& task : std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"))) {
      const std::string stat = ReadFile(task.path() / "stat").value_or("");
      if (!absl::StrContains(stat, ") T ")) return false;
    }
    return true;
  }));
}

// One real mariadbd with Galera, on its own, in a temporary directory. Its first start by Bootstrap makes it a primary
// component of one; a later one without the flag finds that again by pc.recovery (gvwstate.dat).
class MariadbdFixture : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, for mariadbd --user=mysql";
    AdoptOrphans();
    char name[] = "/tmp/minder-mariadbd-XXXXXX";
    dir_ = mkdtemp(name);
    ASSERT_EQ(chmod(dir_.c_str(), 0755), 0);
    std::filesystem::create_directory(data_dir());
    std::filesystem::create_directory(tmp_dir());
    const passwd* mysql = getpwnam("mysql");
    ASSERT_NE(mysql, nullptr);
    ASSERT_EQ(chown(data_dir().c_str(), mysql->pw_uid, mysql->pw_gid), 0);
    ASSERT_EQ(chown(tmp_dir().c_str(), mysql->pw_uid, mysql->pw_gid), 0);
    const auto installed = RunSubprocess(
        {"mariadb-install-db", "--no-defaults", "--user=mysql", "--datadir=" + data_dir(), "--tmpdir=" + tmp_dir(),
         "--auth-root-authentication-method=socket", "--skip-test-db", "--innodb-log-file-size=8M"},
        absl::Seconds(60));
    ASSERT_TRUE(installed.ok()) << installed.status();
    ASSERT_EQ(installed->exit.code, 0) << installed->output;
    gcomm_port_ = FreePort();
    absent_port_ = FreePort();
  }

  void TearDown() override {
    if (dir_.empty()) return;
    EXPECT_TRUE(Eventually(NoChildrenAreLeft));
    std::filesystem::remove_all(dir_);
  }

  std::optional<RunningServer> Server() const {
    return FindMariadbd({.pid_file = pid_file(), .data_dir = data_dir(), .command = Command()});
  }

  // Without a bootstrap flag, as an agent may have it.
  std::vector<std::string> Command() const {
    return {"/usr/sbin/mariadbd",
            "--no-defaults",
            "--user=mysql",
            "--datadir=" + data_dir(),
            "--tmpdir=" + tmp_dir(),
            "--socket=" + socket_path(),
            "--pid-file=" + pid_file(),
            "--skip-networking",
            "--log-error=" + data_dir() + "/error.log",
            "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=1",
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--wsrep-on=ON",
            "--wsrep-provider=/usr/lib/galera/libgalera_smm.so",
            "--wsrep-node-name=node1",
            "--wsrep-cluster-name=fixture",
            absl::StrCat("--wsrep-cluster-address=gcomm://127.0.0.1:", gcomm_port_, ",127.0.0.1:", absent_port_),
            "--wsrep-node-address=127.0.0.1",
            absl::StrCat("--wsrep-provider-options=base_port=", gcomm_port_, ";gmcast.listen_addr=tcp://127.0.0.1:",
                         gcomm_port_, ";pc.wait_prim=no;pc.weight=3;gcache.size=1M"),
            "--plugin-load-add=wsrep_info"};
  }

  // The test's own bootstrap; waits until it is Synced.
  pid_t Bootstrap(const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = Command();
    command.push_back("--wsrep-new-cluster");
    command.insert(command.end(), more.begin(), more.end());
    auto spawned = Spawn(command, dir_ + "/out");
    EXPECT_TRUE(spawned.ok()) << spawned.status();
    EXPECT_TRUE(Eventually([this] {
      return Sql("SELECT 1 FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_ready' AND "
                 "VARIABLE_VALUE = 'ON'")
                 .size() == 1;
    }));
    return spawned->pid;
  }

  ConnectionOptions Account() const { return {.socket = socket_path(), .user = "root", .password_file = ""}; }

  absl::StatusOr<Connection> Connect() const {
    return Connection::Open(Account(), BootClock().Now() + absl::Seconds(5));
  }

  // Rows of one statement on a session of its own; none when it fails.
  std::vector<Row> Sql(const std::string& sql) const {
    auto connection = Connect();
    if (!connection.ok()) return {};
    return connection->Query(sql, BootClock().Now() + absl::Seconds(5)).value_or(std::vector<Row>());
  }

  std::string dir() const { return dir_; }
  std::string data_dir() const { return dir_ + "/data"; }
  // Of its own: a mariadbd that starts deletes everybody's temporary tables there.
  std::string tmp_dir() const { return dir_ + "/tmp"; }
  std::string socket_path() const { return dir_ + "/data/mysqld.sock"; }
  std::string pid_file() const { return dir_ + "/data/mariadbd.pid"; }

 private:
  std::string dir_;
  int gcomm_port_ = 0;
  int absent_port_ = 0;  // of a peer that is never there: a list of ourselves alone is refused
};

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_DBSERVER_AGENT_MARIADBD_FIXTURE_H_
