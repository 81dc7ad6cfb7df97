#ifndef MINDER_TESTS_SERVICES_DBCLIENT_AGENT_AGENT_HARNESS_H_
#define MINDER_TESTS_SERVICES_DBCLIENT_AGENT_AGENT_HARNESS_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/event_loop.h"
#include "common/core/proto_time.h"
#include "services/dbclient-agent/agent.h"
#include "services/dbclient-agent/haproxy_watch.h"

namespace minder {

// Three nodes; reports stay fresh for as long as a test takes.
inline v1::Configuration AgentConfiguration(absl::Duration report_interval) {
  v1::Configuration configuration;
  for (const char* name : {"node1", "node2", "node3"}) configuration.add_dbservers()->set_name(name);
  configuration.set_version(7);
  configuration.set_digest("digest of 7");
  *configuration.mutable_timings()->mutable_fresh_for() = ToProto(absl::Minutes(1));
  *configuration.mutable_timings()->mutable_report_interval() = ToProto(report_interval);
  return configuration;
}

// A dbclient agent on a loop thread of its own. What it tells the arbitrator is kept, and can be waited for.
class AgentHarness {
 public:
  // With a watch on HAProxy's socket when one is named.
  AgentHarness(const v1::Configuration& configuration, std::unique_ptr<Balancer> balancer,
               const std::string& haproxy_socket = "") {
    agent_.emplace(loop_, configuration, std::move(balancer),
                   DbclientAgent::Handlers{.send = [this](const v1::BalancerReport& report) { Keep(report); },
                                           .on_new_incarnation = [this] { OnNewIncarnation(); }});
    if (!haproxy_socket.empty()) {
      watch_.emplace(loop_, haproxy_socket,
                     HaproxyWatch::Handlers{.on_up = [this] { agent_->OnBalancerEvent(); },
                                            .on_down = [this] { agent_->OnBalancerEvent(); }});
    }
    thread_ = std::thread([this] { loop_.Run(); });
  }
  ~AgentHarness() {
    loop_.Stop();
    thread_.join();
  }

  void Hear(const v1::Message& message) {
    loop_.Post([this, message] { agent_->OnMessage(message); });
  }
  void Do(const std::function<void(DbclientAgent&)>& what) {
    loop_.Post([this, what] { what(*agent_); });
  }

  // True once the newest report satisfies `condition`; false after 10 s.
  bool WaitFor(const std::function<bool(const v1::BalancerReport&)>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10),
                             [&] { return !reports_.empty() && condition(reports_.back()); });
  }
  bool WaitForActual(const std::vector<v1::BackendState>& states) {
    return WaitFor([&](const v1::BalancerReport& report) {
      if (!report.reachable() || report.backends_size() != static_cast<int>(states.size())) return false;
      for (int i = 0; i < report.backends_size(); ++i) {
        if (report.backends(i).actual() != states[i]) return false;
      }
      return true;
    });
  }

  v1::BalancerReport last_report() {
    std::lock_guard lock(mutex_);
    return reports_.empty() ? v1::BalancerReport() : reports_.back();
  }
  std::size_t report_count() {
    std::lock_guard lock(mutex_);
    return reports_.size();
  }
  int new_incarnations() {
    std::lock_guard lock(mutex_);
    return new_incarnations_;
  }

 private:
  void Keep(const v1::BalancerReport& report) {
    std::lock_guard lock(mutex_);
    reports_.push_back(report);
    changed_.notify_all();
  }
  void OnNewIncarnation() {
    if (watch_.has_value()) watch_->Renew();
    std::lock_guard lock(mutex_);
    ++new_incarnations_;
  }

  EventLoop loop_;
  std::mutex mutex_;  // guards reports_ and new_incarnations_
  std::condition_variable changed_;
  std::vector<v1::BalancerReport> reports_;
  int new_incarnations_ = 0;
  std::optional<DbclientAgent> agent_;
  std::optional<HaproxyWatch> watch_;
  std::thread thread_;
};

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_DBCLIENT_AGENT_AGENT_HARNESS_H_
