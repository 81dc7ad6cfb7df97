#ifndef MINDER_TESTS_SERVICES_DBSERVER_AGENT_OWN_CHILDREN_H_
#define MINDER_TESTS_SERVICES_DBSERVER_AGENT_OWN_CHILDREN_H_

#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"

namespace minder {

// From now on whoever of our descendants has lost its parent is a child of ours.
inline void AdoptOrphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

// The fourth field of /proc/PID/stat, counted from the end of the second, which may hold anything.
inline pid_t ParentOf(pid_t pid) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat")).value_or("");
  const std::size_t end_of_name = stat.rfind(") ");
  if (end_of_name == std::string::npos) return 0;
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(end_of_name + 2), ' ');
  pid_t parent = 0;
  return fields.size() > 1 && absl::SimpleAtoi(fields[1], &parent) ? parent : 0;
}

// Kills and reaps our children; true when there are none left. Asked again and again it ends all descendants: those of
// a dead child come to us. A process that was just forked, and has neither the name nor the arguments yet by which a
// mariadbd is known, is among them as well.
inline bool NoChildrenAreLeft() {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    pid_t pid = 0;
    if (absl::SimpleAtoi(entry.path().filename().string(), &pid) && ParentOf(pid) == getpid()) kill(pid, SIGKILL);
  }
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  return waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
}

}  // namespace minder

#endif  // MINDER_TESTS_SERVICES_DBSERVER_AGENT_OWN_CHILDREN_H_
