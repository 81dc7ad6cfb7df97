#ifndef MINDER_SERVICES_DBSERVER_AGENT_PROBE_H_
#define MINDER_SERVICES_DBSERVER_AGENT_PROBE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/mysql/connection.h"
#include "minder/v1/status.pb.h"

namespace minder {

// All that a mariadbd says about itself, from one probe.
struct ProbeAnswer {
  BootTime asked_at;  // when the first question was sent: nothing here is older
  absl::Duration latency;
  v1::WsrepStatus wsrep;
  v1::ProviderOptions provider_options;
  std::string version;
  std::string wsrep_node_name;
  bool notify_hook = false;  // wsrep_notify_cmd is set
  bool read_only = false;
  unsigned flush_log_at_trx_commit = 0;
  unsigned connections = 0;  // without our own
  std::vector<v1::OpenTransaction>
      open_transactions;  // oldest first, 20 at most; age to the microsecond, too high by a second at most
  unsigned open_transaction_count = 0;
  // The transactions are not older than this: InnoDB lists them from a copy that it keeps while it was read in the last
  // 100 ms (storage/innobase/trx/trx0i_s.cc, CACHE_MIN_IDLE_TIME_NS); so somebody else who reads it all the time could
  // keep it old.
  BootTime transactions_at;
  std::optional<std::vector<v1::ViewMember>>
      members;  // sorted by uuid; nothing when the server lacks the plugin wsrep_info
};

// Asks one mariadbd over one session that it keeps. The session has wsrep_on=OFF, so that it is answered in a
// non-primary component and survives a change of wsrep_cluster_address (galera.md section 5), and may wait for no lock.
// Blocks: for a worker, always the same.
class Probe {
 public:
  explicit Probe(ConnectionOptions options) : options_(std::move(options)) {}

  // One probe; connects when there is no session, and once more when the session turns out to be dead. All before
  // `deadline`.
  absl::StatusOr<ProbeAnswer> Run(BootTime deadline);

  // SET GLOBAL read_only on the same session. ABORTED while a long statement is writing: ask again.
  absl::Status SetReadOnly(bool read_only, BootTime deadline);

 private:
  absl::Status Connect(BootTime deadline);
  absl::StatusOr<ProbeAnswer> Ask(BootTime deadline);
  absl::Status AskVariables(BootTime deadline, ProbeAnswer& answer);
  absl::Status AskStatus(BootTime deadline, ProbeAnswer& answer);
  absl::Status AskTransactions(BootTime deadline, ProbeAnswer& answer);
  absl::Status AskMembers(BootTime deadline, ProbeAnswer& answer);

  ConnectionOptions options_;
  std::optional<Connection> connection_;
  bool has_membership_ = true;  // of this session's server
};

}  // namespace minder

#endif  // MINDER_SERVICES_DBSERVER_AGENT_PROBE_H_
