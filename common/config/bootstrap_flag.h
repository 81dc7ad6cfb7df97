#ifndef MINDER_COMMON_CONFIG_BOOTSTRAP_FLAG_H_
#define MINDER_COMMON_CONFIG_BOOTSTRAP_FLAG_H_

#include <string>
#include <vector>

namespace minder {

// The first argument of a mariadbd command that would start a cluster of its own, "" when there is none:
// --wsrep-new-cluster in any spelling that MariaDB takes (_ for -, cut short, loose-), wsrep_cluster_address=gcomm://
// with an empty list, pc.bootstrap in wsrep_provider_options (galera.md sections 1 and 5), galera_new_cluster. Rather
// one too many: what bootstraps makes a second primary component. Options that a defaults file holds are not seen here.
std::string FindBootstrapFlag(const std::vector<std::string>& command);

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_BOOTSTRAP_FLAG_H_
