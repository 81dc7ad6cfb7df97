#include "services/dbserver-agent/stopped_state.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/mysql/grastate.h"
#include "common/mysql/gvwstate.h"

namespace minder {

v1::StoppedState StoppedStateOf(const std::string& data_dir) {
  v1::StoppedState stopped;
  const auto content = ReadFile(data_dir + "/grastate.dat");
  if (!content.ok()) return stopped;
  const auto state = ParseGrastate(*content);
  if (!state.ok()) return stopped;
  *stopped.mutable_grastate() = state->position;
  stopped.set_safe_to_bootstrap(state->safe_to_bootstrap);
  return stopped;
}

std::optional<v1::PrimaryView> LastPrimaryViewOf(const std::string& data_dir) {
  const auto content = ReadFile(data_dir + "/gvwstate.dat");
  if (!content.ok()) return std::nullopt;
  auto state = ParseGvwstate(*content);
  if (!state.ok()) return std::nullopt;
  return std::move(state->view);
}

absl::Status MoveOldViewAside(const std::string& data_dir) {
  const std::string path = data_dir + "/gvwstate.dat";
  if (rename(path.c_str(), (path + ".gone").c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "cannot move " + path + " aside");
}

absl::Status CheckNotBeyond(const v1::Position& own, const std::optional<v1::Position>& limit) {
  if (!limit || !HasData(own) || (own.uuid() == limit->uuid() && own.seqno() <= limit->seqno()))
    return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "its data is at %s:%d, and the primary component was promoted at %s:%d: what it wrote alone is in no other node. "
      "Move its data directory aside, to look for those transactions; an empty one is filled from another node",
      own.uuid(), own.seqno(), limit->uuid(), limit->seqno()));
}

bool HoldsData(const std::string& data_dir) {
  std::error_code error;
  return !std::filesystem::is_empty(data_dir, error) || error;
}

bool StoppedCleanly(const std::string& data_dir) { return HasData(StoppedStateOf(data_dir).grastate()); }

}  // namespace minder
