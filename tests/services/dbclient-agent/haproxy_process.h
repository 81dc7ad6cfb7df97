#ifndef MINDER_TESTS_SERVICES_DBCLIENT_AGENT_HAPROXY_PROCESS_H_
#define MINDER_TESTS_SERVICES_DBCLIENT_AGENT_HAPROXY_PROCESS_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/subprocess.h"
#include "common/base/unique_fd.h"

namespace minder {

// Asks every 2 ms until `condition` holds; false when it does not within `deadline`.
bool WaitUntil(const std::function<bool()>& condition, absl::Duration deadline = absl::Seconds(5));

// A socket of this test that listens and never accepts: the kernel does, which is all that a server behind HAProxy
// needs here.
class SilentListener {
 public:
  SilentListener();                                  // on a free port of 127.0.0.1
  explicit SilentListener(const std::string& path);  // on a unix socket
  int fd() const { return fd_.get(); }
  int port() const { return port_; }

 private:
  UniqueFd fd_;
  int port_ = 0;
};

// A real haproxy with one backend "galera" of the servers node1 to node3, its files in a directory of its own. Clients
// connect to a unix socket, so that tests never fight for ports.
class HaproxyProcess {
 public:
  HaproxyProcess();
  ~HaproxyProcess();
  HaproxyProcess(const HaproxyProcess&) = delete;
  HaproxyProcess& operator=(const HaproxyProcess&) = delete;

  // Starts it and waits until it answers.
  void Start();
  // kill -9, and waits for the end.
  void Kill();
  // As `systemctl reload` does it: a new process takes over, the old one goes on until its sessions end. Returns the
  // pidfd of the old one.
  UniqueFd Reload();

  // Rewrites the configuration; for the next start. `servers` are lines such as "server node1 127.0.0.1:1".
  void Configure(const std::vector<std::string>& servers);
  std::vector<std::string> DefaultServers() const;

  // A client's session through the balancer, open until dropped; not ok when HAProxy hung up on it.
  UniqueFd OpenSession() const;

  // One command, as a human types it into socat.
  std::string Command(const std::string& line) const;

  const std::string& directory() const { return directory_; }
  std::string socket() const { return directory_ + "/admin.sock"; }
  pid_t pid() const { return process_.pid; }

 private:
  void Launch(const std::vector<std::string>& more_arguments);

  std::string directory_;
  std::vector<SilentListener> servers_;
  Spawned process_;
};

// True when HAProxy has ended the session.
bool IsClosed(const UniqueFd& session);

// True when the process behind a pidfd has ended.
bool HasEnded(const UniqueFd& pidfd);

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_DBCLIENT_AGENT_HAPROXY_PROCESS_H_
