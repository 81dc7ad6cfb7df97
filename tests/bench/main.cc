// minder-bench: measures minder against plain Galera and plain HAProxy, in labs of the same run, and writes
// results.json.
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/base/subprocess.h"
#include "common/rpc/channel.h"
#include "minder/v1/services.grpc.pb.h"
#include "tests/bench/bench_lab.h"
#include "tests/bench/non_primary.h"
#include "tests/bench/primary.h"
#include "tests/bench/results.h"
#include "tests/integration/minderctl.h"
#include "tests/lab/lab.h"
#include "tests/lab/wait_for.h"

namespace minder::bench {
namespace {

using lab::Lab;

constexpr int kRounds = 5;          // of each fault with minder; the worst one counts
constexpr int kBaselineRounds = 2;  // of the baselines, which take seconds
constexpr int kNotifies = 500;
constexpr int kReports = 300;
constexpr absl::Duration kCpuWindow = absl::Seconds(20);

double Milliseconds(absl::Duration d) { return absl::ToDoubleMilliseconds(d); }

// Asks each millisecond until `condition` holds (without a pause the question would take a core from those it is
// about); the time from `since`, nothing after kGiveUp.
std::optional<absl::Duration> TimeUntil(BootTime since, const std::function<bool()>& condition) {
  while (kClock.Now() - since < kGiveUp) {
    if (condition()) return kClock.Now() - since;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return std::nullopt;
}

// One way for a node to stop serving: does it, and says when it had happened.
using Fault = std::function<absl::StatusOr<BootTime>(const Lab&)>;
using Repair = std::function<absl::Status(const Lab&)>;

absl::StatusOr<BootTime> Killed(const Lab& lab) { return lab.SignalNow("node3", SIGKILL); }

// Counted from the node's own non-Primary view, which Galera needs seconds for.
absl::StatusOr<BootTime> NonPrimary(const Lab& lab) {
  auto seen = std::async(std::launch::async, [&lab] { return NonPrimaryAt(lab, "node3"); });
  MINDER_RETURN_IF_ERROR(lab.CutFromPeers("node3"));
  return seen.get();
}

// Counted from the human's command.
absl::StatusOr<BootTime> Drained(const Lab& lab) {
  const BootTime now = kClock.Now();
  const lab::CtlResult result = lab::Minderctl(lab, {"drain", "node3"});
  if (result.code != 0) return absl::InternalError(result.output);
  return now;
}

// Without minder a node is taken out by stopping it.
absl::StatusOr<BootTime> StoppedByHand(const Lab& lab) { return lab.SignalNow("node3", SIGTERM); }

absl::Status Reset(const Lab& lab) { return lab.Reset(absl::Seconds(90)); }
absl::Status Undrained(const Lab& lab) {
  const lab::CtlResult result = lab::Minderctl(lab, {"undrain", "node3"});
  return result.code == 0 ? absl::OkStatus() : absl::InternalError(result.output);
}

absl::StatusOr<Rounds> Convergence(const Lab& lab, int count, const Fault& fault, const Repair& repair) {
  Rounds rounds;
  while (std::ssize(rounds) < count && (rounds.empty() || Worst(rounds))) {
    MINDER_RETURN_IF_ERROR(Reset(lab));
    // The balancer is watched from before the fault on: a command that waits must not hide when the effect was there.
    auto out = std::async(std::launch::async, [&lab] {
      const auto found = TimeUntil(kClock.Now(), [&] { return lab.NotRouted("node3").ok(); });
      return found ? std::optional(kClock.Now()) : std::nullopt;
    });
    MINDER_ASSIGN_OR_RETURN(const BootTime since, fault(lab));
    std::optional<BootTime> at = out.get();
    if (!at && TimeUntil(since, [&] { return lab.NotRouted("node3").ok(); })) at = kClock.Now();
    rounds.push_back(at ? *at - since : absl::InfiniteDuration());
    MINDER_RETURN_IF_ERROR(repair(lab));
  }
  return rounds;
}

struct Case {
  std::string name;
  Fault fault;
  Repair repair;
  std::string baseline;
  Fault baseline_fault;
};

std::vector<Case> Cases() {
  const std::string check = "HAProxy with mysql-check inter 2s fall 3";
  return {{"lb_convergence_ms_killed", Killed, Reset, check, Killed},
          {"lb_convergence_ms_non_primary", NonPrimary, Reset, check, NonPrimary},
          {"lb_convergence_ms_drained", Drained, Undrained, check + ", the node stopped by hand", StoppedByHand}};
}

// Wall time of one run of a program.
absl::StatusOr<absl::Duration> TimeOf(const std::vector<std::string>& argv) {
  const BootTime start = kClock.Now();
  MINDER_ASSIGN_OR_RETURN(const SubprocessResult result, RunSubprocess(argv, absl::Seconds(10)));
  if (result.exit.code != 0) return absl::InternalError(result.output);
  return kClock.Now() - start;
}

absl::StatusOr<std::vector<absl::Duration>> Samples(int times,
                                                    const std::function<absl::StatusOr<absl::Duration>()>& measure) {
  std::vector<absl::Duration> samples;
  for (int i = 0; i < times; ++i) {
    MINDER_ASSIGN_OR_RETURN(const absl::Duration sample, measure());
    samples.push_back(sample);
  }
  return samples;
}

double P99(const std::vector<absl::Duration>& samples) { return Milliseconds(Percentile(samples, 0.99)); }

absl::StatusOr<Result> Notify(const Lab& lab) {
  Say("minder-notify against a shell script");
  const std::string script = lab.plan().directory + "/notify.sh";
  std::ofstream(script) << "#!/bin/sh\necho \"$(date +%s) $*\" >> \"$0.log\"\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  const std::string members = "11111111-1111-1111-1111-111111111111/node1/10.0.0.1:3306";
  const std::vector<std::string> arguments = {"--status",  "synced", "--uuid",  "11111111-1111-1111-1111-111111111111",
                                              "--primary", "yes",    "--index", "0",
                                              "--members", members};
  std::vector<std::string> ours = {lab.plan().bin_directory + "/minder-notify", "--socket",
                                   lab.plan().HostDirectory("node1") + "/run/notify.sock"};
  if (!std::filesystem::exists(ours.back())) return absl::NotFoundError(ours.back() + " is not there");
  std::vector<std::string> theirs = {script};
  ours.insert(ours.end(), arguments.begin(), arguments.end());
  theirs.insert(theirs.end(), arguments.begin(), arguments.end());
  // Turn by turn, so that both meet the same machine.
  std::vector<absl::Duration> script_samples;
  MINDER_ASSIGN_OR_RETURN(const auto samples, Samples(kNotifies, [&]() -> absl::StatusOr<absl::Duration> {
                            MINDER_ASSIGN_OR_RETURN(const absl::Duration sample, TimeOf(theirs));
                            script_samples.push_back(sample);
                            return TimeOf(ours);
                          }));
  return Result{.name = "notify_ms_p99",
                .value = P99(samples),
                .baseline = "a shell script that appends a line to a file",
                .baseline_value = P99(script_samples),
                .limit = 5,
                .why = absl::StrCat(Spread(samples), "; the script ", Spread(script_samples))};
}

// Ticks of processor time that the process has used, and its resident memory in MB.
struct Usage {
  double cpu_seconds = 0;
  double rss_mb = 0;
};

absl::StatusOr<Usage> UsageOf(const Lab& lab, const std::string& party) {
  MINDER_ASSIGN_OR_RETURN(const lab::Process process, lab.Find(party));
  std::ifstream file(absl::StrFormat("/proc/%d/stat", process.pid));
  std::stringstream text;
  text << file.rdbuf();
  // Fields after the program's name in parentheses: utime is the 12th, stime the 13th, rss in pages the 22nd.
  const std::string stat = text.str();
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(stat.rfind(')') + 2), ' ');
  const double ticks = std::stod(fields.at(11)) + std::stod(fields.at(12));
  return Usage{.cpu_seconds = ticks / static_cast<double>(sysconf(_SC_CLK_TCK)),
               .rss_mb = std::stod(fields.at(21)) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6};
}

absl::Status Footprint(const Lab& lab, std::vector<Result>& results) {
  Say("footprint of the agents");
  const std::vector<std::string> agents = {"node1/agent", "lb1/agent"};
  std::vector<Usage> before;
  for (const std::string& agent : agents) {
    MINDER_ASSIGN_OR_RETURN(const Usage usage, UsageOf(lab, agent));
    before.push_back(usage);
  }
  absl::SleepFor(kCpuWindow);  // a rate needs a window; nothing is waited for
  Result rss{.name = "agent_rss_mb", .unit = "MB", .limit = 30};
  Result cpu{.name = "agent_cpu_percent", .unit = "%", .limit = 0.5};
  for (std::size_t i = 0; i < agents.size(); ++i) {
    MINDER_ASSIGN_OR_RETURN(const Usage usage, UsageOf(lab, agents[i]));
    const double percent = 100 * (usage.cpu_seconds - before[i].cpu_seconds) / absl::ToDoubleSeconds(kCpuWindow);
    const std::string found = absl::StrFormat("%s: %.1f MB, %.2f %% of a core", agents[i], usage.rss_mb, percent);
    Say(found);
    for (Result* result : {&rss, &cpu}) absl::StrAppend(&result->why, result->why.empty() ? "" : "; ", found);
    rss.value = std::max(rss.value, usage.rss_mb);
    cpu.value = std::max(cpu.value, percent);
  }
  results.push_back(rss);
  results.push_back(cpu);
  return absl::OkStatus();
}

template <typename Call>
absl::StatusOr<absl::Duration> TimeOfCall(Call call) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  const BootTime start = kClock.Now();
  const grpc::Status status = call(context);
  if (!status.ok()) return absl::InternalError(status.error_message());
  return kClock.Now() - start;
}

// From a question at the arbitrator to the fresh report in the caller's hands: order, probe of mariadbd, report,
// answer.
absl::StatusOr<Result> ReportLatency(const Lab& lab) {
  Say("report latency");
  const auto channel = MakeChannel(lab.plan().ArbitratorAddress());
  const auto control = v1::ControlService::NewStub(channel);
  const auto agent = v1::AgentService::NewStub(channel);
  std::vector<absl::Duration> echoes;
  MINDER_ASSIGN_OR_RETURN(const auto samples, Samples(kReports, [&]() -> absl::StatusOr<absl::Duration> {
                            MINDER_ASSIGN_OR_RETURN(const absl::Duration echo,
                                                    TimeOfCall([&](grpc::ClientContext& context) {
                                                      v1::DescribeResponse response;
                                                      return agent->Describe(&context, {}, &response);
                                                    }));
                            echoes.push_back(echo);
                            return TimeOfCall([&](grpc::ClientContext& context) {
                              v1::RequestStatusRequest request;
                              request.set_dbserver("node3");
                              v1::RequestStatusResponse response;
                              const grpc::Status status = control->RequestStatus(&context, request, &response);
                              if (status.ok() && response.silent_size() > 0)
                                return grpc::Status(grpc::StatusCode::UNKNOWN, "silent");
                              return status;
                            });
                          }));
  return Result{.name = "report_latency_ms_p99",
                .value = P99(samples),
                .baseline = "one unary call to the arbitrator",
                .baseline_value = P99(echoes),
                .limit = 50,
                .why = absl::StrCat(Spread(samples), "; the unary call alone ", Spread(echoes))};
}

absl::Status MeasureBaselines(std::vector<Result>& results) {
  MINDER_ASSIGN_OR_RETURN(const ScopedLab scoped,
                          ScopedLab::Up("plain", "2+1", false, lab::BalancerCheck::kMysqlCheck));
  const Lab& plain = scoped.lab();
  for (const Case& c : Cases()) {
    Say(absl::StrFormat("%s: %s", c.name, c.baseline));
    MINDER_ASSIGN_OR_RETURN(const Rounds rounds, Convergence(plain, kBaselineRounds, c.baseline_fault, Reset));
    Result result{.name = c.name, .baseline = c.baseline, .limit = 100};
    if (const auto worst = Worst(rounds)) result.baseline_value = Milliseconds(*worst);
    results.push_back(result);
  }
  return absl::OkStatus();
}

absl::Status MeasureMinder(std::vector<Result>& results) {
  MINDER_ASSIGN_OR_RETURN(const ScopedLab scoped, ScopedLab::Up("minder", "2+1", true));
  const Lab& lab = scoped.lab();
  const std::vector<Case> cases = Cases();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Say(absl::StrFormat("%s: minder", cases[i].name));
    MINDER_ASSIGN_OR_RETURN(const Rounds rounds, Convergence(lab, kRounds, cases[i].fault, cases[i].repair));
    results[i].value = Milliseconds(Worst(rounds).value_or(kGiveUp));
    results[i].why = absl::StrCat(InRounds(rounds), " from the fault to no new session in HAProxy's own table");
  }
  MINDER_RETURN_IF_ERROR(Reset(lab));
  MINDER_ASSIGN_OR_RETURN(const Result notify, Notify(lab));
  results.push_back(notify);
  MINDER_RETURN_IF_ERROR(Footprint(lab, results));
  MINDER_ASSIGN_OR_RETURN(const Result latency, ReportLatency(lab));
  results.push_back(latency);
  return absl::OkStatus();
}

