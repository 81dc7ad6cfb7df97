#ifndef MINDER_TESTS_LAB_CONFIG_FILES_H_
#define MINDER_TESTS_LAB_CONFIG_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "tests/lab/plan.h"

namespace minder::lab {

// Lines for every mariadbd of the lab, the one that makes the data template included.
std::string CommonServerConfig();
// A node's whole my.cnf.
std::string ServerConfig(const Plan& plan, const std::string& node);
std::string HaproxyConfig(const Plan& plan);
// minder.yaml for all parties, as deploy/minder.yaml explains it.
std::string MinderConfig(const Plan& plan);
// Shell lines that put minder's programs on the PATH and point minderctl at the lab.
std::string EnvFile(const Plan& plan);

// Replaces a file, readable by all; the lab's files need not survive a power cut.
absl::Status WriteFile(const std::string& path, const std::string& content);

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_CONFIG_FILES_H_
