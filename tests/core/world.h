#ifndef MINDER_TESTS_CORE_WORLD_H_
#define MINDER_TESTS_CORE_WORLD_H_

#include <string>

#include "absl/strings/str_format.h"
#include "common/core/lookup.h"
#include "common/core/proto_time.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// A small cluster as the arbitrator sees it: node1.. over dc1 and dc2, one balancer lb1, everything healthy until a
// test says otherwise.
struct World {
  v1::Configuration config;
  v1::ArbitratorState state;
  BootTime now = SinceBoot(absl::Hours(1));

  explicit World(int nodes = 3) {
    config.set_cluster("shop");
    config.set_version(7);
    config.set_digest("digest of 7");
    config.mutable_arbitrator()->set_name("arb");
    *config.mutable_timings()->mutable_fresh_for() = ToProto(absl::Seconds(3));
    for (int i = 1; i <= nodes; ++i) {
      v1::DbserverConfig& node = *config.add_dbservers();
      node.set_name(absl::StrFormat("node%d", i));
      node.set_data_centre(i <= (nodes + 1) / 2 ? "dc1" : "dc2");
      Healthy(i, nodes);
    }
    config.add_dbclients()->set_name("lb1");
    for (int i = 1; i <= nodes; ++i) Backend(i, v1::BACKEND_STATE_UP, v1::BACKEND_STATE_UP);
  }

  v1::DbserverKnowledge& Node(int i) {
    return FindOrAddByName(*state.mutable_dbservers(), absl::StrFormat("node%d", i));
  }
  v1::DbStatusReport& Report(int i) { return *Node(i).mutable_report(); }
  v1::DbclientKnowledge& Balancer() { return FindOrAddByName(*state.mutable_dbclients(), "lb1"); }

  void Healthy(int i, int nodes) {
    v1::DbStatusReport& report = Report(i);
    report.set_running(v1::TERNARY_YES);
    report.set_primary(v1::TERNARY_YES);
    report.set_config_version(config.version());
    report.set_config_digest(config.digest());
    report.mutable_probe()->set_healthy(true);
    report.mutable_wsrep()->set_cluster_status(v1::CLUSTER_STATUS_PRIMARY);
    report.mutable_wsrep()->set_ready(true);
    report.mutable_wsrep()->set_local_state(v1::LOCAL_STATE_SYNCED);
    report.mutable_wsrep()->set_cluster_conf_id(4);
    report.mutable_wsrep()->set_cluster_state_uuid("uuid");
    report.mutable_wsrep()->set_last_committed(100);
    report.mutable_provider_options()->set_pc_weight(1);
    report.mutable_drain()->set_state(v1::DRAIN_STATE_SERVING);
    std::string group;
    for (int n = 1; n <= nodes; ++n) group += absl::StrFormat("%snode%d", n == 1 ? "" : "+", n);
    report.set_group(group);
    Received(i, absl::ZeroDuration());
  }
  void Received(int i, absl::Duration ago) { *Node(i).mutable_received_at() = ToProto(ToSinceBoot(now - ago)); }
  void NonPrimary(int i) {
    Report(i).set_primary(v1::TERNARY_NO);
    Report(i).mutable_wsrep()->set_cluster_status(v1::CLUSTER_STATUS_NON_PRIMARY);
    Report(i).mutable_wsrep()->set_local_state(v1::LOCAL_STATE_INITIALIZED);
    Report(i).mutable_wsrep()->set_ready(false);
  }
  void Wedged(int i) {
    Report(i).set_running(v1::TERNARY_UNKNOWN);
    Report(i).set_primary(v1::TERNARY_UNKNOWN);
    Report(i).mutable_probe()->set_healthy(false);
    Report(i).clear_wsrep();
  }
  void Backend(int i, v1::BackendState wanted, v1::BackendState actual) {
    v1::BalancerReport& report = *Balancer().mutable_report();
    *Balancer().mutable_received_at() = ToProto(ToSinceBoot(now));
    report.set_reachable(true);
    report.set_config_version(config.version());
    report.set_config_digest(config.digest());
    v1::Backend* backend = nullptr;
    for (v1::Backend& b : *report.mutable_backends()) {
      if (b.dbserver() == absl::StrFormat("node%d", i)) backend = &b;
    }
    if (backend == nullptr) backend = report.add_backends();
    backend->set_dbserver(absl::StrFormat("node%d", i));
    backend->set_wanted(wanted);
    backend->set_actual(actual);
    backend->set_weight(1);
  }
  v1::DrainRecord& Drain(int i) {
    v1::DrainRecord& drain = *state.mutable_durable()->add_drains();
    drain.set_dbserver(absl::StrFormat("node%d", i));
    drain.set_drain_id(absl::StrFormat("d%d", i));
    return drain;
  }
};

}  // namespace minder

#endif  // MINDER_TESTS_CORE_WORLD_H_
