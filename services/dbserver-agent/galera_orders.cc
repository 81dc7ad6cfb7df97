#include "services/dbserver-agent/galera_orders.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/base/status_macros.h"
#include "common/mysql/grastate.h"

namespace minder {
namespace {

// A promoted node is Primary 3-7 ms later (galera.md): looked at this often.
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(2);
// The least that Galera takes; what is lower is refused (galera.md section 2).
constexpr char kShortest[] = "PT0.1S";

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
  const absl::Duration left = not_after - BootClock().Now();
  if (left <= absl::ZeroDuration()) return absl::FailedPreconditionError("the order ran out before it was carried out");
  MINDER_RETURN_IF_ERROR(Bootstrap(left, deadline));
  while (BootClock().Now() < deadline) {
    MINDER_ASSIGN_OR_RETURN(const std::string after, Status("wsrep_cluster_status", deadline));
    if (after == "Primary") return absl::OkStatus();
    absl::SleepFor(kBetweenLooks);
  }
  return absl::AbortedError("pc.bootstrap was set, and the node is not Primary");
}

// The server compares with its own clock, so that a statement which it takes up late does nothing.
absl::Status GaleraOrders::Bootstrap(absl::Duration left, BootTime deadline) {
  MINDER_ASSIGN_OR_RETURN(const std::vector<Row> now,
                          connection_->Query("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS INTEGER)", deadline));
  std::int64_t now_us = 0;
  if (now.size() != 1 || now[0].size() != 1 || !now[0][0] || !absl::SimpleAtoi(*now[0][0], &now_us))
    return absl::FailedPreconditionError("mariadbd does not tell the time");
  return connection_->Execute(absl::StrFormat("BEGIN NOT ATOMIC IF UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 <= %d THEN "
                                              "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'; END IF; END",
                                              now_us + absl::ToInt64Microseconds(left)),
                              deadline);
}

absl::Status GaleraOrders::Evict(const v1::EvictMember& order, BootTime deadline) {
  MINDER_RETURN_IF_ERROR(Connect(deadline));
  MINDER_RETURN_IF_ERROR(Refuse({order.counted_out().begin(), order.counted_out().end()}, deadline));
  std::vector<std::string> dead;
  for (const v1::EvictMember::Dead& member : order.dead()) dead.push_back(member.gcomm_uuid());
  return Refuse(dead, deadline);
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
  return absl::DeadlineExceededError(
      absl::StrFormat("Galera does not show that it refuses %s", absl::StrJoin(gcomm_uuids, ", ")));
}

absl::Status GaleraOrders::ClearEvicted(BootTime deadline) {
  MINDER_RETURN_IF_ERROR(Connect(deadline));
  return SetProviderOption("evs.evict=", deadline);
}

absl::Status GaleraOrders::ShortenTimers(const v1::ProviderOptions& shown, BootTime deadline) {
  if (shown.evs_join_retrans_period() == kShortest && shown.evs_keepalive_period() == kShortest)
    return absl::OkStatus();
  MINDER_RETURN_IF_ERROR(Connect(deadline));
  MINDER_RETURN_IF_ERROR(SetProviderOption(absl::StrCat("evs.join_retrans_period=", kShortest), deadline));
  return SetProviderOption(absl::StrCat("evs.keepalive_period=", kShortest), deadline);
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
