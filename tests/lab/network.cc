#include "tests/lab/network.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "tests/lab/process.h"

namespace minder::lab {
namespace {

constexpr char kSwitch[] = "switch";

absl::Status Ip(const std::string& arguments) {
  std::vector<std::string> argv = absl::StrSplit(absl::StrCat("ip ", arguments), ' ');
  return RunCommand(argv).status();
}

bool NamespaceExists(const std::string& name) {
  std::error_code error;
  return std::filesystem::exists("/run/netns/" + name, error);
}

absl::Status MakeNamespace(const std::string& name) {
  MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("netns add %s", name)));
  return Ip(absl::StrFormat("-n %s link set lo up", name));
}

// The bridge's end of the link is made in the switch at once, so that it never has a name in the root namespace.
absl::Status PlugIn(const Plan& plan, const std::string& host) {
  const std::string space = plan.Namespace(host);
  const std::string bridge_space = plan.Namespace(kSwitch);
  MINDER_RETURN_IF_ERROR(MakeNamespace(space));
  MINDER_RETURN_IF_ERROR(
      Ip(absl::StrFormat("-n %s link add %s type veth peer name eth0 netns %s", bridge_space, host, space)));
  MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("-n %s link set %s master br0 up", bridge_space, host)));
  MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("-n %s addr add %s/24 dev eth0", space, plan.Address(host))));
  return Ip(absl::StrFormat("-n %s link set eth0 up", space));
}

absl::Status MakeUplink(const Plan& plan) {
  const std::string link = plan.UplinkName();
  const std::string bridge_space = plan.Namespace(kSwitch);
  MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("link add %s type veth peer name outside netns %s", link, bridge_space)));
  MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("-n %s link set outside master br0 up", bridge_space)));
  MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("addr add %s/24 dev %s", plan.Address("outside"), link)));
  return Ip(absl::StrFormat("link set %s up", link));
}

std::vector<std::string> SpacesOf(const Plan& plan) {
  std::vector<std::string> spaces;
  std::error_code error;
  const std::string prefix = plan.Namespace("");
  for (const auto& entry : std::filesystem::directory_iterator("/run/netns", error)) {
    const std::string name = entry.path().filename();
    if (absl::StartsWith(name, prefix)) spaces.push_back(name);
  }
  return spaces;
}

std::vector<std::string> Rule(const Plan& plan, const Cut& cut, const std::string& verb) {
  std::vector<std::string> argv{"iptables", "-w", verb, "INPUT", "-s", plan.Address(cut.from)};
  if (!cut.tcp_ports.empty()) {
    argv.insert(argv.end(), {"-p", "tcp", "-m", "multiport", "--ports", absl::StrJoin(cut.tcp_ports, ",")});
  }
  argv.insert(argv.end(), {"-j", "DROP"});
  return OnHost(plan, cut.to, argv);
}

absl::Status Check(const Plan& plan, const Cut& cut) {
  for (const std::string& host : {cut.from, cut.to}) {
    const bool outside = host == "outside" && host == cut.from;
    if (!outside && !plan.IsHost(host)) {
      return absl::NotFoundError(
          absl::StrFormat("no host '%s' in this lab; there are: %s", host, absl::StrJoin(plan.Hosts(), " ")));
    }
  }
  if (cut.from == cut.to) return absl::InvalidArgumentError(absl::StrFormat("%s cannot be cut from itself", cut.to));
  return absl::OkStatus();
}

}  // namespace

absl::Status MakeNetwork(const Plan& plan) {
  MINDER_RETURN_IF_ERROR(MakeNamespace(plan.Namespace(kSwitch)));
  MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("-n %s link add br0 type bridge", plan.Namespace(kSwitch))));
  MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("-n %s link set br0 up", plan.Namespace(kSwitch))));
  for (const std::string& host : plan.Hosts()) MINDER_RETURN_IF_ERROR(PlugIn(plan, host));
  return MakeUplink(plan);
}

absl::Status RemoveNetwork(const Plan& plan) {
  const std::vector<std::string> spaces = SpacesOf(plan);
  for (const std::string& space : spaces) MINDER_RETURN_IF_ERROR(EndAllIn(space, absl::Seconds(20)));
  if (std::filesystem::exists("/sys/class/net/" + plan.UplinkName())) {
    MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("link del %s", plan.UplinkName())));
  }
  for (const std::string& space : spaces) MINDER_RETURN_IF_ERROR(Ip(absl::StrFormat("netns del %s", space)));
  return absl::OkStatus();
}

bool NetworkExists(const Plan& plan) {
  for (const std::string& host : plan.Hosts()) {
    if (!NamespaceExists(plan.Namespace(host))) return false;
  }
  return NamespaceExists(plan.Namespace(kSwitch));
}

std::vector<std::string> OnHost(const Plan& plan, const std::string& host, const std::vector<std::string>& argv) {
  // nsenter becomes the program itself, so that the process started is the party.
  std::vector<std::string> all{"nsenter", "--net=/run/netns/" + plan.Namespace(host), "--"};
  all.insert(all.end(), argv.begin(), argv.end());
  return all;
}

absl::Status MakeCut(const Plan& plan, const Cut& cut) {
  MINDER_RETURN_IF_ERROR(Check(plan, cut));
  if (RunCommand(Rule(plan, cut, "-C")).ok()) return absl::OkStatus();
  return RunCommand(Rule(plan, cut, "-A")).status();
}

absl::Status HealCut(const Plan& plan, const Cut& cut) {
  MINDER_RETURN_IF_ERROR(Check(plan, cut));
  if (!RunCommand(Rule(plan, cut, "-C")).ok()) return absl::OkStatus();
  return RunCommand(Rule(plan, cut, "-D")).status();
}

absl::Status HealAll(const Plan& plan) {
  // All at once: a link that is whole in one direction only is another fault.
  std::string script;
  for (const std::string& host : plan.Hosts())
    absl::StrAppend(&script, absl::StrJoin(OnHost(plan, host, {"iptables", "-w", "-F", "INPUT"}), " "),
                    " & all=\"$all $!\"; ");
  absl::StrAppend(&script, "for one in $all; do wait $one || exit 1; done");
  return RunCommand({"sh", "-c", script}).status();
}

absl::StatusOr<std::vector<std::string>> ListCuts(const Plan& plan) {
  std::vector<std::string> senders = plan.Hosts();
  senders.push_back("outside");
  std::vector<std::string> cuts;
  for (const std::string& to : plan.Hosts()) {
    MINDER_ASSIGN_OR_RETURN(const std::string rules, RunCommand(OnHost(plan, to, {"iptables", "-w", "-S", "INPUT"})));
    for (const std::string& from : senders) {
      if (absl::StrContains(rules, absl::StrFormat("-s %s/32 ", plan.Address(from)))) {
        cuts.push_back(absl::StrFormat("%s -> %s", from, to));
      }
    }
  }
  return cuts;
}

}  // namespace minder::lab
