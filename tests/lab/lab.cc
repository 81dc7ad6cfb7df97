#include "tests/lab/lab.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/subprocess.h"
#include "common/base/unique_fd.h"
#include "tests/lab/config_files.h"
#include "tests/lab/data_template.h"
#include "tests/lab/haproxy_cli.h"
#include "tests/lab/recovery.h"
#include "tests/lab/state_file.h"
#include "tests/lab/wait_for.h"

namespace minder::lab {
namespace {

constexpr absl::Duration kUpDeadline = absl::Seconds(60);

absl::Status NeedRoot() {
  if (geteuid() == 0) return absl::OkStatus();
  return absl::PermissionDeniedError("needs root to make network namespaces; try: sudo make lab");
}

// One Up or Down per lab at a time.
absl::StatusOr<UniqueFd> LockDirectory(const std::string& directory) {
  UniqueFd lock(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.ok() || flock(lock.get(), LOCK_EX) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrFormat("cannot lock %s", directory));
  }
  return lock;
}

absl::Status CheckPrograms(const Plan& plan) {
  std::vector<std::string> programs;
  for (const Party& party : Parties(plan)) programs.push_back(party.program);
  for (const char* name : {"/minder-notify", "/minder-fence"})
    if (plan.agents) programs.push_back(plan.bin_directory + name);
  for (const std::string& program : programs) {
    if (access(program.c_str(), X_OK) == 0) continue;
    return absl::NotFoundError(absl::StrFormat("%s is not there; build it with `make build`%s", program,
                                               plan.agents ? ", or leave the agents out with --no-agents" : ""));
  }
  return absl::OkStatus();
}

absl::Status WriteConfiguration(const Plan& plan) {
  for (const std::string& host : plan.Hosts()) MINDER_RETURN_IF_ERROR(MakeDirectories(plan.HostDirectory(host)));
  MINDER_RETURN_IF_ERROR(WriteFile(plan.HostDirectory("lb1") + "/haproxy.cfg", HaproxyConfig(plan)));
  MINDER_RETURN_IF_ERROR(WriteFile(plan.directory + "/env", EnvFile(plan)));
  std::error_code error;
  std::filesystem::remove(plan.directory + "/log", error);
  std::filesystem::create_directory_symlink(plan.DataDirectory() + "/log", plan.directory + "/log", error);
  // mariadbd opens its log after it has given up root.
  MINDER_RETURN_IF_ERROR(
      RunCommand({"chown", absl::StrFormat("%s:%s", kServerUser, kServerUser), plan.DataDirectory() + "/log"})
          .status());
  if (!plan.agents) return absl::OkStatus();
  MINDER_RETURN_IF_ERROR(WriteFile(plan.ConfigPath(), MinderConfig(plan)));
  MINDER_RETURN_IF_ERROR(WriteFileDurably(plan.DataDirectory() + "/minder-password", kMinderPassword));
  // A copy, because mariadbd's user may not reach the build directory.
  return RunCommand({"install", "-m", "755", plan.bin_directory + "/minder-notify", plan.DataDirectory()}).status();
}

bool IsMariadbd(const Party& party) { return absl::EndsWith(party.program, "/mariadbd"); }
std::string AgentOf(const std::string& node) { return node + "/agent"; }

using Variables = std::map<std::string, std::string>;

absl::StatusOr<Variables> WsrepStatus(const Lab& lab, const std::string& node) {
  SqlTarget target = lab.RootAt(node);
  target.deadline = absl::Seconds(1);
  MINDER_ASSIGN_OR_RETURN(SqlSession session, SqlSession::Open(target));
  MINDER_ASSIGN_OR_RETURN(const SqlResult result, session.Query("SHOW GLOBAL STATUS LIKE 'wsrep%'"));
  Variables variables;
  for (const auto& row : result.rows) variables[row[0]] = row[1];
  return variables;
}

absl::Status SyncedIn(const std::string& node, Variables variables) {
  const std::vector<std::pair<std::string, std::string>> wanted{
      {"wsrep_cluster_status", "Primary"}, {"wsrep_local_state_comment", "Synced"}, {"wsrep_ready", "ON"}};
  for (const auto& [name, value] : wanted) {
    if (variables[name] != value) {
      return absl::UnavailableError(absl::StrFormat("%s: %s is '%s'", node, name, variables[name]));
    }
  }
  return absl::OkStatus();
}

std::vector<Cut> CutsBetween(const std::vector<std::string>& a, const std::vector<std::string>& b, bool one_way,
                             const std::vector<int>& tcp_ports) {
  std::vector<Cut> cuts;
  for (const std::string& x : a) {
    for (const std::string& y : b) {
      cuts.push_back({.from = x, .to = y, .tcp_ports = tcp_ports});
      if (!one_way) cuts.push_back({.from = y, .to = x, .tcp_ports = tcp_ports});
    }
  }
  return cuts;
}

}  // namespace

