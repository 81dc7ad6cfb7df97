#ifndef MINDER_TESTS_LAB_OBSERVER_H_
#define MINDER_TESTS_LAB_OBSERVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "tests/lab/lab.h"

namespace minder::lab {

// What one node showed once: its view, a marker write, its view again.
struct Sample {
  std::string node;
  BootTime begin;
  BootTime end;
  bool answered = false;
  std::string cluster_status;  // Primary, non-Primary, Disconnected; "" when it did not answer
  BootTime started_at;         // the server, to a second
  std::uint64_t conf_id = 0;
  std::string state_uuid;
  std::int64_t last_committed = -1;
  std::vector<std::string> members;  // names, from information_schema.wsrep_membership
  bool marker_committed = false;     // between begin and end, in the same view before and after
  std::string error;                 // of the first statement that failed
};

// Two nodes in primary components that know nothing of each other and that existed at the same time, both with marker
// writes committed: split brain. Components are told apart by members, for neither state uuid nor conf_id shows it
// (galera.md section 1). `a` and `b` are the first samples of them.
struct SplitBrain {
  Sample a;
  Sample b;
};

// Invariant I1 over samples of several nodes, each node's in the order of time. Between two samples that committed in
// the same view a node was in it all along, so nothing depends on when the samples of different nodes were taken.
std::vector<SplitBrain> FindSplitBrains(const std::map<std::string, std::vector<Sample>>& samples);

// Samples every node each 200 ms over its unix socket, which no network fault touches, on a thread per node so that a
// frozen server holds up nobody else. It shares no code with minder's judgement.
class Observer {
 public:
  // `on_sample` may be empty; it is called from the nodes' threads, one at a time.
  explicit Observer(const Lab& lab, std::function<void(const Sample&)> on_sample = {});
  ~Observer();  // stops
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  // Waits for the last samples, at most a few seconds. More calls do nothing.
  void Stop();

  // All samples so far by node, oldest first; each node's last hour is kept.
  std::map<std::string, std::vector<Sample>> Samples() const;
  // OK while I1 held in all samples; otherwise INTERNAL, telling the first two samples against it.
  absl::Status CheckNeverTwoPrimaries() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One line for a human.
std::string Describe(const Sample& sample);

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_OBSERVER_H_
