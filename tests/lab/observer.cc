#include "tests/lab/observer.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"

namespace minder::lab {
namespace {

constexpr absl::Duration kPeriod = absl::Milliseconds(200);
constexpr std::size_t kKeptPerNode = 5 * 3600;

bool Knows(const Sample& sample, const std::string& node) {
  return std::find(sample.members.begin(), sample.members.end(), node) != sample.members.end();
}

// Uptime is told in whole seconds.
bool IsSameProcess(const Sample& a, const Sample& b) {
  return absl::AbsDuration(a.started_at - b.started_at) < absl::Seconds(2);
}

// A process has no view twice, for conf_id rises with each primary component; it begins anew only where all were
// started again.
bool IsSameView(const Sample& a, const Sample& b) {
  return IsSameProcess(a, b) && a.conf_id == b.conf_id && a.members == b.members &&
         a.cluster_status == b.cluster_status;
}

absl::Status ReadView(SqlSession& session, Sample* sample) {
  MINDER_ASSIGN_OR_RETURN(
      const SqlResult status,
      session.Query("SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_cluster_conf_id',"
                    " 'wsrep_cluster_state_uuid', 'Uptime', 'wsrep_last_committed')"));
  std::int64_t uptime = 0;
  for (const auto& row : status.rows) {
    if (row[0] == "wsrep_cluster_status") sample->cluster_status = row[1];
    if (row[0] == "wsrep_cluster_state_uuid") sample->state_uuid = row[1];
    const bool number = row[0] == "Uptime"                  ? absl::SimpleAtoi(row[1], &uptime)
                        : row[0] == "wsrep_cluster_conf_id" ? absl::SimpleAtoi(row[1], &sample->conf_id)
                        : row[0] == "wsrep_last_committed"  ? absl::SimpleAtoi(row[1], &sample->last_committed)
                                                            : true;
    if (!number) return absl::InternalError(absl::StrFormat("%s is '%s'", row[0], row[1]));
  }
  sample->started_at = BootClock().Now() - absl::Seconds(uptime);
  MINDER_ASSIGN_OR_RETURN(const SqlResult members,
                          session.Query("SELECT name FROM information_schema.wsrep_membership"));
  sample->members.clear();
  for (const auto& row : members.rows) sample->members.push_back(row[0]);
  // An empty list would make every pair of nodes look split.
  if (sample->cluster_status == "Primary" && !Knows(*sample, sample->node)) {
    return absl::InternalError(absl::StrFormat("%s is not among its own members", sample->node));
  }
  return absl::OkStatus();
}

// Of what was committed, `begin` and `end` lie between the two views: all of that time it was in this one.
absl::Status TakeSample(SqlSession& session, std::int64_t number, Sample* sample) {
  const BootClock clock;
  MINDER_RETURN_IF_ERROR(ReadView(session, sample));
  sample->answered = true;
  const Sample before = *sample;
  const BootTime begin = clock.Now();
  MINDER_RETURN_IF_ERROR(
      session.Query(absl::StrFormat("REPLACE INTO lab.marker VALUES ('%s', %d)", sample->node, number)).status());
  const BootTime end = clock.Now();
  MINDER_RETURN_IF_ERROR(ReadView(session, sample));
  sample->marker_committed = IsSameView(before, *sample);
  if (sample->marker_committed) std::tie(sample->begin, sample->end) = std::pair(begin, end);
  return absl::OkStatus();
}

// The first and the last of a node's samples that committed in the same view.
struct Stretch {
  Sample first;
  Sample last;
};

std::vector<Stretch> StretchesOf(const std::vector<Sample>& samples) {
  std::vector<Stretch> stretches;
  for (const Sample& sample : samples) {
    if (!sample.marker_committed || sample.cluster_status != "Primary") continue;
    if (!stretches.empty() && IsSameView(stretches.back().last, sample)) {
      stretches.back().last = sample;
    } else {
      stretches.push_back({sample, sample});
    }
  }
  return stretches;
}

bool AreSplit(const Stretch& a, const Stretch& b) {
  return a.first.begin <= b.last.end && b.first.begin <= a.last.end && !Knows(a.first, b.first.node) &&
         !Knows(b.first, a.first.node);
}

}  // namespace

std::vector<SplitBrain> FindSplitBrains(const std::map<std::string, std::vector<Sample>>& samples) {
  std::vector<std::vector<Stretch>> nodes;
  for (const auto& [node, of_node] : samples) nodes.push_back(StretchesOf(of_node));
  std::vector<SplitBrain> found;
  for (auto as = nodes.begin(); as != nodes.end(); ++as) {
    for (auto bs = std::next(as); bs != nodes.end(); ++bs) {
      for (const Stretch& a : *as) {
        for (const Stretch& b : *bs) {
          if (AreSplit(a, b)) found.push_back({a.first, b.first});
        }
      }
    }
  }
  return found;
}

struct Observer::Impl {
  Impl(const Lab& watched, std::function<void(const Sample&)> callback)
      : lab(watched), on_sample(std::move(callback)) {}

