#ifndef MINDER_SERVICES_DBSERVER_AGENT_SYSTEMD_PROCESS_H_
#define MINDER_SERVICES_DBSERVER_AGENT_SYSTEMD_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "services/dbserver-agent/process.h"

namespace minder {

// systemd is the parent of mariadbd; asked through systemctl, which is found on the PATH.
struct SystemdProcessOptions {
  std::string unit;                            // mariadb.service
  std::vector<std::string> systemctl_options;  // before the verb, for instance --user
  std::string data_dir;
  absl::Duration call_deadline = absl::Seconds(5);  // of one systemctl
  absl::Duration start_deadline =
      absl::Seconds(60);  // until the unit has a process; its own recovery of the position comes before that
};
std::unique_ptr<ServerProcess> MakeSystemdProcess(SystemdProcessOptions options);

// Properties of a unit, as `systemctl show` prints them.
struct UnitState {
  bool loaded = false;
  std::string active;  // ActiveState
  pid_t main_pid = 0;
  pid_t exec_main_pid = 0;           // of the last main process, also when it ended
  std::optional<ExitStatus> ending;  // of exec_main_pid, nothing while it runs
};
UnitState ParseUnitState(const std::string& shown);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_SYSTEMD_PROCESS_H_
