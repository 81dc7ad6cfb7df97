#ifndef MINDER_TESTS_LAB_CPU_TIME_H_
#define MINDER_TESTS_LAB_CPU_TIME_H_

#include <sys/types.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/base/file.h"

namespace minder {

// CPU time that a process has taken so far.
inline absl::Duration CpuTime(pid_t pid) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat")).value_or(") ");
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(stat.rfind(") ") + 2), ' ');
  if (fields.size() < 13) return absl::ZeroDuration();
  return absl::Seconds(std::stod(fields[11]) + std::stod(fields[12])) /
         sysconf(_SC_CLK_TCK);  // utime and stime, in ticks
}

}  // namespace minder

#endif  // MINDER_TESTS_LAB_CPU_TIME_H_
