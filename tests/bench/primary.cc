#include "tests/bench/primary.h"

#include <poll.h>

#include <csignal>
#include <future>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/base/subprocess.h"
#include "tests/bench/bench_lab.h"
#include "tests/bench/non_primary.h"
#include "tests/integration/minderctl.h"
#include "tests/integration/promotions.h"
#include "tests/lab/wait_for.h"
#include "tests/lab/writer_load.h"

namespace minder::bench {
namespace {

using lab::Lab;

constexpr int kFaults = 4;       // with minder; the worst one counts
constexpr int kFullStops = 7;    // on either side
constexpr int kPlainFaults = 1;  // of Galera alone, which takes its timeouts

lab::SqlTarget AppAt(const Lab& lab, const std::string& node) {
  lab::SqlTarget target = lab.Balancer();
  target.host = lab.plan().Address(node);
  target.port = 3306;
  return target;
}

// The longest time without an acknowledged write at node1 while `victim` is killed; nothing when writes did not come
// back. A few clients, so that the gap between their writes is not the machine's.
absl::StatusOr<std::optional<absl::Duration>> StallOfAKill(const Lab& lab, const std::string& victim) {
  MINDER_RETURN_IF_ERROR(lab.Reset(absl::Seconds(90)));
  lab::WriterLoad writers({.clients = 4, .pause = absl::Milliseconds(2), .target = AppAt(lab, "node1")});
  const auto goes_on = [&](std::int64_t beyond) {
    return lab::WaitFor([&] { return writers.Report().acknowledged > beyond; }, kGiveUp, "writes");
  };
  MINDER_RETURN_IF_ERROR(goes_on(300));
  MINDER_RETURN_IF_ERROR(lab.SignalNow(victim, SIGKILL).status());
  const bool changed = lab::WaitFor(
                           [&] {
                             const auto size = lab.StatusVariable("node1", "wsrep_cluster_size");
                             return size.ok() && *size != absl::StrFormat("%d", lab.plan().NodeNames().size());
                           },
                           kGiveUp, "the view without the dead one")
                           .ok();
  const bool back = changed && goes_on(writers.Report().acknowledged + 300).ok();
  writers.Stop();
  if (!back) return std::optional<absl::Duration>();
  return writers.Report().longest_gap;
}

absl::StatusOr<Rounds> Stalls(const Lab& lab, const std::string& victim, int count) {
  Rounds rounds;
  while (std::ssize(rounds) < count && (rounds.empty() || Worst(rounds))) {
    MINDER_ASSIGN_OR_RETURN(const auto stall, StallOfAKill(lab, victim));
    if (stall) Say(absl::StrFormat("  round %d: %s", rounds.size() + 1, absl::FormatDuration(*stall)));
    rounds.push_back(stall.value_or(absl::InfiniteDuration()));
  }
  return rounds;
}

absl::StatusOr<Result> CrashStall(const std::string& name, const std::string& topology, const std::string& victim,
                                  double limit) {
  Result result{.name = name, .baseline = "Galera alone", .limit = limit};
  {
    MINDER_ASSIGN_OR_RETURN(const ScopedLab plain, ScopedLab::Up(name + "-plain", topology, false));
    MINDER_ASSIGN_OR_RETURN(const Rounds rounds, Stalls(plain.lab(), victim, kPlainFaults));
    if (const auto worst = Worst(rounds)) result.baseline_value = absl::ToDoubleMilliseconds(*worst);
  }
  MINDER_ASSIGN_OR_RETURN(const ScopedLab minded, ScopedLab::Up(name + "-minder", topology, true));
  MINDER_ASSIGN_OR_RETURN(const Rounds rounds, Stalls(minded.lab(), victim, kFaults));
  result.value = absl::ToDoubleMilliseconds(Worst(rounds).value_or(kGiveUp));
  result.why = absl::StrCat(InRounds(rounds), " without an acknowledged write at node1");
  return result;
}

bool TakesWrite(const lab::SqlTarget& target) {
  auto session = lab::SqlSession::Open(target);
  return session.ok() && session->Query("REPLACE INTO lab.written VALUES (999999, 1, 1)").ok();
}

// When a write was first acknowledged by any of these, tried again and again.
absl::StatusOr<BootTime> WritableAt(const std::vector<lab::SqlTarget>& targets, absl::Duration patience) {
  const BootTime until = kClock.Now() + patience;
  while (kClock.Now() < until) {
    for (const lab::SqlTarget& target : targets) {
      if (TakesWrite(target)) return kClock.Now();
    }
    absl::SleepFor(absl::Milliseconds(1));
  }
  return absl::DeadlineExceededError("no side takes a write");
}

// From the slowest member's non-Primary view to a side that is writable. `promote`, when there is one, is a human's
// hand.
absl::StatusOr<absl::Duration> SplitGap(const Lab& lab, const std::function<absl::Status()>& promote) {
  MINDER_RETURN_IF_ERROR(lab.Reset(absl::Seconds(90)));
  std::vector<std::future<absl::StatusOr<BootTime>>> seen;
  for (const std::string& node : lab.plan().NodeNames())
    seen.push_back(std::async(std::launch::async, [&lab, node] { return NonPrimaryAt(lab, node); }));
  MINDER_RETURN_IF_ERROR(lab.CutOff({"node1", "node2"}, {"node3", "node4"}));
  BootTime slowest;
  for (auto& one : seen) {
    MINDER_ASSIGN_OR_RETURN(const BootTime at, one.get());
    slowest = std::max(slowest, at);
  }
  if (promote) MINDER_RETURN_IF_ERROR(promote());
  // Which side is promoted is not always the preferred one: one may have a write set more.
  MINDER_ASSIGN_OR_RETURN(const BootTime writable,
                          WritableAt({AppAt(lab, "node1"), AppAt(lab, "node3")}, absl::Seconds(40)));
  return writable - slowest;
}

absl::StatusOr<Rounds> SplitGaps(const Lab& lab, int count, const std::function<absl::Status()>& promote) {
  Rounds rounds;
  for (int i = 0; i < count; ++i) {
    MINDER_ASSIGN_OR_RETURN(const absl::Duration gap, SplitGap(lab, promote));
    Say(absl::StrFormat("  round %d: %s", i + 1, absl::FormatDuration(gap)));
    rounds.push_back(gap);
  }
  return rounds;
}

absl::StatusOr<Result> EvenSplit() {
  Result result{.name = "even_split_promote_ms", .baseline = "pc.bootstrap by hand, at once", .limit = 300};
  {
    MINDER_ASSIGN_OR_RETURN(const ScopedLab plain, ScopedLab::Up("even-plain", "2+2", false));
    const auto by_hand = [&] {
      return plain.lab().Sql("node1", "SET GLOBAL wsrep_provider_options='pc.bootstrap=1'").status();
    };
    MINDER_ASSIGN_OR_RETURN(const Rounds gaps, SplitGaps(plain.lab(), kPlainFaults, by_hand));
    result.baseline_value = absl::ToDoubleMilliseconds(*Worst(gaps));
  }
  MINDER_ASSIGN_OR_RETURN(const ScopedLab minded, ScopedLab::Up("even-minder", "2+2", true));
  MINDER_ASSIGN_OR_RETURN(const Rounds gaps, SplitGaps(minded.lab(), kFaults - 1, nullptr));
  result.value = absl::ToDoubleMilliseconds(*Worst(gaps));
  result.why = absl::StrCat(InRounds(gaps), " from the slowest member's non-Primary view to the first write");
  return result;
}

absl::Status CutDc1FromEverybody(const Lab& lab) {
  std::vector<std::string> others = {"node3", "node4", "lb1"};
  if (lab.plan().agents) others.push_back("arbitrator");
  return lab.CutOff({"node1", "node2"}, others);
}

// dc1 falls silent; dc2 is promoted once the guards of dc1 must have acted: evs.inactive_timeout (15 s), lease_ttl (10
// s) and a second after Galera has noticed (ADR 0008). The parts: Galera's detection, leases and promotion, balancers.
absl::Status DcLoss(std::vector<Result>& results) {
  Result gap{.name = "dc_loss_write_gap_ms", .baseline = "Galera alone", .limit = 7000 + 26300 + 100};
  {
    MINDER_ASSIGN_OR_RETURN(const ScopedLab plain, ScopedLab::Up("dc-plain", "2+2", false));
    const BootTime cut = kClock.Now();
    MINDER_RETURN_IF_ERROR(CutDc1FromEverybody(plain.lab()));
    const auto writable = WritableAt({AppAt(plain.lab(), "node3")}, kGiveUp);
    if (writable.ok()) gap.baseline_value = absl::ToDoubleMilliseconds(*writable - cut);
  }
  MINDER_ASSIGN_OR_RETURN(const ScopedLab minded,
                          ScopedLab::Up("dc-minder", "2+2", true, lab::BalancerCheck::kNone, "self_fence: guard"));
  const Lab& lab = minded.lab();
  auto seen3 = std::async(std::launch::async, [&] { return NonPrimaryAt(lab, "node3"); });
  auto seen4 = std::async(std::launch::async, [&] { return NonPrimaryAt(lab, "node4"); });
  const BootTime cut = kClock.Now();
  MINDER_RETURN_IF_ERROR(CutDc1FromEverybody(lab));
  MINDER_ASSIGN_OR_RETURN(const BootTime at3, seen3.get());
  MINDER_ASSIGN_OR_RETURN(const BootTime at4, seen4.get());
  const BootTime noticed = std::max(at3, at4);
  MINDER_ASSIGN_OR_RETURN(const BootTime promoted, WritableAt({AppAt(lab, "node3")}, absl::Seconds(60)));
  MINDER_ASSIGN_OR_RETURN(const BootTime routed, WritableAt({lab.Balancer()}, absl::Seconds(10)));
  MINDER_ASSIGN_OR_RETURN(const v1::HistoryResponse history, lab::History(lab));
  const std::vector<lab::Promotion> promotions = lab::PromotionsIn(history, lab::BootedAt());
  if (promotions.size() != 1)
    return absl::InternalError(absl::StrFormat("%d promotions were ordered, and not one", promotions.size()));
  const BootTime decided = promotions.front().ordered_at;
  gap.value = absl::ToDoubleMilliseconds(routed - cut);
  gap.why = absl::StrFormat(
      "Galera noticed after %s; the decision, after the leases, took %s, the promotion %s, the "
      "balancer %s",
      absl::FormatDuration(noticed - cut), absl::FormatDuration(decided - noticed),
      absl::FormatDuration(promoted - decided), absl::FormatDuration(routed - promoted));
  results.push_back(gap);
  const auto part = [&](const char* name, absl::Duration value, double limit) {
    results.push_back({.name = name, .value = absl::ToDoubleMilliseconds(value), .limit = limit, .why = gap.why});
  };
  part("dc_loss_detection_ms", noticed - cut, 7000);
  part("dc_loss_decision_ms", decided - noticed, 26100);  // 26 s, and the way of the last view to the arbitrator
  part("dc_loss_promotion_ms", promoted - decided, 300);
  part("dc_loss_balancers_ms", routed - promoted, 100);
  return absl::OkStatus();
}

using Restart = std::function<absl::Status(const Lab&)>;

// An agent that has just seen its server crash waits longer and longer before it starts it again; a new one does not.
absl::Status ForgetCrashes(const Lab& lab) {
  if (!lab.plan().agents) return absl::OkStatus();
  for (const std::string& node : lab.plan().NodeNames()) MINDER_RETURN_IF_ERROR(lab.Restart(node + "/agent"));
  const auto healthy = [&] {
    const auto summary = lab::Summary(lab);
    return summary.ok() && summary->diagnosis() == v1::DIAGNOSIS_HEALTHY;
  };
  return lab::WaitFor(healthy, absl::Seconds(30), "HEALTHY");
}

absl::Status StartByHand(const Lab& lab) {
  std::vector<std::future<absl::Status>> starts;
  for (const std::string& node : lab.plan().NodeNames())
    starts.push_back(std::async(std::launch::async, [&lab, node] { return lab.Start(node); }));
  absl::Status status;
  for (auto& start : starts) status.Update(start.get());
  return status;
}

// All servers are killed; from the moment when the last of them has ended, and may be started, to all Synced.
absl::StatusOr<absl::Duration> FullStopTime(const Lab& lab, const Restart& restart) {
  MINDER_RETURN_IF_ERROR(lab.Reset(absl::Seconds(90)));
  MINDER_RETURN_IF_ERROR(ForgetCrashes(lab));
  std::vector<UniqueFd> ends;
  for (const std::string& node : lab.plan().NodeNames()) {
    MINDER_ASSIGN_OR_RETURN(const lab::Process process, lab.Find(node));
    MINDER_ASSIGN_OR_RETURN(UniqueFd pidfd, OpenPidfd(process.pid));
    ends.push_back(std::move(pidfd));
  }
  for (const std::string& node : lab.plan().NodeNames()) MINDER_RETURN_IF_ERROR(lab.SignalNow(node, SIGKILL).status());
  for (const UniqueFd& end : ends) {
    pollfd poll_fd{.fd = end.get(), .events = POLLIN, .revents = 0};
    if (poll(&poll_fd, 1, 10'000) != 1) return absl::DeadlineExceededError("a killed server does not end");
  }
  const BootTime stopped = kClock.Now();
  if (restart) MINDER_RETURN_IF_ERROR(restart(lab));
  MINDER_RETURN_IF_ERROR(lab::WaitFor([&] { return lab.AllSynced(); }, absl::Seconds(60), "all Synced"));
  return kClock.Now() - stopped;
}

absl::StatusOr<Rounds> FullStopTimes(const Lab& lab, const Restart& restart) {
  Rounds rounds;
  for (int i = 0; i < kFullStops; ++i) {
    MINDER_ASSIGN_OR_RETURN(const absl::Duration time, FullStopTime(lab, restart));
    Say(absl::StrFormat("  round %d: %s", i + 1, absl::FormatDuration(time)));
    rounds.push_back(time);
  }
  return rounds;
}

// Galera needs one of its join periods of 1 s more or less, as it happens: the median of some rounds counts.
absl::Duration Median(const Rounds& rounds) { return Percentile(rounds, 0.5); }

absl::StatusOr<Result> FullStop() {
  Result result{.name = "full_stop_recovery_ratio",
                .unit = "",
                .baseline = "all servers started by hand at once, pc.recovery",
                .baseline_value = 1,
                .limit = 1.5};
  Rounds bare;
  {
    MINDER_ASSIGN_OR_RETURN(const ScopedLab plain, ScopedLab::Up("stop-plain", "2+1", false));
    MINDER_ASSIGN_OR_RETURN(bare, FullStopTimes(plain.lab(), StartByHand));
  }
  MINDER_ASSIGN_OR_RETURN(const ScopedLab minded, ScopedLab::Up("stop-minder", "2+1", true));
  MINDER_ASSIGN_OR_RETURN(const Rounds rounds, FullStopTimes(minded.lab(), nullptr));
  result.value = absl::FDivDuration(Median(rounds), Median(bare));
  result.why = absl::StrCat(InRounds(rounds), ", by hand ", InRounds(bare));
  return result;
}

}  // namespace

absl::Status MeasurePrimary(std::vector<Result>& results) {
  Say("crash_write_stall_ms: one of three killed");
  MINDER_ASSIGN_OR_RETURN(const Result crash, CrashStall("crash_write_stall_ms", "2+1", "node3", 60));
  results.push_back(crash);
  Say("two_node_crash_write_gap_ms: one of two killed");
  MINDER_ASSIGN_OR_RETURN(Result pair, CrashStall("two_node_crash_write_gap_ms", "1+1", "node2", 350));
  pair.why += "; evs.keepalive_period=PT0.1S with and without minder (docs/adr/0006)";
  results.push_back(pair);
  Say("even_split_promote_ms: 2+2 cut in the middle");
  MINDER_ASSIGN_OR_RETURN(const Result even, EvenSplit());
  results.push_back(even);
  Say("dc_loss_write_gap_ms: 2+2, dc1 silent");
  return DcLoss(results);
}

absl::Status MeasureFullStop(std::vector<Result>& results) {
  Say("full_stop_recovery_ratio: all of three killed");
  MINDER_ASSIGN_OR_RETURN(const Result stop, FullStop());
  results.push_back(stop);
  return absl::OkStatus();
}

}  // namespace minder::bench
