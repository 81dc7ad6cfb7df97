#include "services/dbclient-agent/agent.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/core/names.h"
#include "common/core/proto_time.h"
#include "common/rpc/correspondent.h"
#include "services/dbclient-agent/changes.h"

namespace minder {
namespace {

// A balancer that could not be asked, or that changed under our hands, is asked again after this.
constexpr absl::Duration kRetryAfter = absl::Milliseconds(100);

bool TakesNoNewSessions(v1::BackendState state) {
  return state == v1::BACKEND_STATE_DRAIN || state == v1::BACKEND_STATE_DOWN || state == v1::BACKEND_STATE_MISSING;
}

}  // namespace

DbclientAgent::DbclientAgent(EventLoop& loop, const v1::Configuration& configuration,
                             std::unique_ptr<Balancer> balancer, Handlers handlers)
    : loop_(loop), configuration_(configuration), balancer_(std::move(balancer)), handlers_(std::move(handlers)) {
  Tick();
}

DbclientAgent::~DbclientAgent() {
  loop_.Cancel(tick_);
  loop_.Cancel(retry_);
}

void DbclientAgent::OnMessage(const v1::Message& message) {
  if (message.has_db_status_report()) {
    const BootTime now = loop_.Now();
    knowledge_[message.sender().name()] = {message.db_status_report(), now - OnItsWay(message, now)};
  } else if (message.has_routing_intent()) {
    intent_ = message.routing_intent();
  } else {
    return;
  }
  Think(/*look_anyway=*/false);
}

void DbclientAgent::OnBalancerEvent() { Think(/*look_anyway=*/true); }

void DbclientAgent::ReportAgain() {
  last_sent_.clear();
  if (!applying_) ReportIfChanged();
}

// Looks at the balancer even when nothing happened: somebody else may have changed it.
void DbclientAgent::Tick() {
  tick_ = loop_.After(FromProto(configuration_.timings().report_interval()), [this] { Tick(); });
  last_sent_.clear();
  Think(/*look_anyway=*/true);
}

void DbclientAgent::Think(bool look_anyway) {
  std::vector<BackendPlan> plan = PlanBackends(configuration_, knowledge_, intent_, loop_.Now());
  for (const BackendPlan& backend : plan) {
    const bool known = std::find(plan_.begin(), plan_.end(), backend) != plan_.end();
    if (!known) {
      spdlog::info("plan for {}: {} ({}: {})", backend.dbserver,
                   backend.wanted == v1::BACKEND_STATE_UNSPECIFIED ? "leave" : ShortName(backend.wanted), backend.rule,
                   backend.reason);
    }
  }
  if (plan != plan_) in_step_ = false;
  plan_ = std::move(plan);
  if (applying_) {
    apply_next_ = apply_next_ || look_anyway || !in_step_;
  } else if (look_anyway || !in_step_) {
    StartApply();
  } else {
    ReportIfChanged();  // an intent may have brought a new drain_id or epoch
  }
}

void DbclientAgent::StartApply() {
  applying_ = true;
  in_step_ = true;  // until an event says otherwise
  loop_.Cancel(std::exchange(retry_, 0));
  worker_.Do([&balancer = *balancer_, plan = plan_] { return balancer.Apply(plan); },
             [this](const ApplyResult& result) { Applied(result); });
}

void DbclientAgent::Applied(const ApplyResult& result) {
  applying_ = false;
  in_step_ = in_step_ && result.status.ok();
  drift_repaired_ += result.drift_repaired;
  reachable_ = result.reading.has_value();
  if (reachable_) {
    const bool renewed = reading_.has_value() && reading_->incarnation != result.reading->incarnation;
    reading_ = result.reading;
    read_at_ = loop_.Now();
    if (renewed) handlers_.on_new_incarnation();
  }
  NoteStatus(result.status);
  ReportIfChanged();
  if (std::exchange(apply_next_, false)) {
    StartApply();
  } else if (!reachable_ || absl::IsAborted(result.status)) {
    retry_ = loop_.After(kRetryAfter, [this] { Think(/*look_anyway=*/true); });
  }
}

void DbclientAgent::NoteStatus(const absl::Status& status) {
  if (status.ok() && !status_.ok()) spdlog::info("the balancer is in step with the plan");
  if (!status.ok() && status.message() != status_.message()) spdlog::warn("{}", std::string(status.message()));
  status_ = status;
}

void DbclientAgent::ReportIfChanged() {
  v1::BalancerReport report = MakeReport();
  std::string content = report.SerializeAsString();
  if (content == last_sent_) return;
  last_sent_ = std::move(content);
  if (reading_.has_value()) *report.mutable_age() = ToProto(loop_.Now() - read_at_);
  handlers_.send(report);
}

v1::BalancerReport DbclientAgent::MakeReport() const {
  v1::BalancerReport report;
  report.set_reachable(reachable_);
  report.set_error(std::string(status_.message()));
  for (const BackendPlan& plan : plan_) {
    v1::Backend* backend = report.add_backends();
    backend->set_dbserver(plan.dbserver);
    backend->set_wanted(plan.wanted);
    backend->set_reason(plan.rule + ": " + plan.reason);
    const BackendReading* read = reading_.has_value() ? FindReading(reading_->backends, plan.dbserver) : nullptr;
    if (read == nullptr) continue;
    backend->set_actual(read->actual);
    backend->set_weight(read->weight);
    backend->set_sessions(read->sessions);
  }
  AddDrainsApplied(report);
  report.set_drift_repaired(drift_repaired_);
  report.set_config_version(configuration_.version());
  report.set_config_digest(configuration_.digest());
  if (intent_.has_value()) report.set_epoch(intent_->epoch());
  return report;
}

// Read back means told so: a server that only a check of the balancer's own keeps out may be back at any moment.
// Reports are made when no application is under way, so that no older plan can still undo what is promised here.
void DbclientAgent::AddDrainsApplied(v1::BalancerReport& report) const {
  if (!reachable_ || !intent_.has_value()) return;
  for (const v1::DrainIntent& drain : intent_->drains()) {
    const BackendReading* read = FindReading(reading_->backends, drain.dbserver());
    if (read != nullptr && TakesNoNewSessions(read->told)) report.add_drains_applied(drain.drain_id());
  }
}

}  // namespace minder
