#include "tests/lab/writer_load.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"

namespace minder::lab {

struct WriterLoad::Impl {
  explicit Impl(const WriterLoadOptions& given) : options(given) {}

  const WriterLoadOptions options;
  const std::uint32_t run = std::random_device()();  // tells the rows of this load from those of others
  mutable std::mutex mutex;                          // guards all but the threads, the options and the run
  std::condition_variable changed;
  bool stopped = false;
  BootTime last_acknowledged = BootClock().Now();
  WriterReport report;
  std::set<std::pair<int, std::int64_t>> rows;  // acknowledged: writer, seq
  std::vector<std::thread> threads;

  void Write(int writer) {
    std::optional<SqlSession> session;
    for (std::int64_t seq = 1;; ++seq) {
      absl::Status status;
      if (!session) {
        auto opened = SqlSession::Open(options.target);
        status = opened.status();
        if (opened.ok()) session = *std::move(opened);
      }
      if (session) {
        status =
            session->Query(absl::StrFormat("INSERT INTO lab.written VALUES (%d, %d, %d)", run, writer, seq)).status();
      }
      if (!status.ok()) session.reset();
      if (!Record(writer, seq, status)) return;
    }
  }

  // False when it is time to stop; otherwise returns after the pause.
  bool Record(int writer, std::int64_t seq, const absl::Status& status) {
    std::unique_lock lock(mutex);
    if (status.ok()) {
      const BootTime now = BootClock().Now();
      report.longest_gap = std::max(report.longest_gap, now - last_acknowledged);
      last_acknowledged = now;
      ++report.acknowledged;
      rows.emplace(writer, seq);
    } else {
      ++report.errors;
      report.last_error = std::string(status.message());
      ++report.errors_by_message[report.last_error];
    }
    changed.wait_for(lock, absl::ToChronoMilliseconds(options.pause), [this] { return stopped; });
    return !stopped;
  }
};

WriterLoad::WriterLoad(const WriterLoadOptions& options) : impl_(std::make_unique<Impl>(options)) {
  for (int writer = 0; writer < options.clients; ++writer) {
    impl_->threads.emplace_back([impl = impl_.get(), writer] { impl->Write(writer); });
  }
}

WriterLoad::~WriterLoad() { Stop(); }

void WriterLoad::Stop() {
  {
    std::lock_guard lock(impl_->mutex);
    if (!impl_->stopped) {
      impl_->report.longest_gap = std::max(impl_->report.longest_gap, BootClock().Now() - impl_->last_acknowledged);
    }
    impl_->stopped = true;
  }
  impl_->changed.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

bool WriterLoad::Running() const {
  std::lock_guard lock(impl_->mutex);
  return !impl_->stopped;
}

WriterReport WriterLoad::Report() const {
  std::lock_guard lock(impl_->mutex);
  WriterReport report = impl_->report;
  if (!impl_->stopped) report.longest_gap = std::max(report.longest_gap, BootClock().Now() - impl_->last_acknowledged);
  return report;
}

absl::Status WriterLoad::Verify(const Lab& lab) const {
  for (const std::string& node : lab.plan().NodeNames()) MINDER_RETURN_IF_ERROR(VerifyOn(lab, node));
  return absl::OkStatus();
}

absl::Status WriterLoad::VerifyOn(const Lab& lab, const std::string& node) const {
  SqlTarget target = lab.RootAt(node);
  target.deadline = absl::Seconds(30);
  MINDER_ASSIGN_OR_RETURN(SqlSession session, SqlSession::Open(target));
  // Waits for what is still to be applied here.
  MINDER_RETURN_IF_ERROR(session.Query("SET SESSION wsrep_sync_wait = 1").status());
  MINDER_ASSIGN_OR_RETURN(
      const SqlResult found,
      session.Query(absl::StrFormat("SELECT writer, seq FROM lab.written WHERE run = %d", impl_->run)));
  std::lock_guard lock(impl_->mutex);
  std::set<std::pair<int, std::int64_t>> missing = impl_->rows;
  for (const auto& row : found.rows) {
    std::pair<int, std::int64_t> key;
    if (absl::SimpleAtoi(row[0], &key.first) && absl::SimpleAtoi(row[1], &key.second)) missing.erase(key);
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrFormat("%s lacks %d of %d acknowledged rows, first: writer %d seq %d", node,
                                             missing.size(), impl_->rows.size(), missing.begin()->first,
                                             missing.begin()->second));
}

}  // namespace minder::lab
