#include "services/dbclient-agent/haproxy.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/core/names.h"
#include "services/dbclient-agent/haproxy_parse.h"
#include "services/dbclient-agent/haproxy_socket.h"

namespace minder {
namespace {

// The characters that HAProxy itself allows in names.
absl::Status CheckName(const std::string& name) {
  bool good = !name.empty();
  for (const char c : name) good = good && (absl::ascii_isalnum(c) || absl::StrContains("-_.:", c));
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("'%s' cannot be a name in HAProxy: use letters, digits, - _ . :", absl::CHexEscape(name)));
}

const char* HaproxyState(v1::BackendState state) {
  if (state == v1::BACKEND_STATE_UP) return "ready";
  return state == v1::BACKEND_STATE_DRAIN ? "drain" : "maint";
}

}  // namespace

absl::StatusOr<std::unique_ptr<HaproxyBalancer>> HaproxyBalancer::Create(Options options) {
  MINDER_RETURN_IF_ERROR(CheckName(options.haproxy.backend()));
  for (const std::string& dbserver : options.dbservers) MINDER_RETURN_IF_ERROR(CheckName(dbserver));
  return std::unique_ptr<HaproxyBalancer>(new HaproxyBalancer(std::move(options)));
}

absl::StatusOr<std::string> HaproxyBalancer::Ask(const std::string& line) const {
  return AskHaproxy(options_.haproxy.socket(), line, options_.command_deadline);
}

std::string HaproxyBalancer::ServerName(const std::string& dbserver) const {
  return options_.haproxy.backend() + "/" + dbserver;
}

absl::Status HaproxyBalancer::Tell(const std::string& command, const std::string& dbserver) const {
  MINDER_ASSIGN_OR_RETURN(const std::string reply, Ask(command));
  return CheckReply(reply, "server " + ServerName(dbserver));
}

// All on one connection, so that all of it is about the same process.
absl::StatusOr<BalancerReading> HaproxyBalancer::Read() {
  const std::string& backend = options_.haproxy.backend();
  MINDER_ASSIGN_OR_RETURN(const std::string answer,
                          Ask(absl::StrFormat("show info;show servers state %s;show stat %s 4 -1", backend, backend)));
  const std::vector<std::string> parts = absl::StrSplit(answer, absl::MaxSplits("\n\n", 2));
  if (parts.size() < 3) return CheckReply(answer.empty() ? "no answer" : answer, "backend " + backend);
  BalancerReading reading;
  MINDER_ASSIGN_OR_RETURN(reading.incarnation, ParseIncarnation(parts[0]));
  if (parts[1].find('#') == std::string::npos) return CheckReply(parts[1], "backend " + backend);
  MINDER_ASSIGN_OR_RETURN(auto servers, ParseServersState(parts[1], backend));
  MINDER_ASSIGN_OR_RETURN(auto sessions, ParseSessions(parts[2], backend));
  for (const std::string& dbserver : options_.dbservers) {
    BackendReading& read = servers[dbserver];  // MISSING when it was not there
    read.dbserver = dbserver;
    read.sessions = sessions[dbserver];
    reading.backends.push_back(read);
  }
  return reading;
}

ApplyResult HaproxyBalancer::Apply(const std::vector<BackendPlan>& plan) {
  ApplyResult result;
  absl::StatusOr<BalancerReading> reading = Read();
  if (!reading.ok()) {
    result.status = reading.status();
    return result;
  }
  result.reading = *reading;
  const std::vector<BackendPlan> wanted = WithRestored(plan, *reading);
  result.status = Change(wanted, *reading, result);
  if (!result.reading.has_value()) return result;
  result.status.Update(CutSessions(wanted, result));
  return result;
}

bool HaproxyBalancer::RestartedBefore(const BalancerReading& reading) const {
  return !incarnation_.empty() && incarnation_ != reading.incarnation;
}

// A restarted HAProxy is as its configuration says. "Leave as it is" means as it was.
std::vector<BackendPlan> HaproxyBalancer::WithRestored(std::vector<BackendPlan> plan,
                                                       const BalancerReading& reading) const {
  if (!RestartedBefore(reading)) return plan;
  spdlog::info("HAProxy is another process ({}) than before ({}); restoring its state", reading.incarnation,
               incarnation_);
  for (BackendPlan& backend : plan) {
    const auto held = held_.find(backend.dbserver);
    if (held == held_.end() || held->second == v1::BACKEND_STATE_MISSING) continue;
    if (backend.wanted == v1::BACKEND_STATE_UNSPECIFIED) backend.wanted = held->second;
  }
  return plan;
}

