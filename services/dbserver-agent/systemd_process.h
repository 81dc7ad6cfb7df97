#ifndef MINDER_SERVICES_DBSERVER_AGENT_SYSTEMD_PROCESS_H_
#define MINDER_SERVICES_DBSERVER_AGENT_SYSTEMD_PROCESS_H_

#include <cstdint>
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
  std::vector<std::string> mariadbd = {"mariadbd"};  // as the unit runs it, for what is asked beside the unit
  absl::Duration recover_deadline = absl::Minutes(30);
};
std::unique_ptr<ServerProcess> MakeSystemdProcess(SystemdProcessOptions options);

// Properties of a unit, as `systemctl show` prints them. Times are CLOCK_MONOTONIC in microseconds, 0 when there is
// none.
struct UnitState {
  bool loaded = false;
  std::string active;  // ActiveState
  std::string sub;     // SubState
  std::string result;  // Result
  pid_t main_pid = 0;
  pid_t exec_main_pid = 0;           // of the last main process, also when it ended
  std::optional<ExitStatus> ending;  // of exec_main_pid, nothing while it runs
  std::int64_t main_start_us = 0;    // ExecMainStart: of exec_main_pid
  std::int64_t main_exit_us = 0;     // ExecMainExit
  std::int64_t active_exit_us = 0;   // ActiveExit: when the unit last was no longer active
};
UnitState ParseUnitState(const std::string& shown);

// Whether the end of exec_main_pid was asked for: of systemd (stop, restart; also when the process did not listen and
// systemd killed it in the end), or of mariadbd itself by a clean shutdown. Not when systemd ended it by itself: a
// start that took too long, a watchdog, the lack of memory.
bool EndWasAskedFor(const UnitState& unit);

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_SYSTEMD_PROCESS_H_