std::string OwnBuildDirectory() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path(); }

absl::StatusOr<Lab> Lab::Open(const std::string& directory) {
  MINDER_RETURN_IF_ERROR(NeedRoot());
  const auto state = LoadState(std::filesystem::absolute(directory).lexically_normal());
  if (absl::IsNotFound(state.status())) {
    return absl::NotFoundError(absl::StrFormat("no lab in %s; bring one up with: minder-lab up", directory));
  }
  MINDER_RETURN_IF_ERROR(state.status());
  if (!NetworkExists(state->plan)) {
    return absl::NotFoundError(absl::StrFormat("the lab in %s has died; bring it up again: minder-lab up", directory));
  }
  return Lab(state->plan);
}

absl::StatusOr<Lab> Lab::Up(const LabOptions& options, const Progress& progress) {
  MINDER_RETURN_IF_ERROR(NeedRoot());
  MINDER_RETURN_IF_ERROR(ParseTopology(options.topology).status());
  const std::string directory = std::filesystem::absolute(options.directory).lexically_normal();
  const std::string build = std::filesystem::absolute(options.build_directory).lexically_normal();
  Plan plan{.directory = directory,
            .bin_directory = build + "/bin",
            .topology = options.topology,
            .agents = options.agents,
            .check = options.check,
            .proxied = options.proxied,
            .promotion = options.promotion};
  MINDER_RETURN_IF_ERROR(CheckPrograms(plan));
  MINDER_RETURN_IF_ERROR(MakeDirectories(directory));
  chmod(directory.c_str(), 0755);  // `env` is for everybody
  MINDER_ASSIGN_OR_RETURN(const UniqueFd lock, LockDirectory(directory));
  if (const auto state = LoadState(directory); state.ok()) {
    if (state->complete && NetworkExists(state->plan) && Lab(state->plan).AnyRuns()) {
      if (state->plan.topology != plan.topology || state->plan.agents != plan.agents ||
          state->plan.check != plan.check || state->plan.proxied != plan.proxied ||
          state->plan.promotion != plan.promotion) {
        return absl::FailedPreconditionError(
            absl::StrFormat("the lab in %s is up as %s%s; take it down first: minder-lab down", directory,
                            state->plan.topology, state->plan.agents ? "" : " without agents"));
      }
      progress("the lab is up already; making sure of it");
      Lab lab(state->plan);
      MINDER_RETURN_IF_ERROR(lab.StartAll());
      MINDER_RETURN_IF_ERROR(lab.WaitReady(kUpDeadline));
      return lab;
    }
    progress("removing what is left of a lab that died");
    MINDER_RETURN_IF_ERROR(RemoveLab(state->plan));
  }
  MINDER_ASSIGN_OR_RETURN(plan, ReservePlan(plan));
  Lab lab(plan);
  MINDER_RETURN_IF_ERROR(lab.Make(build + "/lab-template", progress));
  MINDER_RETURN_IF_ERROR(SaveState({.plan = plan, .complete = true}));
  return lab;
}

absl::Status Lab::Make(const std::string& cache, const Progress& progress) const {
  progress(absl::StrFormat("hosts %s on 10.199.%d.0/24", absl::StrJoin(plan_.Hosts(), " "), plan_.id));
  MINDER_RETURN_IF_ERROR(MakeNetwork(plan_));
  progress("data directories");
  MINDER_ASSIGN_OR_RETURN(const std::string data_template, EnsureDataTemplate(plan_, cache));
  MINDER_RETURN_IF_ERROR(WriteConfiguration(plan_));
  MINDER_RETURN_IF_ERROR(MakeDataDirectories(plan_, data_template));
  progress("starting all parties");
  MINDER_RETURN_IF_ERROR(StartAll());
  MINDER_RETURN_IF_ERROR(WaitFor([&] { return AllSynced(); }, kUpDeadline, "all nodes Synced"));
  progress("all Synced");
  MINDER_RETURN_IF_ERROR(WaitFor([&] { return AllRouted(); }, kUpDeadline, "all nodes routed"));
  progress("all routed");
  return absl::OkStatus();
}