// Somebody else's hand: the same process, and not what was read back last.
bool HaproxyBalancer::IsDrift(const BackendChange& change, const BalancerReading& reading) const {
  const auto held = held_.find(change.dbserver);
  if (held == held_.end() || held->second == change.from || RestartedBefore(reading)) return false;
  spdlog::warn("somebody else set {} from {} to {}", ServerName(change.dbserver), ShortName(held->second),
               ShortName(change.from));
  return true;
}

absl::Status HaproxyBalancer::Set(const BackendChange& change) const {
  const std::string name = ServerName(change.dbserver);
  spdlog::info("setting {} from {} to {}", name, ShortName(change.from), ShortName(change.to));
  absl::Status status = Tell(absl::StrFormat("set server %s state %s", name, HaproxyState(change.to)), change.dbserver);
  if (change.restore_weight) status.Update(Tell(absl::StrFormat("set server %s weight 100%%", name), change.dbserver));
  return status;
}

absl::Status HaproxyBalancer::Change(const std::vector<BackendPlan>& plan, const BalancerReading& reading,
                                     ApplyResult& result) {
  absl::Status status;
  std::vector<BackendChange> drifted;
  const std::vector<BackendChange> changes = ChangesFor(plan, reading.backends);
  for (const BackendChange& change : changes) {
    if (IsDrift(change, reading)) drifted.push_back(change);
    status.Update(Set(change));
  }
  if (!changes.empty()) {
    result.reading.reset();
    MINDER_ASSIGN_OR_RETURN(result.reading, Read());
    if (result.reading->incarnation != reading.incarnation) {
      return absl::AbortedError("HAProxy restarted while it was being changed");
    }
  }
  status.Update(Verify(plan, *result.reading));
  for (const BackendChange& change : drifted) {
    result.drift_repaired += FindReading(result.reading->backends, change.dbserver)->told == change.to;
  }
  Remember(*result.reading);
  return status;
}

absl::Status HaproxyBalancer::Verify(const std::vector<BackendPlan>& plan, const BalancerReading& reading) const {
  std::vector<std::string> missing;
  std::vector<std::string> different;
  for (const BackendPlan& backend : plan) {
    const BackendReading* read = FindReading(reading.backends, backend.dbserver);
    if (read == nullptr || read->told == v1::BACKEND_STATE_MISSING) {
      missing.push_back(backend.dbserver);
    } else if (backend.wanted != v1::BACKEND_STATE_UNSPECIFIED && backend.wanted != read->told) {
      different.push_back(absl::StrFormat("%s is %s and not %s", ServerName(backend.dbserver), ShortName(read->told),
                                          ShortName(backend.wanted)));
    }
  }
  if (!missing.empty()) {
    return absl::NotFoundError(absl::StrFormat("HAProxy's backend %s has no server %s: add 'server NAME ADDRESS' lines",
                                               options_.haproxy.backend(), absl::StrJoin(missing, ", ")));
  }
  if (different.empty()) return absl::OkStatus();
  return absl::AbortedError("HAProxy did not keep what it was told: " + absl::StrJoin(different, ", "));
}

absl::Status HaproxyBalancer::CutSessions(const std::vector<BackendPlan>& plan, ApplyResult& result) {
  const std::vector<BackendReading> cut = SessionsToCut(plan, result.reading->backends);
  if (cut.empty()) return absl::OkStatus();
  absl::Status status;
  for (const BackendReading& backend : cut) {
    const std::string name = ServerName(backend.dbserver);
    spdlog::warn("cutting {} sessions of {}: it cannot serve them any more", backend.sessions, name);
    status.Update(Tell("shutdown sessions server " + name, backend.dbserver));
  }
  if (absl::StatusOr<BalancerReading> after = Read(); after.ok()) {
    result.reading = *std::move(after);
  } else {
    status.Update(after.status());
  }
  return status;
}

void HaproxyBalancer::Remember(const BalancerReading& reading) {
  incarnation_ = reading.incarnation;
  for (const BackendReading& backend : reading.backends) held_[backend.dbserver] = backend.told;
}

}  // namespace minder
