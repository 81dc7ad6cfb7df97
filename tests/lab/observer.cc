#include "tests/lab/observer.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
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

absl::Status ReadView(SqlSession& session, Sample* sample) {
  MINDER_ASSIGN_OR_RETURN(
      const SqlResult status,
      session.Query("SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_cluster_conf_id',"
                    " 'wsrep_cluster_state_uuid', 'wsrep_last_committed')"));
  for (const auto& row : status.rows) {
    if (row[0] == "wsrep_cluster_status") sample->cluster_status = row[1];
    if (row[0] == "wsrep_cluster_state_uuid") sample->state_uuid = row[1];
    const bool number = row[0] == "wsrep_cluster_conf_id"  ? absl::SimpleAtoi(row[1], &sample->conf_id)
                        : row[0] == "wsrep_last_committed" ? absl::SimpleAtoi(row[1], &sample->last_committed)
                                                           : true;
    if (!number) return absl::InternalError(absl::StrFormat("%s is '%s'", row[0], row[1]));
  }
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

absl::Status TakeSample(SqlSession& session, std::int64_t number, Sample* sample) {
  MINDER_RETURN_IF_ERROR(ReadView(session, sample));
  sample->answered = true;
  MINDER_RETURN_IF_ERROR(
      session.Query(absl::StrFormat("REPLACE INTO lab.marker VALUES ('%s', %d)", sample->node, number)).status());
  const std::uint64_t before = sample->conf_id;
  MINDER_RETURN_IF_ERROR(ReadView(session, sample));
  sample->marker_committed = before == sample->conf_id;
  return absl::OkStatus();
}

bool AreSplit(const Sample& a, const Sample& b) {
  return a.marker_committed && b.marker_committed && a.cluster_status == "Primary" && b.cluster_status == "Primary" &&
         a.begin <= b.end && b.begin <= a.end && !Knows(a, b.node) && !Knows(b, a.node);
}

void FindBetween(const std::vector<Sample>& as, const std::vector<Sample>& bs, std::vector<SplitBrain>* found) {
  std::size_t first = 0;
  for (const Sample& a : as) {
    // Samples of one node do not overlap, so what ended before `a` began is of no use to later ones either.
    while (first < bs.size() && bs[first].end < a.begin) ++first;
    for (std::size_t i = first; i < bs.size() && bs[i].begin <= a.end; ++i) {
      if (AreSplit(a, bs[i])) found->push_back({a, bs[i]});
    }
  }
}

}  // namespace

std::vector<SplitBrain> FindSplitBrains(const std::map<std::string, std::vector<Sample>>& samples) {
  std::vector<SplitBrain> found;
  for (auto a = samples.begin(); a != samples.end(); ++a) {
    for (auto b = std::next(a); b != samples.end(); ++b) FindBetween(a->second, b->second, &found);
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

  void Watch(const std::string& node) {
    const BootClock clock;
    std::optional<SqlSession> session;
    for (std::int64_t number = 1;; ++number) {
      Sample sample;
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
      sample.end = clock.Now();
      if (!Keep(std::move(sample))) return;
    }
  }

  // False when it is time to stop; otherwise returns when the next sample is due.
  bool Keep(Sample sample) {
    std::unique_lock lock(mutex);
    if (on_sample) on_sample(sample);
    const absl::Duration rest = kPeriod - (sample.end - sample.begin);
    std::deque<Sample>& kept = samples[sample.node];
    kept.push_back(std::move(sample));
    if (kept.size() > kKeptPerNode) kept.pop_front();
    changed.wait_for(lock, absl::ToChronoMilliseconds(std::max(rest, absl::ZeroDuration())),
                     [this] { return stopped; });
    return !stopped;
  }
};

Observer::Observer(const Lab& lab, std::function<void(const Sample&)> on_sample)
    : impl_(std::make_unique<Impl>(lab, std::move(on_sample))) {
  for (const std::string& node : lab.plan().NodeNames()) {
    impl_->threads.emplace_back([impl = impl_.get(), node] { impl->Watch(node); });
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
      absl::StrFormat("two primary components committed at the same time (%d times), first: %s AND %s", found.size(),
                      Describe(found[0].a), Describe(found[0].b)));
}

std::string Describe(const Sample& sample) {
  if (!sample.answered) return absl::StrFormat("%-6s silent: %s", sample.node, sample.error);
  return absl::StrFormat("%-6s %-12s conf_id %d seqno %d members %s marker %s%s", sample.node, sample.cluster_status,
                         static_cast<std::int64_t>(sample.conf_id), sample.last_committed,
                         absl::StrJoin(sample.members, ","), sample.marker_committed ? "committed" : "refused",
                         sample.error.empty() ? "" : ": " + sample.error);
}

}  // namespace minder::lab
