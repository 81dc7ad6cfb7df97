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
    // What the running server answered last, for the record of its exit.
    std::function<const std::optional<ProbeAnswer>&()> last_answer;
    // How long a restart waits for word whether the cluster goes on without the old uuid; zero when nobody could tell.
    std::function<absl::Duration()> restart_hold;
    // Id of the last primary view on disk, "" when there is none; on the worker.
    std::function<std::string()> view_id;
    // On the worker, before a start: puts the old view right, or, when `forget`, makes it a start without one.
    std::function<absl::Status(bool forget)> prepare_view;
    // Why mariadbd must not be started with its old view, from which it may turn primary by itself; empty when it may.
    std::function<std::string()> why_not_start;
  };
  using Done = std::function<void(const absl::Status&)>;

  // So long a server with data that is found absent waits for the arbitrator, which may know how far that data may be.
  static constexpr absl::Duration kFirstWord = absl::Seconds(2);
  // A hold, or the wait for others who join first, lasts so long after the last order that renews it: an arbitrator
  // that goes away leaves nothing held down.
  static constexpr absl::Duration kHoldFor = absl::Seconds(30);

  Supervisor(EventLoop& loop, ServerProcess& process, Handlers handlers);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Adopts the server that runs; when none does, starts it if `start_absent`.
  void Begin(bool start_absent);
  // The primary component goes on without `gone_uuid`: a pending start of the process that had it takes place now, or,
  // when `not_yet`, at the next such call, with a new uuid, unless its data is beyond `not_beyond`. Nothing when none
  // is pending, or another one.
  void StartWithoutView(const std::string& gone_uuid, const std::optional<v1::Position>& not_beyond, bool not_yet);
  // why_not_start() is another one: a start that waits for that takes place now if it may.
  void MayStart();
  // A pending restart takes place now, with the old view.
  void StartSoon();

  // Orders after a full stop. Each of the first two holds mariadbd down: one that only waits is ended, none is started.
  // `done` is called, on the loop, when it is seen to be stopped and the work was done or has failed; not at all while
  // that is still to come: the order comes again.
  void Collect(const Done& done);  // its position
  void Clear(const Done& done);    // what would make the next start a bootstrap
  // Ends the hold. Started, which is not yet primary; FAILED_PRECONDITION when nothing was done.
  void Bootstrap(const Done& done);
  // Ends the hold, and starts it without its old view, unless it runs or its data is beyond `not_beyond`. False when it
  // is busy: ask again.
  bool StartNow(const std::optional<v1::Position>& not_beyond);

  // Ends the server; it is started again as after a crash.
  void End();

  // After split brain. While barred, nothing is started; what a human starts is adopted. At the end what ended by
  // itself is started, and what is absent if `start_absent`.
  void SetBarred(bool barred, bool start_absent);
  // Looks whether somebody else started it, while none is held. Call it now and then.
  void Look();

  const ObservedProcess& observed() const { return observed_; }

 private:
  // What lies in the data directory. That may hang as its disk does: on the worker.
  struct OnDisk {
    v1::StoppedState stopped;
    std::string view;  // id of the last primary one
  };
  OnDisk ReadDisk() { return {.stopped = process_.ReadStopped(), .view = handlers_.view_id()}; }

  void DoFind(bool start_absent);
  void DoStart(bool is_restart);
  void RestartAt(BootTime at, absl::Duration turn = absl::ZeroDuration());
  void OnFound(absl::StatusOr<std::optional<RunningServer>> found, OnDisk disk, bool start_absent);
  void OnStarted(absl::StatusOr<RunningServer> started, OnDisk disk, bool is_restart);
  void Hold(RunningServer server, const std::string& view);
  void OnExit();
  void OnEnding(const Ending& ending, const v1::StoppedState& stopped);
  void ScheduleRestart();
  void HoldDown();
  void EndHold();
  void EndWaiting();
  bool IsFree();
  void WorkWhileStopped(std::function<absl::Status()> work, const Done& done);

  EventLoop& loop_;
  ServerProcess& process_;
  Handlers handlers_;
  ObservedProcess observed_;
  std::optional<RunningServer> server_;
  RestartPolicy policy_;
  EventLoop::TimerId restart_timer_ = 0;
  EventLoop::TimerId hold_timer_ = 0;
  pid_t ended_ = 0;  // the server that is ended by order, and is not to stay so
  bool barred_ = false;
  bool start_absent_ = false;               // once it is certain that it is, for a first look could not tell
  bool forget_view_ = false;                // at the next start
  std::optional<v1::Position> not_beyond_;  // until it is started
  int busy_ = 0;                            // so many things the worker has to do
  Worker worker_{loop_};                    // last: ends first
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_SUPERVISOR_H_
