#ifndef MINDER_TESTS_SERVICES_DBCLIENT_AGENT_REPORTS_H_
#define MINDER_TESTS_SERVICES_DBCLIENT_AGENT_REPORTS_H_

#include <string>

#include "minder/v1/message.pb.h"

namespace minder {

constexpr auto kUp = v1::BACKEND_STATE_UP;
constexpr auto kDrain = v1::BACKEND_STATE_DRAIN;
constexpr auto kDown = v1::BACKEND_STATE_DOWN;

// What the agent of a server says that is fit for sessions, in a primary component of node1 to node3.
inline v1::Message ServingReport(const std::string& dbserver) {
  v1::Message message;
  message.mutable_sender()->set_name(dbserver);
  v1::DbStatusReport& report = *message.mutable_db_status_report();
  report.set_running(v1::TERNARY_YES);
  report.set_primary(v1::TERNARY_YES);
  report.mutable_probe()->set_healthy(true);
  report.mutable_wsrep()->set_local_state(v1::LOCAL_STATE_SYNCED);
  report.mutable_wsrep()->set_ready(true);
  report.mutable_drain()->set_state(v1::DRAIN_STATE_SERVING);
  for (const char* name : {"node1", "node2", "node3"}) {
    v1::ViewMember* member = report.add_members();
    member->set_name(name);
    member->set_uuid(name);
  }
  return message;
}

// What it says once its component has no quorum.
inline v1::Message NonPrimaryReport(const std::string& dbserver) {
  v1::Message message = ServingReport(dbserver);
  message.mutable_db_status_report()->set_primary(v1::TERNARY_NO);
  message.mutable_db_status_report()->clear_members();
  return message;
}

inline v1::Message DrainIntentFor(const std::string& dbserver, const std::string& drain_id) {
  v1::Message message;
  v1::DrainIntent* drain = message.mutable_routing_intent()->add_drains();
  drain->set_dbserver(dbserver);
  drain->set_drain_id(drain_id);
  return message;
}

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_DBCLIENT_AGENT_REPORTS_H_
