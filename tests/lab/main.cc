#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/clock.h"
#include "common/base/event_loop.h"
#include "common/base/status_macros.h"
#include "common/base/subprocess.h"
#include "common/base/version.h"
#include "tests/lab/lab.h"
#include "tests/lab/observer.h"
#include "tests/lab/wait_for.h"

namespace minder::lab {
namespace {

Lab::Progress ProgressFromNow() {
  return [start = BootClock().Now()](const std::string& line) {
    std::cerr << absl::StrFormat("%5.1fs  %s\n", absl::ToDoubleSeconds(BootClock().Now() - start), line);
  };
}

// minderctl's own view of the lab, once it calls the cluster healthy.
absl::Status PrintStatusSummary(const Plan& plan) {
  const std::vector<std::string> command{plan.bin_directory + "/minderctl", "--arbitrator", plan.ArbitratorAddress(),
                                         "status_summary"};
  if (!plan.agents || access(command[0].c_str(), X_OK) != 0) return absl::OkStatus();
  std::string output;
  const auto healthy = [&]() -> absl::Status {
    MINDER_ASSIGN_OR_RETURN(SubprocessResult result, RunSubprocess(command, absl::Seconds(10)));
    output = std::move(result.output);
    return result.exit.code == 0 ? absl::OkStatus() : absl::UnavailableError(output);
  };
  const absl::Status status = WaitFor(healthy, absl::Seconds(20), "minderctl status_summary says HEALTHY");
  std::cout << output << "\n";
  return status;
}

void PrintHints(const Plan& plan) {
  const std::string host = plan.Address("lb1");
  std::cout << "The balancer listens on " << plan.Balancer() << ", schema `lab`:\n"
            << absl::StrFormat("  mariadb -h %s -u %s -p%s lab -e 'SELECT @@wsrep_node_name'\n", host, kAppUser,
                               kAppPassword)
            << "Try next:\n"
            << "  . " << std::filesystem::proximate(plan.directory).string() << "/env\n";
  if (plan.agents) std::cout << "  minderctl status_summary --watch\n  minderctl drain node3\n";
  std::cout << "  minder-lab kill node2\n"
            << "  minder-lab cut node3 node1,node2    # then: minder-lab heal\n"
            << "  minder-lab sql node1 \"SHOW STATUS LIKE 'wsrep_cluster%'\"\n"
            << "  minder-lab down\n";
}

absl::Status Up(const LabOptions& options) {
  const Lab::Progress progress = ProgressFromNow();
  MINDER_ASSIGN_OR_RETURN(const Lab lab, Lab::Up(options, progress));
  MINDER_RETURN_IF_ERROR(PrintStatusSummary(lab.plan()));
  PrintHints(lab.plan());
  return absl::OkStatus();
}

void PrintRows(const SqlResult& result) {
  if (result.columns.empty()) return;
  std::cout << absl::StrJoin(result.columns, "\t") << "\n";
  for (const auto& row : result.rows) std::cout << absl::StrJoin(row, "\t") << "\n";
}

absl::Status Status(const Lab& lab) {
  for (const Party& party : Parties(lab.plan())) {
    const auto process = lab.Find(party.name);
    const std::string state = !process.ok() ? "stopped" : process->state == 'T' ? "frozen" : "runs";
    std::cout << absl::StrFormat("%-14s %-16s %-8s", party.name, lab.plan().Address(party.host), state);
    if (process.ok()) std::cout << " pid " << process->pid;
    if (lab.plan().IsNode(party.name) && process.ok() && process->state != 'T') {
      std::cout << "  " << lab.StatusVariable(party.name, "wsrep_cluster_status").value_or("silent") << " "
                << lab.StatusVariable(party.name, "wsrep_local_state_comment").value_or("");
    }
    std::cout << "\n";
  }
  MINDER_ASSIGN_OR_RETURN(const std::vector<std::string> cuts, ListCuts(lab.plan()));
  for (const std::string& cut : cuts) std::cout << "cut: " << cut << "\n";
  std::cout << "balancer: " << lab.plan().Balancer() << "\n";
  return absl::OkStatus();
}

absl::Status Sql(const Lab& lab, const std::string& where, const std::string& statement) {
  if (where != "lb1") {
    MINDER_ASSIGN_OR_RETURN(const SqlResult result, lab.Sql(where, statement));
    PrintRows(result);
    return absl::OkStatus();
  }
  MINDER_ASSIGN_OR_RETURN(SqlSession session, SqlSession::Open(lab.Balancer()));
  MINDER_ASSIGN_OR_RETURN(const SqlResult result, session.Query(statement));
  PrintRows(result);
  return absl::OkStatus();
}

// A line whenever a node shows something else, until SIGINT or SIGTERM; then whether I1 held.
absl::Status Observe(const Lab& lab, absl::Duration how_long) {
  EventLoop loop;
  loop.StopOnSignals();
  std::map<std::string, std::string> shown;
  const BootTime start = loop.Now();
  const auto show = [&](const Sample& sample) {
    // The seqno moves all the time, so it does not make a line.
    const std::string key =
        absl::StrCat(sample.cluster_status, sample.conf_id, sample.marker_committed, sample.answered, sample.error);
    if (std::exchange(shown[sample.node], key) == key) return;
    std::cout << absl::StrFormat("%7.2fs  %s\n", absl::ToDoubleSeconds(sample.end - start), Describe(sample))
              << std::flush;
  };
  Observer observer(lab, show);
  if (how_long < absl::InfiniteDuration()) loop.After(how_long, [&] { loop.Stop(); });
  loop.Run();
  observer.Stop();
  MINDER_RETURN_IF_ERROR(observer.CheckNeverTwoPrimaries());
  std::cout << "I1 held: never two primary components that commit at the same time\n";
  return absl::OkStatus();
}

// The arguments of all commands; each command reads its own.
struct Arguments {
  LabOptions up{.directory = OwnBuildDirectory() + "/lab", .build_directory = OwnBuildDirectory()};
  bool no_agents = false;
  bool mysql_check = false;
  std::string party;
  std::string from;
  std::string to;
  std::vector<int> ports;
  bool one_way = false;
  std::string node;
  std::string statement;
  double seconds = 0;
};

using OnLab = std::function<absl::Status(const Lab&)>;

class CommandLine {
 public:
  CommandLine() {
    app_.set_version_flag("--version", std::string("minder-lab ") + kVersion);
    app_.add_option("--lab", arguments_.up.directory, "directory of the lab")->capture_default_str();
    app_.require_subcommand(1);
    AddUpAndDown();
    AddFaults();
    AddViews();
  }

