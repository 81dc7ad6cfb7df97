#ifndef MINDER_SERVICES_DBCLIENT_AGENT_CHANGES_H_
#define MINDER_SERVICES_DBCLIENT_AGENT_CHANGES_H_

#include <string>
#include <vector>

#include "services/dbclient-agent/balancer.h"

namespace minder {

// One thing to tell a balancer.
struct BackendChange {
  std::string dbserver;
  v1::BackendState from = v1::BACKEND_STATE_UNSPECIFIED;
  v1::BackendState to = v1::BACKEND_STATE_UNSPECIFIED;
  // With UP: its weight was set to 0, which is a drain by another name.
  bool restore_weight = false;

  friend bool operator==(const BackendChange&, const BackendChange&) = default;
};

// What turns `actual` into `plan`, in the order of the plan; nothing for "leave as it is", and nothing for a server
// that the balancer lacks.
std::vector<BackendChange> ChangesFor(const std::vector<BackendPlan>& plan, const std::vector<BackendReading>& actual);

// The servers whose open sessions the plan wants ended and which take no new ones already: cutting earlier would only
// move them in a circle.
std::vector<BackendReading> SessionsToCut(const std::vector<BackendPlan>& plan,
                                          const std::vector<BackendReading>& actual);

// The reading of one dbserver; null when there is none.
const BackendReading* FindReading(const std::vector<BackendReading>& readings, const std::string& dbserver);

}  // namespace minder

#endif  // MINDER_SERVICES_DBCLIENT_AGENT_CHANGES_H_
