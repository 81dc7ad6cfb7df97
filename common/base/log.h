#ifndef MINDER_COMMON_BASE_LOG_H_
#define MINDER_COMMON_BASE_LOG_H_

#include <string>

#include "absl/status/status.h"
#include "spdlog/spdlog.h"  // IWYU pragma: export

namespace minder {

// Sends all logging to stderr, one line each, with wall time and `program`. INVALID_ARGUMENT for a level that is not
// one of trace, debug, info, warn, error. Log with spdlog::info and its like; never log a password or a statement of
// somebody else's session.
absl::Status StartLogging(const std::string& program, const std::string& level);

}  // namespace minder

#endif  // MINDER_COMMON_BASE_LOG_H_