  int Run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
      return app_.exit(e) == 0 ? 0 : 2;
    }
    const absl::Status status = command_();
    if (status.ok()) return 0;
    std::cerr << "minder-lab: " << status.message() << "\n";
    return 1;
  }

 private:
  CLI::App* Add(const std::string& name, const std::string& help, std::function<absl::Status()> run) {
    CLI::App* command = app_.add_subcommand(name, help);
    command->fallthrough();
    command->callback([this, run = std::move(run)] { command_ = run; });
    return command;
  }

  CLI::App* AddOnLab(const std::string& name, const std::string& help, OnLab run) {
    return Add(name, help, [this, run = std::move(run)]() -> absl::Status {
      MINDER_ASSIGN_OR_RETURN(const Lab lab, Lab::Open(arguments_.up.directory));
      return run(lab);
    });
  }

  void AddUpAndDown() {
    CLI::App* up = Add("up", "bring the lab up, or make sure that it is", [this] {
      arguments_.up.agents = !arguments_.no_agents;
      arguments_.up.check = arguments_.mysql_check ? BalancerCheck::kMysqlCheck : BalancerCheck::kNone;
      return Up(arguments_.up);
    });
    up->add_option("--topology", arguments_.up.topology, "servers in dc1 + servers in dc2")->capture_default_str();
    up->add_flag("--no-agents", arguments_.no_agents, "plain Galera and plain HAProxy");
    up->add_flag("--mysql-check", arguments_.mysql_check, "HAProxy checks the servers itself (inter 2s fall 3)");
    Add("down", "remove the lab: processes, namespaces, links, files",
        [this] { return Lab::Down(arguments_.up.directory); });
  }

  void AddFaults() {
    const auto add = [this](const std::string& name, const std::string& help,
                            absl::Status (Lab::*act)(const std::string&) const) {
      AddOnLab(name, help, [this, act](const Lab& lab) { return (lab.*act)(arguments_.party); })
          ->add_option("party", arguments_.party, "as shown by status: node1, node1/agent, lb1/haproxy, …")
          ->required();
    };
    add("kill", "kill a party with SIGKILL", &Lab::Kill);
    add("stop", "freeze a party with SIGSTOP", &Lab::Stop);
    add("cont", "let a frozen party go on", &Lab::Continue);
    add("start", "start a party that does not run", &Lab::Start);
    add("restart", "kill a party and start it again", &Lab::Restart);
    CLI::App* cut = AddOnLab("cut", "cut hosts off from others: cut node3 node1,node2", [this](const Lab& lab) {
      return lab.CutOff(absl::StrSplit(arguments_.from, ','), absl::StrSplit(arguments_.to, ','), arguments_.one_way,
                        arguments_.ports);
    });
    cut->add_option("from", arguments_.from, "hosts, with commas")->required();
    cut->add_option("to", arguments_.to, "hosts, with commas")->required();
    cut->add_flag("--one-way", arguments_.one_way, "lose only what the first send to the second");
    cut->add_option("--ports", arguments_.ports, "only these TCP ports")->delimiter(',');
    AddOnLab("heal", "heal all cuts", [](const Lab& lab) { return lab.Heal(); });
  }

  void AddViews() {
    AddOnLab("status", "show the parties and the cuts", Status);
    CLI::App* sql = AddOnLab("sql", "run a statement on a node as root, or on lb1 as app",
                             [this](const Lab& lab) { return Sql(lab, arguments_.node, arguments_.statement); });
    sql->add_option("node", arguments_.node, "node1, …, or lb1: through the balancer")->required();
    sql->add_option("statement", arguments_.statement)->required();
    AddOnLab("observe", "watch all nodes, with a marker write each, until interrupted", [this](const Lab& lab) {
      return Observe(lab, arguments_.seconds > 0 ? absl::Seconds(arguments_.seconds) : absl::InfiniteDuration());
    })->add_option("--seconds", arguments_.seconds, "stop after this time");
  }

  CLI::App app_{"Brings up a real Galera cluster with HAProxy and minder's parties on this machine, and breaks it.",
                "minder-lab"};
  Arguments arguments_;
  std::function<absl::Status()> command_;
};

}  // namespace
}  // namespace minder::lab

int main(int argc, char** argv) { return minder::lab::CommandLine().Run(argc, argv); }
