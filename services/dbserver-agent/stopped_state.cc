#include "services/dbserver-agent/stopped_state.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/mysql/grastate.h"
#include "common/mysql/gvwstate.h"

namespace minder {
namespace {

std::string GrastatePath(const std::string& data_dir) { return data_dir + "/grastate.dat"; }

// What is not there need not go. Durably: a view that is back after a crash of the machine would be started with.
absl::Status MoveAside(const std::string& path, const std::string& to) {
  const absl::Status renamed = RenameDurably(path, to);
  return absl::IsNotFound(renamed) ? absl::OkStatus() : renamed;
}

// Galera's own form (galera/src/saved_state.cpp).
absl::Status WriteGrastate(const std::string& data_dir, const v1::Position& position, bool safe) {
  struct stat owner {};
  if (stat(data_dir.c_str(), &owner) != 0) return absl::ErrnoToStatus(errno, "cannot look at " + data_dir);
  const std::string temporary = GrastatePath(data_dir) + ".minder";
  MINDER_RETURN_IF_ERROR(WriteFileDurably(
      temporary,
      absl::StrFormat("# GALERA saved state\nversion: 2.1\nuuid:    %s\nseqno:   %d\nsafe_to_bootstrap: %d\n",
                      position.uuid(), position.seqno(), safe ? 1 : 0)));
  if (chown(temporary.c_str(), owner.st_uid, owner.st_gid) != 0 || chmod(temporary.c_str(), 0660) != 0)
    return absl::ErrnoToStatus(errno, "cannot give away " + temporary);
  return RenameDurably(temporary, GrastatePath(data_dir));
}

// What it says; NOT_FOUND when there is none, or none that can be understood, which is then moved aside.
absl::StatusOr<Grastate> ReadGrastate(const std::string& data_dir) {
  MINDER_ASSIGN_OR_RETURN(const std::string content, ReadFile(GrastatePath(data_dir)));
  auto state = ParseGrastate(content);
  if (state.ok()) return state;
  spdlog::warn("{}: {}; it is moved aside", GrastatePath(data_dir), std::string(state.status().message()));
  MINDER_RETURN_IF_ERROR(MoveAside(GrastatePath(data_dir), GrastatePath(data_dir) + ".bad"));
  return absl::NotFoundError("no grastate.dat that can be understood");
}

}  // namespace

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
  return MoveAside(path, path + ".gone");
}

absl::StatusOr<bool> MoveBrokenViewAside(const std::string& data_dir) {
  const std::string path = data_dir + "/gvwstate.dat";
  const auto content = ReadFile(path);
  if (absl::IsNotFound(content.status())) return false;
  const absl::Status parsed = content.ok() ? ParseGvwstate(*content).status() : content.status();
  if (parsed.ok()) return false;
  spdlog::warn("{}: {}; it is moved aside", path, std::string(parsed.message()));
  MINDER_RETURN_IF_ERROR(MoveAside(path, path + ".bad"));
  return true;
}

absl::Status AllowBootstrap(const std::string& data_dir, const v1::Position& position) {
  const auto state = ReadGrastate(data_dir);
  if (state.ok()) return WriteGrastate(data_dir, state->position, true);
  if (!absl::IsNotFound(state.status())) return state.status();
  v1::Position unknown = position;
  unknown.set_seqno(-1);  // it crashed: mariadbd is told the position when it is started
  return WriteGrastate(data_dir, unknown, true);
}

absl::Status ForbidBootstrap(const std::string& data_dir) {
  const auto state = ReadGrastate(data_dir);
  if (absl::IsNotFound(state.status())) return absl::OkStatus();
  MINDER_RETURN_IF_ERROR(state.status());
  return state->safe_to_bootstrap ? WriteGrastate(data_dir, state->position, false) : absl::OkStatus();
}

absl::Status CheckNotBeyond(const v1::Position& own, const std::optional<v1::Position>& limit) {
  if (!limit || !IsBeyond(own, *limit)) return absl::OkStatus();
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
