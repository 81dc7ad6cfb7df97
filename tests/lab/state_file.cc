#include "tests/lab/state_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "common/base/unique_fd.h"
#include "tests/lab/config_files.h"
#include "tests/lab/network.h"

namespace minder::lab {
namespace {

constexpr int kHighestId = 254;

std::string StatePath(const std::string& directory) { return directory + "/state.yaml"; }
std::string OwnerPath(const Plan& plan) { return plan.DataDirectory() + "/owner"; }

absl::StatusOr<LabState> Parse(const std::string& text, const std::string& directory) {
  try {
    const YAML::Node yaml = YAML::Load(text);
    LabState state;
    state.plan.directory = directory;
    state.plan.id = yaml["id"].as<int>();
    state.plan.bin_directory = yaml["bin"].as<std::string>();
    state.plan.topology = yaml["topology"].as<std::string>();
    state.plan.agents = yaml["agents"].as<bool>();
    state.plan.check = yaml["mysql_check"].as<bool>() ? BalancerCheck::kMysqlCheck : BalancerCheck::kNone;
    state.plan.proxied = yaml["proxied"].as<bool>();
    state.plan.promotion = yaml["promotion"].as<std::string>("");
    state.complete = yaml["complete"].as<bool>();
    return state;
  } catch (const YAML::Exception& e) {
    return absl::DataLossError(
        absl::StrFormat("%s cannot be read (%s); remove it, then minder-lab up", StatePath(directory), e.what()));
  }
}

// Held while ids are given and taken back. The directory itself is locked, so that no file stays behind.
absl::StatusOr<UniqueFd> LockIds() {
  UniqueFd lock(open("/var/lib", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.ok() || flock(lock.get(), LOCK_EX) != 0) return absl::ErrnoToStatus(errno, "cannot lock /var/lib");
  return lock;
}

// A state that cannot be read, perhaps of another version, is somebody's.
bool HasOwner(const Plan& plan) {
  const auto directory = ReadFile(OwnerPath(plan));
  if (!directory.ok()) return false;
  const auto state = LoadState(*directory);
  return state.ok() ? state->plan.id == plan.id : !absl::IsNotFound(state.status());
}

absl::Status RemoveLocked(const Plan& plan) {
  MINDER_RETURN_IF_ERROR(RemoveNetwork(plan));
  std::error_code error;
  std::filesystem::remove_all(plan.DataDirectory(), error);
  if (error) return absl::InternalError(absl::StrFormat("cannot remove %s: %s", plan.DataDirectory(), error.message()));
  std::filesystem::remove(std::filesystem::path(plan.DataDirectory()).parent_path(), error);  // when it was the last
  return absl::OkStatus();
}

absl::Status RemoveOrphans() {
  std::vector<Plan> orphans;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(Plan().DataDirectory()).parent_path(), error)) {
    Plan plan;
    if (absl::SimpleAtoi(entry.path().filename().string(), &plan.id) && !HasOwner(plan)) orphans.push_back(plan);
  }
  for (const Plan& plan : orphans) MINDER_RETURN_IF_ERROR(RemoveLocked(plan));
  return absl::OkStatus();
}

}  // namespace

absl::Status SaveState(const LabState& state) {
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << "id" << YAML::Value << state.plan.id << YAML::Key << "bin" << YAML::Value
      << state.plan.bin_directory << YAML::Key << "topology" << YAML::Value << YAML::DoubleQuoted << state.plan.topology
      << YAML::Key << "agents" << YAML::Value << state.plan.agents << YAML::Key << "mysql_check" << YAML::Value
      << (state.plan.check == BalancerCheck::kMysqlCheck) << YAML::Key << "proxied" << YAML::Value << state.plan.proxied
      << YAML::Key << "promotion" << YAML::Value << YAML::DoubleQuoted << state.plan.promotion << YAML::Key
      << "complete" << YAML::Value << state.complete << YAML::EndMap;
  return WriteFileDurably(StatePath(state.plan.directory), std::string(out.c_str()) + "\n");
}

absl::StatusOr<LabState> LoadState(const std::string& directory) {
  MINDER_ASSIGN_OR_RETURN(const std::string text, ReadFile(StatePath(directory)));
  return Parse(text, directory);
}

absl::StatusOr<Plan> ReservePlan(Plan plan) {
  MINDER_ASSIGN_OR_RETURN(const UniqueFd lock, LockIds());
  MINDER_RETURN_IF_ERROR(RemoveOrphans());
  for (plan.id = 1; plan.id <= kHighestId; ++plan.id) {
    if (std::filesystem::exists(plan.DataDirectory())) continue;
    std::filesystem::create_directories(plan.DataDirectory() + "/log");
    // Reached by mariadbd's user, whatever the caller's umask is.
    chmod(std::filesystem::path(plan.DataDirectory()).parent_path().c_str(), 0755);
    chmod(plan.DataDirectory().c_str(), 0755);
    MINDER_RETURN_IF_ERROR(WriteFile(OwnerPath(plan), plan.directory));
    MINDER_RETURN_IF_ERROR(SaveState({.plan = plan, .complete = false}));
    return plan;
  }
  return absl::ResourceExhaustedError(absl::StrFormat("all %d lab ids of this machine are taken", kHighestId));
}

absl::Status RemoveLab(const Plan& plan) {
  MINDER_ASSIGN_OR_RETURN(const UniqueFd lock, LockIds());
  return RemoveLocked(plan);
}

}  // namespace minder::lab
