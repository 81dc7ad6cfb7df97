#ifndef MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_H_
#define MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "minder/v1/config.pb.h"
#include "services/dbclient-agent/balancer.h"
#include "services/dbclient-agent/changes.h"

namespace minder {

// HAProxy over its runtime API (galera.md section 7). UP is `state ready`, DRAIN `state drain`, DOWN `state maint`.
class HaproxyBalancer : public Balancer {
 public:
  struct Options {
    v1::HaproxyConfig haproxy;
    std::vector<std::string> dbservers;
    absl::Duration command_deadline = absl::Milliseconds(500);
  };

  // INVALID_ARGUMENT when the backend or a dbserver has a name that HAProxy cannot have: it must never become part of
  // another command.
  static absl::StatusOr<std::unique_ptr<HaproxyBalancer>> Create(Options options);

  // UNAVAILABLE or DEADLINE_EXCEEDED when HAProxy cannot be asked; NOT_FOUND when it lacks the backend.
  absl::StatusOr<BalancerReading> Read() override;

  // NOT_FOUND names every server that HAProxy lacks; ABORTED when it did not keep what it was told.
  ApplyResult Apply(const std::vector<BackendPlan>& plan) override;

 private:
  explicit HaproxyBalancer(Options options) : options_(std::move(options)) {}

  absl::StatusOr<std::string> Ask(const std::string& line) const;
  absl::Status Tell(const std::string& command, const std::string& dbserver) const;
  std::string ServerName(const std::string& dbserver) const;
  bool RestartedBefore(const BalancerReading& reading) const;
  std::vector<BackendPlan> WithRestored(std::vector<BackendPlan> plan, const BalancerReading& reading) const;
  absl::Status Change(const std::vector<BackendPlan>& plan, const BalancerReading& reading, ApplyResult& result);
  absl::Status Set(const BackendChange& change) const;
  bool IsDrift(const BackendChange& change, const BalancerReading& reading) const;
  absl::Status CutSessions(const std::vector<BackendPlan>& plan, ApplyResult& result);
  absl::Status Verify(const std::vector<BackendPlan>& plan, const BalancerReading& reading) const;
  void Remember(const BalancerReading& reading);

  const Options options_;
  // What was read back last, and of which process: how drift and a restart are seen.
  std::string incarnation_;
  std::map<std::string, v1::BackendState> held_;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBCLIENT_AGENT_HAPROXY_H_
