#ifndef MINDER_TESTS_LAB_NETWORK_H_
#define MINDER_TESTS_LAB_NETWORK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lab/plan.h"

namespace minder::lab {

// One namespace per host, each with its eth0 on a bridge in a namespace of its own ("switch"): there the machine's own
// netfilter and its bridge-nf-call-iptables do not reach, and the cuts are made. One link from the root namespace into
// the bridge lets tests and humans reach every host.
absl::Status MakeNetwork(const Plan& plan);

// Ends what runs in the lab's namespaces and removes them and the link. Fine when there are none.
absl::Status RemoveNetwork(const Plan& plan);

// Whether the switch and every host's namespace are there.
bool NetworkExists(const Plan& plan);

// argv as to be run on `host`.
std::vector<std::string> OnHost(const Plan& plan, const std::string& host, const std::vector<std::string>& argv);

// Packets from one host that another host must not get.
struct Cut {
  std::string from;
  std::string to;
  std::vector<int> tcp_ports{};  // only segments from or to one of them; empty: everything
};

// Drops the packets on the bridge, each in one direction, all from one moment on as when a real link breaks: were they
// cut one after the other, one member would get a last message that another does not (docs/adr/0013-tie.md). A cut that
// is there already stays one.
absl::Status MakeCuts(const Plan& plan, const std::vector<Cut>& cuts);
// These, which have to be there, and at once as well.
absl::Status HealCuts(const Plan& plan, const std::vector<Cut>& cuts);
// All cuts of the lab, at once.
absl::Status HealAll(const Plan& plan);
// "node1 -> node3", sorted by receiver.
absl::StatusOr<std::vector<std::string>> ListCuts(const Plan& plan);

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_NETWORK_H_
