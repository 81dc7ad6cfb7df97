#include "services/dbclient-agent/changes.h"

#include <algorithm>

namespace minder {

const BackendReading* FindReading(const std::vector<BackendReading>& readings, const std::string& dbserver) {
  const auto it = std::find_if(readings.begin(), readings.end(),
                               [&](const BackendReading& reading) { return reading.dbserver == dbserver; });
  return it == readings.end() ? nullptr : &*it;
}

std::vector<BackendChange> ChangesFor(const std::vector<BackendPlan>& plan, const std::vector<BackendReading>& actual) {
  std::vector<BackendChange> changes;
  for (const BackendPlan& backend : plan) {
    const BackendReading* reading = FindReading(actual, backend.dbserver);
    if (reading == nullptr || reading->told == v1::BACKEND_STATE_MISSING) continue;
    if (backend.wanted == v1::BACKEND_STATE_UNSPECIFIED || backend.wanted == reading->told) continue;
    changes.push_back({.dbserver = backend.dbserver,
                       .from = reading->told,
                       .to = backend.wanted,
                       .restore_weight = backend.wanted == v1::BACKEND_STATE_UP && reading->weight == 0});
  }
  return changes;
}

std::vector<BackendReading> SessionsToCut(const std::vector<BackendPlan>& plan,
                                          const std::vector<BackendReading>& actual) {
  std::vector<BackendReading> cut;
  for (const BackendPlan& backend : plan) {
    const BackendReading* reading = FindReading(actual, backend.dbserver);
    if (reading == nullptr || !backend.cut_sessions || reading->sessions == 0) continue;
    if (reading->told == v1::BACKEND_STATE_DOWN) cut.push_back(*reading);
  }
  return cut;
}

}  // namespace minder
