#include "common/config/bootstrap_flag.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"

namespace minder {
namespace {

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// MariaDB takes a unique beginning of an option's name; --wsrep-ne is the shortest of --wsrep-new-cluster.
bool NamesNewCluster(std::string_view normal) {
  if (Has(normal, "wsrep-new") || Has(normal, "galera-new-cluster")) return true;
  const std::string_view name = normal.substr(0, normal.find('='));
  return name.ends_with("wsrep-ne");
}

// gcomm:// is followed by host:port,… and ?options; a list without a single name or number in it is empty.
bool HasEmptyAddressList(std::string_view normal) {
  constexpr std::string_view kScheme = "gcomm://";
  for (auto at = normal.find(kScheme); at != std::string_view::npos; at = normal.find(kScheme, at)) {
    at += kScheme.size();
    const std::string_view list = normal.substr(at, normal.find_first_of("?/ '\";", at) - at);
    if (std::none_of(list.begin(), list.end(), absl::ascii_isalnum)) return true;
  }
  return false;
}

bool BootstrapsComponent(std::string_view normal) {
  return Has(normal, "pc.bootstrap") || (Has(normal, "wsrep-provider-options") && Has(normal, "bootstrap"));
}

}  // namespace

std::string FindBootstrapFlag(const std::vector<std::string>& command) {
  std::string before;
  for (const std::string& argument : command) {
    const std::string normal = absl::StrReplaceAll(absl::AsciiStrToLower(argument), {{"_", "-"}});
    const bool is_provider_options = before.ends_with("wsrep-provider-options") && Has(normal, "bootstrap");
    if (NamesNewCluster(normal) || HasEmptyAddressList(normal) || BootstrapsComponent(normal) || is_provider_options) {
      return argument;
    }
    before = normal;
  }
  return "";
}

}  // namespace minder
