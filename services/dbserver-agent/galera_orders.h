#ifndef MINDER_SERVICES_DBSERVER_AGENT_GALERA_ORDERS_H_
#define MINDER_SERVICES_DBSERVER_AGENT_GALERA_ORDERS_H_

#include <functional>
#include <optional>
#include <string>

#include "common/mysql/connection.h"
#include "minder/v1/message.pb.h"
#include "minder/v1/status.pb.h"

namespace minder {

// Statements with which an agent changes its mariadbd's place in the cluster, on a session of their own, so that no
// probe waits for them. Block, each until its deadline: for a worker. What counts is what is read back, never what SET
// returned (galera.md sections 1 and 2).
class GaleraOrders {
 public:
  explicit GaleraOrders(ConnectionOptions options) : options_(std::move(options)) {}

  // pc.bootstrap, if the node is still in a non-Primary component; back when it is in a Primary one. `not_after` is
  // looked at once more, by the server itself at the moment when it begins (a server may have been stopped in between).
  // FAILED_PRECONDITION: nothing was done. ABORTED: done, and without effect so far. Anything else: it may still
  // happen.
  // `counted_out`: gcomm uuids that Galera refuses from before that on (E4).
  absl::Status MakePrimary(const std::vector<std::string>& counted_out, BootTime not_after, BootTime deadline);

  // Has the component drop members that are dead; back when this node's view is not the one that it was `seen` in any
  // more, or when `superseded`. Meanwhile its evs.join_retrans_period is short, for one lost join message would cost 1
  // s; then it is put back to what was seen.
  absl::Status Evict(const v1::EvictMember& order, const v1::DbStatusReport& seen,
                     const std::function<bool()>& superseded, BootTime deadline);
  absl::Status ClearEvicted(BootTime deadline);

 private:
  absl::Status Connect(BootTime deadline);
  absl::Status Bootstrap(BootTime not_after, BootTime deadline);
  absl::Status Refuse(const std::vector<std::string>& gcomm_uuids, BootTime deadline);
  absl::Status WaitForView(const std::string& size_before, const std::function<bool()>& superseded, BootTime deadline);
  absl::StatusOr<std::string> Status(const std::string& name, BootTime deadline);
  absl::Status SetProviderOption(const std::string& option, BootTime deadline);

  ConnectionOptions options_;
  std::optional<Connection> connection_;
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_GALERA_ORDERS_H_
