#ifndef MINDER_TESTS_SERVICES_DBSERVER_AGENT_SYSTEMD_MANAGER_H_
#define MINDER_TESTS_SERVICES_DBSERVER_AGENT_SYSTEMD_MANAGER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/subprocess.h"

namespace minder {

// A real systemd of the test's own: `systemd --user`, which needs not be process 1. It has a mount namespace with a
// /run of its own, and a cgroup to itself; the host's systemd, when there is one, sees nothing of
// it. It loads units from a directory of ours and from nowhere else. Its end, which the test's end brings about in any
// case, also when that is killed, ends every process that it started.
class SystemdManager {
 public:
  // Puts its files into `dir`, which is made, and waits until it takes orders. From then on `systemctl --user` of this
  // process and its children speaks to it. UNAVAILABLE names what the machine lacks.
  static absl::StatusOr<std::unique_ptr<SystemdManager>> Start(const std::string& dir);
  // Fails the test when something is left.
  ~SystemdManager();
  SystemdManager(const SystemdManager&) = delete;
  SystemdManager& operator=(const SystemdManager&) = delete;

  // Writes a file below the units' directory and has systemd read all of them again.
  void WriteUnit(const std::string& name, const std::string& text) const;

  // `systemctl --user arguments…`, bounded.
  SubprocessResult Systemctl(const std::vector<std::string>& arguments) const;

  // One property of a unit.
  std::string Property(const std::string& unit, const std::string& name) const;

 private:
  explicit SystemdManager(std::string dir) : dir_(std::move(dir)) {}
  absl::Status Run();
  absl::Status WhyItEnded(const ExitStatus& exit) const;

  std::string dir_;
  pid_t keeper_ = 0;  // the shell that made the namespace and the cgroup and takes them down again
};

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_DBSERVER_AGENT_SYSTEMD_MANAGER_H_