absl::Status Lab::Down(const std::string& given) {
  MINDER_RETURN_IF_ERROR(NeedRoot());
  const std::string directory = std::filesystem::absolute(given).lexically_normal();
  const auto lock = LockDirectory(directory);
  if (absl::IsNotFound(lock.status())) return absl::OkStatus();
  MINDER_RETURN_IF_ERROR(lock.status());
  const auto state = LoadState(directory);
  if (absl::IsNotFound(state.status())) return absl::OkStatus();
  MINDER_RETURN_IF_ERROR(state.status());
  MINDER_RETURN_IF_ERROR(RemoveLab(state->plan));
  std::error_code error;
  for (const char* name : {"log", "env", "minder.yaml", "state.yaml"}) {
    std::filesystem::remove(directory + "/" + name, error);
  }
  std::filesystem::remove(directory, error);  // stays when somebody put something there
  return absl::OkStatus();
}

// mariadbds that have an agent come up through it; waiting for them is WaitReady's. A garbd comes last: Galera restores
// a component from disk only when it is met by its members and nobody else (gcomm/src/pc.cpp).
absl::Status Lab::StartAll() const {
  for (const Party& party : Parties(plan_)) {
    if (party.name == kGarbd || (plan_.agents && IsMariadbd(party))) continue;
    MINDER_RETURN_IF_ERROR(Start(party.name));
  }
  if (!plan_.HasGarbd() || Find(kGarbd).ok()) return absl::OkStatus();
  for (const std::string& node : plan_.NodeNames())
    MINDER_RETURN_IF_ERROR(WaitFor([&] { return Synced(node); }, kUpDeadline, node + " Synced"));
  MINDER_RETURN_IF_ERROR(Start(kGarbd));
  return absl::OkStatus();
}

bool Lab::AnyRuns() const {
  const std::vector<Party> parties = Parties(plan_);
  return std::any_of(parties.begin(), parties.end(), [&](const Party& party) { return Find(party.name).ok(); });
}

absl::StatusOr<Process> Lab::Find(const std::string& name) const {
  MINDER_ASSIGN_OR_RETURN(const Party party, FindParty(plan_, name));
  auto process = FindProcess(plan_.Namespace(party.host), party.program);
  if (!process) return absl::NotFoundError(absl::StrFormat("%s does not run", name));
  return *std::move(process);
}

absl::StatusOr<BootTime> Lab::SignalNow(const std::string& party, int signal) const {
  MINDER_ASSIGN_OR_RETURN(const Party found, FindParty(plan_, party));
  MINDER_ASSIGN_OR_RETURN(const Process process, Find(party));
  const BootTime now = BootClock().Now();
  MINDER_RETURN_IF_ERROR(Signal(plan_.Namespace(found.host), process.pid, signal));
  return now;
}

absl::Status Lab::SignalParty(const std::string& name, int signal) const {
  MINDER_ASSIGN_OR_RETURN(const Party party, FindParty(plan_, name));
  MINDER_ASSIGN_OR_RETURN(const Process process, Find(name));
  return Signal(plan_.Namespace(party.host), process.pid, signal);
}

absl::Status Lab::Kill(const std::string& name) const {
  MINDER_ASSIGN_OR_RETURN(const Party party, FindParty(plan_, name));
  MINDER_ASSIGN_OR_RETURN(const Process process, Find(name));
  return lab::Kill(plan_.Namespace(party.host), process.pid, absl::Seconds(10));
}

absl::Status Lab::Stop(const std::string& name) const {
  MINDER_RETURN_IF_ERROR(SignalParty(name, SIGSTOP));
  const auto stopped = [&] {
    const auto process = Find(name);
    return process.ok() && process->state == 'T';
  };
  return WaitFor(stopped, absl::Seconds(10), absl::StrFormat("%s to be frozen", name));
}

