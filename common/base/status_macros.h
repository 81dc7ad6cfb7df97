#ifndef MINDER_COMMON_BASE_STATUS_MACROS_H_
#define MINDER_COMMON_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function when `expression`, an absl::Status, is an error.
#define MINDER_RETURN_IF_ERROR(expression)                    \
  do {                                                        \
    if (absl::Status status_ = (expression); !status_.ok()) { \
      return status_;                                         \
    }                                                         \
  } while (false)

#define MINDER_CONCAT_INNER(a, b) a##b
#define MINDER_CONCAT(a, b) MINDER_CONCAT_INNER(a, b)

// Assigns the value of `expression`, an absl::StatusOr, to `target`, or returns its error.
#define MINDER_ASSIGN_OR_RETURN(target, expression) \
  MINDER_ASSIGN_OR_RETURN_INNER(MINDER_CONCAT(status_or_, __LINE__), target, expression)
#define MINDER_ASSIGN_OR_RETURN_INNER(holder, target, expression) \
  auto holder = (expression);                                     \
  if (!holder.ok()) return holder.status();                       \
  target = *std::move(holder)

#endif  // MINDER_COMMON_BASE_STATUS_MACROS_H_
