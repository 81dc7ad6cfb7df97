#ifndef MINDER_COMMON_CORE_PLAN_BACKENDS_H_
#define MINDER_COMMON_CORE_PLAN_BACKENDS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/message.pb.h"
#include "minder/v1/status.pb.h"

namespace minder {

// The last db_status_report of a dbserver, as a dbclient agent got it on its direct stream.
struct ReceivedReport {
  v1::DbStatusReport report;
  BootTime received;
};

// By the dbserver's name; those that never reported are absent.
using BackendKnowledge = std::map<std::string, ReceivedReport>;

// What a balancer ought to do with one backend.
struct BackendPlan {
  std::string dbserver;
  // UP, DRAIN or DOWN; UNSPECIFIED means "leave it as it is" (fail static).
  v1::BackendState wanted = v1::BACKEND_STATE_UNSPECIFIED;
  // With DOWN: sessions that are open there can only get errors, and reconnecting is their cure.
  bool cut_sessions = false;
  // Id of the rule that matched, for instance "B120", and why, in words for humans. Neither changes by time alone.
  std::string rule = {};
  std::string reason = {};

  friend bool operator==(const BackendPlan&, const BackendPlan&) = default;
};

// The plan for every configured dbserver, in the order of the configuration (design.md section 4 "Balancers"). Pure,
// total, deterministic.
//
// UP only for a fresh report that says everything that it must. What is seen to be bad is taken out at once; what is
// merely not known is left as it is: losing sight never takes the last server away. `intent` is the arbitrator's last
// word, or none.
std::vector<BackendPlan> PlanBackends(const v1::Configuration& configuration, const BackendKnowledge& knowledge,
                                      const std::optional<v1::RoutingIntent>& intent, BootTime now);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_PLAN_BACKENDS_H_
