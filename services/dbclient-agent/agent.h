#ifndef MINDER_SERVICES_DBCLIENT_AGENT_AGENT_H_
#define MINDER_SERVICES_DBCLIENT_AGENT_AGENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/event_loop.h"
#include "common/base/worker.h"
#include "common/core/plan_backends.h"
#include "minder/v1/config.pb.h"
#include "services/dbclient-agent/balancer.h"

namespace minder {

// Keeps one balancer in step with what dbservers report: after every event it asks PlanBackends, has a worker apply the
// plan when it is a new one, and tells the arbitrator what the balancer really has. One application is under way at a
// time; the newest plan is next. On the loop.
class DbclientAgent {
 public:
  struct Handlers {
    // Takes the newest balancer_report: at once after a change, and each report_interval.
    std::function<void(const v1::BalancerReport&)> send;
    // The balancer was found to be another process than before.
    std::function<void()> on_new_incarnation;
  };

  DbclientAgent(EventLoop& loop, const v1::Configuration& configuration, std::unique_ptr<Balancer> balancer,
                Handlers handlers);
  ~DbclientAgent();
  DbclientAgent(const DbclientAgent&) = delete;
  DbclientAgent& operator=(const DbclientAgent&) = delete;

  // A message of a configured peer. Other verbs than db_status_report and routing_intent are not for a dbclient and are
  // passed over.
  void OnMessage(const v1::Message& message);

  // The balancer came or went: look at it now.
  void OnBalancerEvent();

  // Says the newest report again, for an arbitrator that may have lost it.
  void ReportAgain();

 private:
  void Tick();
  void Think(bool look_anyway);
  void StartApply();
  void Applied(const ApplyResult& result);
  void NoteStatus(const absl::Status& status);
  void ReportIfChanged();
  v1::BalancerReport MakeReport() const;
  void AddDrainsApplied(v1::BalancerReport& report) const;

  EventLoop& loop_;
  const v1::Configuration configuration_;
  const std::unique_ptr<Balancer> balancer_;  // used by the worker only
  const Handlers handlers_;

  BackendKnowledge knowledge_;
  std::optional<v1::RoutingIntent> intent_;
  std::vector<BackendPlan> plan_;

  bool applying_ = false;
  bool apply_next_ = false;                                        // something came up while applying
  bool in_step_ = false;                                           // the balancer was read back as plan_ wants
  absl::Status status_ = absl::UnavailableError("not asked yet");  // of the last application
  bool reachable_ = false;
  std::optional<BalancerReading> reading_;
  BootTime read_at_;
  std::uint64_t drift_repaired_ = 0;
  std::string last_sent_;  // without its age

  EventLoop::TimerId tick_ = 0;
  EventLoop::TimerId retry_ = 0;
  Worker worker_{loop_};  // last: ends first
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBCLIENT_AGENT_AGENT_H_
