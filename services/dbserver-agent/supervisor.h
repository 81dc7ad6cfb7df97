#ifndef MINDER_SERVICES_DBSERVER_AGENT_SUPERVISOR_H_
#define MINDER_SERVICES_DBSERVER_AGENT_SUPERVISOR_H_

#include <functional>
#include <optional>
#include <string>

#include "common/base/event_loop.h"
#include "common/base/worker.h"
#include "common/core/restart_policy.h"
#include "services/dbserver-agent/process.h"
#include "services/dbserver-agent/report.h"

namespace minder {

// Holds the mariadbd of this host: finds it or starts it, sees its exit through the pidfd at once, and starts it again
// as RestartPolicy says. Lives on the loop; ServerProcess is called on a worker of its own.
class Supervisor {
 public:
  struct Handlers {
    std::function<void()> on_change;  // observed() is another one
    // gcomm uuid that the running server was last seen with, for the record of its exit.
    std::function<std::string()> gcomm_uuid;
    // How long a restart waits for word whether the cluster goes on without the old uuid; zero when nobody could tell.
    std::function<absl::Duration()> restart_hold;
    // On the worker: makes the next start one without the old view.
    std::function<absl::Status()> forget_view;
    // Why mariadbd must not be started with its old view, from which it may turn primary by itself; empty when it may.
    std::function<std::string()> why_not_start;
  };

  Supervisor(EventLoop& loop, ServerProcess& process, Handlers handlers);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Adopts the server that runs; when none does, starts it if `start_absent`.
  void Begin(bool start_absent);
  // The primary component goes on without `gone_uuid`: a pending start of the process that had it takes place now, with
  // a new uuid, unless its data is beyond `not_beyond`. Nothing when none is pending, or another one.
  void StartWithoutView(const std::string& gone_uuid, const std::optional<v1::Position>& not_beyond);
  // why_not_start() is another one: a start that waits for that takes place now if it may.
  void MayStart();
  // While held, nothing is started; what a human starts is adopted. At the end what ended by itself is started, and
  // what is absent if `start_absent`.
  void SetHeld(bool held, bool start_absent);
  // Looks whether somebody else started it, while none is held. Call it now and then.
  void Look();

  const ObservedProcess& observed() const { return observed_; }

 private:
  void DoFind(bool start_absent);
  void DoStart(bool is_restart);
  void RestartAt(BootTime at);
  void OnFound(absl::StatusOr<std::optional<RunningServer>> found, v1::StoppedState stopped, bool start_absent);
  void OnStarted(absl::StatusOr<RunningServer> started, v1::StoppedState stopped, bool is_restart);
  void Hold(RunningServer server);
  void OnExit();
  void OnEnding(const Ending& ending, const v1::StoppedState& stopped);
  void ScheduleRestart();

  EventLoop& loop_;
  ServerProcess& process_;
  Handlers handlers_;
  ObservedProcess observed_;
  std::optional<RunningServer> server_;
  RestartPolicy policy_;
  EventLoop::TimerId restart_timer_ = 0;
  bool held_ = false;
  bool forget_view_ = false;                // at the next start
  std::optional<v1::Position> not_beyond_;  // likewise
  bool held_back_ = false;                  // a start waits for why_not_start to be empty
  bool busy_ = false;                       // the worker has something to do
  Worker worker_;                           // last: ends first
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_SUPERVISOR_H_
