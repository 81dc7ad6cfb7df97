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

// `how` is -A or -D.
std::string Drop(const Plan& plan, const Cut& cut, const char* how, const std::string& which) {
  return absl::StrFormat("%s FORWARD -p IPv4 --ip-src %s --ip-dst %s%s -j DROP\n", how, plan.Address(cut.from),
                         plan.Address(cut.to), which);
}

std::string Rules(const Plan& plan, const Cut& cut, const char* how) {
  if (cut.tcp_ports.empty()) return Drop(plan, cut, how, "");
  std::string rules;
  for (const int port : cut.tcp_ports) {
    for (const char* end : {"sport", "dport"})
      absl::StrAppend(&rules, Drop(plan, cut, how, absl::StrFormat(" --ip-proto tcp --ip-%s %d", end, port)));
  }
  return rules;
}

absl::Status Check(const Plan& plan, const Cut& cut) {
  for (const std::string& host : {cut.from, cut.to}) {
    if (host != "outside" && !plan.IsHost(host)) {
      return absl::NotFoundError(
          absl::StrFormat("no host '%s' in this lab; there are: %s", host, absl::StrJoin(plan.Hosts(), " ")));
    }
  }
  if (cut.from == cut.to) return absl::InvalidArgumentError(absl::StrFormat("%s cannot be cut from itself", cut.to));
  return absl::OkStatus();
}

// All or none.
absl::Status ChangeRules(const Plan& plan, const std::vector<Cut>& cuts, const char* how) {
  std::string rules = "*filter\n";
  for (const Cut& cut : cuts) {
    MINDER_RETURN_IF_ERROR(Check(plan, cut));
    absl::StrAppend(&rules, Rules(plan, cut, how));
  }
  const std::string script = absl::StrFormat("ebtables-restore --noflush <<end\n%send", rules);
  return RunCommand(OnHost(plan, kSwitch, {"sh", "-c", script})).status();
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

absl::Status MakeCuts(const Plan& plan, const std::vector<Cut>& cuts) { return ChangeRules(plan, cuts, "-A"); }

absl::Status HealCuts(const Plan& plan, const std::vector<Cut>& cuts) { return ChangeRules(plan, cuts, "-D"); }

absl::Status HealAll(const Plan& plan) {
  return RunCommand(OnHost(plan, kSwitch, {"ebtables", "-F", "FORWARD"})).status();
}

absl::StatusOr<std::vector<std::string>> ListCuts(const Plan& plan) {
  MINDER_ASSIGN_OR_RETURN(const std::string rules, RunCommand(OnHost(plan, kSwitch, {"ebtables", "-L", "FORWARD"})));
  std::vector<std::string> hosts = plan.Hosts();
  hosts.push_back("outside");
  std::vector<std::string> cuts;
  for (const std::string& to : hosts) {
    for (const std::string& from : hosts) {
      if (absl::StrContains(rules, absl::StrFormat("--ip-src %s --ip-dst %s ", plan.Address(from), plan.Address(to)))) {
        cuts.push_back(absl::StrFormat("%s -> %s", from, to));
      }
    }
  }
  return cuts;
}

}  // namespace minder::lab
