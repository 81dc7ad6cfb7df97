#ifndef MINDER_TESTS_CORE_SCENARIO_H_
#define MINDER_TESTS_CORE_SCENARIO_H_

#include <map>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// A cluster as the arbitrator sees it, told in the words of a database administrator; tests/scenarios/README.md has
// them. What Galera does is said by the teller: nothing here forms a component by itself.
class Scenario {
 public:
  // Carries one line out and gives what `decide` prints, "" for other words. A line that cannot be understood gives a
  // line that begins with "error:".
  std::string Run(const std::string& line);

  // For tests that build worlds by program.
  const v1::Configuration& config() const { return config_; }
  const v1::ArbitratorState& state() const { return state_; }
  const v1::Decision& last() const { return last_; }
  BootTime now() const { return now_; }
  v1::DbStatusReport& Report(const std::string& name);

 private:
  using Words = std::vector<std::string>;

  void Cluster(const Words& nodes);
  void View(const Words& names, bool primary);
  void Start(const std::string& name);
  void Return(const std::string& name);
  void Answer(v1::DbStatusReport& report, v1::OrderOutcome outcome, const std::string& detail);
  void Wait(const std::string& name);
  void Crash(const std::string& name, bool by_signal);
  void Received(const std::string& name, absl::Duration age);
  void Touch();
  void Obey(const Words& only);
  void ObeyOrder(const std::string& name, const v1::Order& order);
  void ObeyRecover(const std::string& name, const v1::Recover& order);
  std::string Decide();
  bool IsGarbd(const std::string& name) const { return garbds_.contains(name); }
  std::string NewUuid(const std::string& name) { return name + "-" + std::to_string(++uuids_); }

  v1::Configuration config_;
  v1::ArbitratorState state_;
  v1::Decision last_;
  BootTime now_ = SinceBoot(absl::Hours(1));
  std::map<std::string, bool> silent_;
  std::map<std::string, v1::DbStatusReport> reported_;
  std::map<std::string, bool> flagged_;        // who has a bootstrap flag in its configuration
  std::map<std::string, v1::Position> disk_;   // what --wsrep-recover would say
  std::map<std::string, BootTime> since_;      // when its process was started, or ended
  std::map<std::string, std::string> garbds_;  // name and gcomm uuid
  int uuids_ = 0;
  int views_ = 0;
  int nonces_ = 0;
};

}  // namespace minder

#endif  // MINDER_TESTS_CORE_SCENARIO_H_