  const Lab lab;
  const std::function<void(const Sample&)> on_sample;
  mutable std::mutex mutex;  // guards all below but the threads
  std::condition_variable changed;
  bool stopped = false;
  std::map<std::string, std::deque<Sample>> samples;
  std::vector<std::thread> threads;

  void Watch(const std::string& node, absl::Duration phase) {
    if (!Pause(phase)) return;
    const BootClock clock;
    std::optional<SqlSession> session;
    for (std::int64_t number = 1;; ++number) {
      Sample sample;
      const BootTime due = clock.Now() + kPeriod;
      sample.node = node;
      sample.begin = clock.Now();
      absl::Status status;
      if (!session) {
        auto opened = SqlSession::Open(lab.ObserverAt(node));
        status = opened.status();
        if (opened.ok()) session = *std::move(opened);
      }
      if (session) status = TakeSample(*session, number, &sample);
      // After an error the session's transaction state is not worth knowing.
      if (!status.ok()) session.reset();
      sample.error = std::string(status.message());
      if (!sample.marker_committed) sample.end = clock.Now();
      Keep(std::move(sample));
      if (!Pause(due - clock.Now())) return;
    }
  }

  void Keep(Sample sample) {
    std::lock_guard lock(mutex);
    if (on_sample) on_sample(sample);
    std::deque<Sample>& kept = samples[sample.node];
    kept.push_back(std::move(sample));
    if (kept.size() > kKeptPerNode) kept.pop_front();
  }

  // False when it is time to stop.
  bool Pause(absl::Duration rest) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, absl::ToChronoMilliseconds(std::max(rest, absl::ZeroDuration())),
                     [this] { return stopped; });
    return !stopped;
  }
};

Observer::Observer(const Lab& lab, std::function<void(const Sample&)> on_sample)
    : impl_(std::make_unique<Impl>(lab, std::move(on_sample))) {
  // In turn, so that the machine, which has two cores, is not asked for all at once.
  const std::vector<std::string> nodes = lab.plan().NodeNames();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const absl::Duration phase = kPeriod * i / nodes.size();
    impl_->threads.emplace_back([impl = impl_.get(), node = nodes[i], phase] { impl->Watch(node, phase); });
  }
}

Observer::~Observer() { Stop(); }

void Observer::Stop() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopped = true;
  }
  impl_->changed.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

std::map<std::string, std::vector<Sample>> Observer::Samples() const {
  std::lock_guard lock(impl_->mutex);
  std::map<std::string, std::vector<Sample>> copy;
  for (const auto& [node, samples] : impl_->samples) copy[node].assign(samples.begin(), samples.end());
  return copy;
}

absl::Status Observer::CheckNeverTwoPrimaries() const {
  const std::vector<SplitBrain> found = FindSplitBrains(Samples());
  if (found.empty()) return absl::OkStatus();
  return absl::InternalError(
      absl::StrFormat("two primary components at the same time that both committed (%d pairs), first: %s AND %s",
                      found.size(), Describe(found[0].a), Describe(found[0].b)));
}

std::string Describe(const Sample& sample) {
  if (!sample.answered) return absl::StrFormat("%-6s silent: %s", sample.node, sample.error);
  return absl::StrFormat("%-6s %-12s conf_id %d seqno %d members %s marker %s%s", sample.node, sample.cluster_status,
                         static_cast<std::int64_t>(sample.conf_id), sample.last_committed,
                         absl::StrJoin(sample.members, ","), sample.marker_committed ? "committed" : "refused",
                         sample.error.empty() ? "" : ": " + sample.error);
}

}  // namespace minder::lab