absl::Status Lab::Continue(const std::string& name) const { return SignalParty(name, SIGCONT); }

absl::StatusOr<std::vector<std::string>> Lab::StartArguments(const Party& party) const {
  std::vector<std::string> argv = party.argv;
  if (!IsMariadbd(party)) return argv;
  MINDER_ASSIGN_OR_RETURN(const std::string position, PositionToStartAt(plan_, party.host));
  if (!position.empty()) argv.push_back("--wsrep-start-position=" + position);
  return argv;
}

absl::Status Lab::Start(const std::string& name, const std::string& failpoints) const {
  MINDER_ASSIGN_OR_RETURN(const Party party, FindParty(plan_, name));
  if (Find(name).ok()) return absl::OkStatus();
  const bool by_agent = plan_.agents && IsMariadbd(party) && Find(AgentOf(name)).ok();
  if (!by_agent) {
    MINDER_ASSIGN_OR_RETURN(std::vector<std::string> argv, StartArguments(party));
    if (!failpoints.empty()) argv.insert(argv.begin(), {"env", "MINDER_FAILPOINTS=" + failpoints});
    MINDER_RETURN_IF_ERROR(AwaitEnds(plan_.Namespace(party.host), absl::Seconds(10)));
    // mariadbd writes its own log, as its own user, once it has read its configuration.
    const std::string log = plan_.LogPath(IsMariadbd(party) ? name + "/start" : name);
    MINDER_RETURN_IF_ERROR(Spawn(OnHost(plan_, party.host, argv), log).status());
  }
  return WaitFor([&] { return Find(name).status(); }, absl::Seconds(by_agent ? 60 : 10),
                 absl::StrFormat("a running %s, see %s", name, plan_.LogPath(by_agent ? AgentOf(name) : name)));
}

absl::Status Lab::Restart(const std::string& name) const {
  if (Find(name).ok()) MINDER_RETURN_IF_ERROR(Kill(name));
  return Start(name);
}

absl::Status Lab::CutOff(const std::vector<std::string>& a, const std::vector<std::string>& b, bool one_way,
                         const std::vector<int>& tcp_ports) const {
  return MakeCuts(plan_, CutsBetween(a, b, one_way, tcp_ports));
}

absl::Status Lab::HealBetween(const std::vector<std::string>& a, const std::vector<std::string>& b) const {
  return HealCuts(plan_, CutsBetween(a, b, false, {}));
}

absl::Status Lab::CutFromPeers(const std::string& node) const {
  std::vector<std::string> peers = plan_.NodeNames();
  std::erase(peers, node);
  return CutOff({node}, peers);
}

absl::Status Lab::MoveDataAside(const std::string& node) const {
  const std::string data = plan_.HostDirectory(node) + "/data";
  MINDER_RETURN_IF_ERROR(RunCommand({"rm", "-rf", data + ".aside"}).status());  // of an earlier time
  MINDER_RETURN_IF_ERROR(RunCommand({"mv", "-T", data, data + ".aside"}).status());
  return RunCommand({"install", "-d", "-m", "700", "-o", kServerUser, "-g", kServerUser, data}).status();
}

absl::Status Lab::Heal() const { return HealAll(plan_); }

absl::Status Lab::HealOneByOne(const std::function<void(std::vector<std::string>&)>& in_order,
                               const std::function<void()>& between) const {
  MINDER_ASSIGN_OR_RETURN(std::vector<std::string> cuts, ListCuts(plan_));
  in_order(cuts);
  for (const std::string& cut : cuts) {
    const std::pair<std::string, std::string> ends = absl::StrSplit(cut, " -> ");
    MINDER_RETURN_IF_ERROR(HealCuts(plan_, {{.from = ends.first, .to = ends.second}}));
    between();
  }
  return HealAll(plan_);
}

SqlTarget Lab::RootAt(const std::string& node) const { return {.socket = plan_.MysqlSocket(node), .user = "root"}; }

SqlTarget Lab::ObserverAt(const std::string& node) const {
  return {.socket = plan_.MysqlSocket(node),
          .user = "observer",
          .password = kObserverPassword,
          .schema = "lab",
          .deadline = absl::Seconds(1)};
}

