#include "services/dbserver-agent/galera_orders.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/mysql/grastate.h"
#include "services/dbserver-agent/server_clocks.h"

namespace minder {
namespace {

// A promoted node is Primary 3-7 ms later, an evicted member is gone after 40 ms (galera.md): looked at this often.
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(2);
// The least that Galera takes (galera.md section 2).
constexpr char kShortJoinRetrans[] = "evs.join_retrans_period=PT0.1S";

}  // namespace

absl::Status GaleraOrders::MakePrimary(const std::vector<std::string>& counted_out, BootTime not_after,
                                       BootTime deadline) {
  MINDER_RETURN_IF_ERROR(Connect(deadline));
  MINDER_ASSIGN_OR_RETURN(const std::string before, Status("wsrep_cluster_status", deadline));
  if (before != "non-Primary") return absl::FailedPreconditionError(absl::StrFormat("it is %s by now", before));
  MINDER_ASSIGN_OR_RETURN(const std::string group, Status("wsrep_evs_state", deadline));
  if (group != "OPERATIONAL")
    return absl::FailedPreconditionError(absl::StrFormat("its group is not settled (%s)", group));
  if (const absl::Status refused = Refuse(counted_out, std::min(not_after, deadline)); !refused.ok())
    return absl::FailedPreconditionError(refused.message());
  MINDER_RETURN_IF_ERROR(Bootstrap(not_after, deadline));
  while (BootClock().Now() < deadline) {
    MINDER_ASSIGN_OR_RETURN(const std::string after, Status("wsrep_cluster_status", deadline));
    if (after == "Primary") return absl::OkStatus();
    absl::SleepFor(kBetweenLooks);
  }
  return absl::AbortedError("pc.bootstrap was set, and the node is not Primary");
}

// The server compares with its own clocks, so that a statement which it takes up late does nothing. What is left counts
// from when it has told them: before that it may have been stopped.
absl::Status GaleraOrders::Bootstrap(BootTime not_after, BootTime deadline) {
  MINDER_ASSIGN_OR_RETURN(const ServerClocks told, ReadClocks(*connection_, deadline));
  const absl::Duration left = not_after - BootClock().Now();
  if (left <= absl::ZeroDuration()) return absl::FailedPreconditionError("the order ran out before it was carried out");
  return connection_->Execute(UnlessLater(told, left, "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'"),
                              deadline);
}

absl::Status GaleraOrders::Evict(const v1::EvictMember& order, const v1::DbStatusReport& seen,
                                 const std::function<bool()>& superseded, BootTime deadline) {
  for (const v1::EvictMember::Dead& dead : order.dead()) {
    if (!IsUuid(dead.gcomm_uuid())) return absl::InvalidArgumentError("that is no gcomm uuid");
  }
  MINDER_RETURN_IF_ERROR(Connect(deadline));
  MINDER_RETURN_IF_ERROR(Refuse({order.counted_out().begin(), order.counted_out().end()}, deadline));
  if (order.dead().empty()) return absl::OkStatus();
  const std::string& retrans = seen.provider_options().evs_join_retrans_period();
  if (!retrans.empty()) MINDER_RETURN_IF_ERROR(SetProviderOption(kShortJoinRetrans, deadline));
  absl::Status status;
  for (const v1::EvictMember::Dead& dead : order.dead())
    if (status.ok()) status = SetProviderOption("evs.evict=" + dead.gcomm_uuid(), deadline);
  if (status.ok()) status = WaitForView(absl::StrFormat("%d", seen.members_size()), superseded, deadline);
  if (retrans.empty()) return status;
  const BootTime until = BootClock().Now() + absl::Seconds(1);
  const absl::Status restored = SetProviderOption("evs.join_retrans_period=" + retrans, until);
  return status.ok() ? restored : status;
}

absl::Status GaleraOrders::Refuse(const std::vector<std::string>& gcomm_uuids, BootTime deadline) {
  for (const std::string& uuid : gcomm_uuids) {
    if (!IsUuid(uuid)) return absl::InvalidArgumentError("that is no gcomm uuid");
    MINDER_RETURN_IF_ERROR(SetProviderOption("evs.evict=" + uuid, deadline));
  }
  const auto is_refused_by = [](const std::string& list) {
    return [&list](const std::string& uuid) { return absl::StrContains(list, uuid); };
  };
  while (BootClock().Now() < deadline) {
    MINDER_ASSIGN_OR_RETURN(const std::string list, Status("wsrep_evs_evict_list", deadline));
    if (std::ranges::all_of(gcomm_uuids, is_refused_by(list))) return absl::OkStatus();
    absl::SleepFor(kBetweenLooks);
  }
  return absl::DeadlineExceededError("Galera does not show that it refuses who was counted out");
}

absl::Status GaleraOrders::WaitForView(const std::string& size_before, const std::function<bool()>& superseded,
                                       BootTime deadline) {
  while (!superseded()) {
    MINDER_ASSIGN_OR_RETURN(const std::string size, Status("wsrep_cluster_size", deadline));
    if (size != size_before) return absl::OkStatus();
    if (BootClock().Now() >= deadline) return absl::DeadlineExceededError("the view has not changed");
    absl::SleepFor(kBetweenLooks);
  }
  return absl::OkStatus();
}

absl::Status GaleraOrders::ClearEvicted(BootTime deadline) {
  MINDER_RETURN_IF_ERROR(Connect(deadline));
  return SetProviderOption("evs.evict=", deadline);
}

absl::Status GaleraOrders::Connect(BootTime deadline) {
  if (connection_ && connection_->usable()) {
    if (connection_->Execute("DO 1", deadline).ok()) return absl::OkStatus();
  }
  connection_.reset();
  MINDER_ASSIGN_OR_RETURN(Connection connection, Connection::Open(options_, deadline));
  // Survives what throws other sessions out, and never waits for the cluster (galera.md section 5).
  MINDER_RETURN_IF_ERROR(connection.Execute("SET SESSION wsrep_on = OFF", deadline));
  connection_.emplace(std::move(connection));
  return absl::OkStatus();
}

absl::StatusOr<std::string> GaleraOrders::Status(const std::string& name, BootTime deadline) {
  MINDER_ASSIGN_OR_RETURN(const std::vector<Row> rows,
                          connection_->Query(absl::StrFormat("SHOW GLOBAL STATUS LIKE '%s'", name), deadline));
  if (rows.size() != 1 || rows[0].size() != 2 || !rows[0][1]) return absl::InternalError(name + " is not shown");
  return *rows[0][1];
}

absl::Status GaleraOrders::SetProviderOption(const std::string& option, BootTime deadline) {
  return connection_->Execute(absl::StrFormat("SET GLOBAL wsrep_provider_options = '%s'", option), deadline);
}

}  // namespace minder
