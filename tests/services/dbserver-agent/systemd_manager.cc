#include "tests/services/dbserver-agent/systemd_manager.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "tests/services/dbserver-agent/mariadbd_fixture.h"

namespace minder {
namespace {

constexpr char kSystemd[] = "/lib/systemd/systemd";
constexpr int kMissing = 77;

// Runs in a mount namespace of its own; $1 is the directory. Over whatever the host has as cgroups a cgroup2 is put,
// which is the one hierarchy that systemd then sees. systemd --user wants /run/systemd/system, as a sign that the
// machine runs systemd, and for ProtectHome= of a unit the empty directory below /run/systemd/inaccessible. umask 0 is
// what process 1 has; without it mariadbd, which is mysql, could not tell that it is ready.
constexpr char kKeeper[] = R"sh(
missing() { echo "$1"; exit 77; }
cgroup=/sys/fs/cgroup/$(basename "$(dirname "$1")")
mount -t cgroup2 cgroup2 /sys/fs/cgroup || missing "cgroup2 cannot be mounted"
mkdir "$cgroup" || missing "no cgroup can be made"
trap 'echo 1 > "$cgroup/cgroup.kill"' TERM
leave() { rmdir "$cgroup"; missing "$1"; }
[ -e "$cgroup/cgroup.kill" ] || leave "the kernel is older than 5.14: no cgroup.kill"
mount -t tmpfs tmpfs /run || leave "no tmpfs can be mounted on /run"
mkdir -p /run/systemd/system /run/systemd/inaccessible/dir
(
  echo 0 > "$cgroup/cgroup.procs" || exit 77
  umask 0
  exec env -i PATH="$PATH" HOME="$1" XDG_RUNTIME_DIR="$1/run" XDG_CONFIG_HOME="$1/config" \
    SYSTEMD_UNIT_PATH="$1/units" /lib/systemd/systemd --user
) &
manager=$!
wait $manager
result=$?
echo 1 > "$cgroup/cgroup.kill"
while ! find "$cgroup" -depth -type d -exec rmdir {} + 2> /dev/null; do sleep 0.01; done
[ $result != 77 ] || missing "a process cannot be put into a cgroup"
echo "systemd --user ended with $result"
)sh";

absl::Status Missing(const std::string& what) {
  return absl::UnavailableError(absl::StrFormat("no systemd can be run here: %s", what));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SystemdManager>> SystemdManager::Start(const std::string& dir) {
  if (geteuid() != 0) return Missing("needs root, for a mount namespace and a cgroup");
  if (access(kSystemd, X_OK) != 0) return Missing(absl::StrFormat("%s is missing (package systemd)", kSystemd));
  MINDER_ASSIGN_OR_RETURN(const SubprocessResult unshared,
                          RunSubprocess({"unshare", "--mount", "true"}, absl::Seconds(10)));
  if (unshared.exit.code != 0) {
    return Missing(absl::StrFormat("no mount namespace: %s", absl::StripAsciiWhitespace(unshared.output)));
  }
  for (const char* made : {"/run", "/units"}) std::filesystem::create_directories(dir + made);
  // The ones that systemd cannot do without, without what the machine's own would pull in.
  for (const char* target : {"basic", "default", "shutdown"}) {
    std::ofstream(absl::StrCat(dir, "/units/", target, ".target")) << "[Unit]\nDescription=" << target << "\n";
  }
  std::unique_ptr<SystemdManager> manager(new SystemdManager(dir));
  MINDER_RETURN_IF_ERROR(manager->Run());
  return manager;
}

absl::Status SystemdManager::Run() {
  setenv("XDG_RUNTIME_DIR", (dir_ + "/run").c_str(), 1);
  // --pdeathsig: the keeper clears up also after a test that is killed.
  MINDER_ASSIGN_OR_RETURN(const Spawned keeper, Spawn({"setpriv", "--pdeathsig", "TERM", "unshare", "--mount",
                                                       "--propagation", "private", "sh", "-c", kKeeper, "sh", dir_},
                                                      dir_ + "/log"));
  keeper_ = keeper.pid;
  absl::Status ended;
  const bool ready = Eventually([&] {
    if (const auto exit = Reap(keeper_); exit.ok()) {
      keeper_ = 0;
      ended = WhyItEnded(*exit);
      return true;
    }
    return Systemctl({"show-environment"}).exit.code == 0;
  });
  if (!ready) return absl::DeadlineExceededError("systemd --user takes no orders");
  return ended;
}

absl::Status SystemdManager::WhyItEnded(const ExitStatus& exit) const {
  const std::string log(absl::StripAsciiWhitespace(ReadFile(dir_ + "/log").value_or("it has no log")));
  return exit.code == kMissing ? Missing(log) : absl::InternalError(absl::StrFormat("systemd --user: %s", log));
}

SystemdManager::~SystemdManager() {
  unsetenv("XDG_RUNTIME_DIR");
  if (keeper_ == 0) return;
  kill(keeper_, SIGTERM);
  EXPECT_TRUE(Eventually([this] { return Reap(keeper_).ok(); })) << "the cgroup of " << dir_ << " is left";
}

void SystemdManager::WriteUnit(const std::string& name, const std::string& text) const {
  const std::filesystem::path path = dir_ + "/units/" + name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
  EXPECT_EQ(Systemctl({"daemon-reload"}).exit.code, 0);
}

SubprocessResult SystemdManager::Systemctl(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = {"systemctl", "--user"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto result = RunSubprocess(command, absl::Seconds(30));
  EXPECT_TRUE(result.ok()) << result.status();
  return result.value_or(SubprocessResult{.exit = {.code = -1, .signal = 0}, .output = ""});
}

std::string SystemdManager::Property(const std::string& unit, const std::string& name) const {
  return std::string(absl::StripAsciiWhitespace(Systemctl({"show", "--value", "-p", name, unit}).output));
}

}  // namespace minder