SqlTarget Lab::Balancer() const {
  return {.host = plan_.Address("lb1"), .user = kAppUser, .password = kAppPassword, .schema = "lab"};
}

absl::StatusOr<SqlResult> Lab::Sql(const std::string& node, const std::string& statement) const {
  if (!plan_.IsNode(node)) {
    return absl::NotFoundError(
        absl::StrFormat("no node '%s' in this lab; there are: %s", node, absl::StrJoin(plan_.NodeNames(), " ")));
  }
  MINDER_ASSIGN_OR_RETURN(SqlSession session, SqlSession::Open(RootAt(node)));
  return session.Query(statement);
}

absl::StatusOr<std::string> Lab::StatusVariable(const std::string& node, const std::string& name) const {
  MINDER_ASSIGN_OR_RETURN(Variables variables, WsrepStatus(*this, node));
  return variables[name];
}

absl::Status Lab::Synced(const std::string& node) const {
  MINDER_ASSIGN_OR_RETURN(const Variables variables, WsrepStatus(*this, node));
  return SyncedIn(node, variables);
}

absl::Status Lab::AllSynced() const {
  const std::vector<std::string> nodes = plan_.NodeNames();
  std::string conf_id;
  for (const std::string& node : nodes) {
    auto variables = WsrepStatus(*this, node);
    if (!variables.ok()) return absl::UnavailableError(absl::StrCat(node, ": ", variables.status().message()));
    MINDER_RETURN_IF_ERROR(SyncedIn(node, *variables));
    if (conf_id.empty()) conf_id = (*variables)["wsrep_cluster_conf_id"];
    if ((*variables)["wsrep_cluster_size"] != absl::StrCat(nodes.size() + (plan_.HasGarbd() ? 1 : 0)) ||
        (*variables)["wsrep_cluster_conf_id"] != conf_id) {
      return absl::UnavailableError(absl::StrFormat("%s: is in a component of %s, conf_id %s", node,
                                                    (*variables)["wsrep_cluster_size"],
                                                    (*variables)["wsrep_cluster_conf_id"]));
    }
  }
  return absl::OkStatus();
}

absl::Status Lab::HasStatusVariable(const std::string& node, const std::string& name, const std::string& value) const {
  MINDER_ASSIGN_OR_RETURN(const std::string now, StatusVariable(node, name));
  if (now == value) return absl::OkStatus();
  return absl::UnavailableError(absl::StrFormat("%s: %s is '%s'", node, name, now));
}

absl::StatusOr<BackendServer> Lab::InBalancer(const std::string& node) const {
  MINDER_ASSIGN_OR_RETURN(const auto servers, BackendServers(plan_.HaproxySocket()));
  const auto found = servers.find(node);
  if (found != servers.end()) return found->second;
  return absl::NotFoundError(absl::StrFormat("HAProxy has no server '%s' in backend galera", node));
}

absl::Status Lab::IsRouted(const std::string& node, bool wanted) const {
  MINDER_ASSIGN_OR_RETURN(const BackendServer server, InBalancer(node));
  if (server.TakesNewSessions() == wanted) return absl::OkStatus();
  return absl::UnavailableError(absl::StrFormat("%s is '%s' in HAProxy", node, server.status));
}

absl::Status Lab::Routed(const std::string& node) const { return IsRouted(node, true); }
absl::Status Lab::NotRouted(const std::string& node) const { return IsRouted(node, false); }

absl::Status Lab::AllRouted() const {
  for (const std::string& node : plan_.NodeNames()) MINDER_RETURN_IF_ERROR(Routed(node));
  return absl::OkStatus();
}

absl::Status Lab::WaitReady(absl::Duration deadline) const {
  const auto ready = [&] {
    const absl::Status synced = AllSynced();
    return synced.ok() ? AllRouted() : synced;
  };
  return WaitFor(ready, deadline, "all nodes Synced and routed");
}

absl::Status Lab::Reset(absl::Duration deadline) const {
  MINDER_RETURN_IF_ERROR(Heal());
  for (const Party& party : Parties(plan_)) {
    if (Find(party.name).ok()) MINDER_RETURN_IF_ERROR(Continue(party.name));
  }
  MINDER_RETURN_IF_ERROR(StartAll());
  return WaitReady(deadline);
}

}  // namespace minder::lab
