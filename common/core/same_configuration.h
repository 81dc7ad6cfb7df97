#ifndef MINDER_COMMON_CORE_SAME_CONFIGURATION_H_
#define MINDER_COMMON_CORE_SAME_CONFIGURATION_H_

#include <string>

#include "absl/strings/str_format.h"
#include "minder/v1/config.pb.h"

namespace minder {

// Why the party of this report is not known to run `config`, and the cure; empty when it is. Goes on behind its name.
template <typename Report>
std::string WhyOtherConfiguration(const v1::Configuration& config, const Report& report) {
  if (report.config_version() != config.version()) {
    return absl::StrFormat(
        "runs configuration version %d and not %d: give every host the same file, and start its agent anew",
        report.config_version(), config.version());
  }
  if (report.config_digest().empty())
    return "does not show the digest of its configuration: update its agent, which is older than the arbitrator";
  if (report.config_digest() == config.digest()) return "";
  return absl::StrFormat(
      "runs another configuration under the same version %d: give every host the same file, and start its agent anew",
      config.version());
}

}  // namespace minder

#endif  // MINDER_COMMON_CORE_SAME_CONFIGURATION_H_