constexpr auto kParts = {"balancers", "primary", "full_stop"};

// INVALID_ARGUMENT when it is none; empty is all.
absl::Status CheckPart(const std::string& part) {
  if (part.empty() || std::ranges::find(kParts, part) != kParts.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat("there is no part '%s' to measure; give one of %s, or none for all",
                                                    part, absl::StrJoin(kParts, ", ")));
}

absl::Status Run(const std::string& part) {
  MINDER_RETURN_IF_ERROR(CheckPart(part));
  if (geteuid() != 0) return absl::PermissionDeniedError("needs root to make network namespaces; try: sudo make bench");
  std::vector<Result> results;
  absl::Status status;
  const auto wanted = [&](const char* name) { return status.ok() && (part.empty() || part == name); };
  if (wanted("balancers")) status = MeasureBaselines(results);
  if (wanted("balancers")) status = MeasureMinder(results);
  if (wanted("primary")) status = MeasurePrimary(results);
  if (wanted("full_stop")) status = MeasureFullStop(results);
  // What was measured before something went wrong is written all the same.
  const std::string directory = lab::OwnBuildDirectory() + "/bench";
  std::filesystem::create_directories(directory);
  std::ofstream(directory + "/results.json") << ToJson(results);
  std::cout << ToTable(results);
  Say(absl::StrFormat("written to %s/results.json", directory));
  return status;
}

}  // namespace
}  // namespace minder::bench

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const absl::Status status = minder::bench::Run(absl::StrJoin(arguments, " "));
  if (status.ok()) return 0;
  std::cerr << "minder-bench: " << status.message() << "\n";
  return absl::IsInvalidArgument(status) ? 2 : 1;
}
