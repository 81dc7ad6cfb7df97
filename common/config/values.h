#ifndef MINDER_COMMON_CONFIG_VALUES_H_
#define MINDER_COMMON_CONFIG_VALUES_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace minder {

// Checks of single values. Each returns what is wrong with `value` and what to write instead, or "" when it is fine.

// Names of parties and data centres: [A-Za-z0-9][A-Za-z0-9._-]*, at most 64 bytes. They become server names in HAProxy,
// labels in metrics and keys in JSON, and "+" joins them in a group.
std::string CheckName(const std::string& value);

// host:port; an IPv6 address stands in brackets. A wildcard host (0.0.0.0, [::]) is fine only to listen on.
enum class AddressUse { kDial, kListen };
std::string CheckAddress(const std::string& value, AddressUse use);

std::string CheckAbsolutePath(const std::string& value);

// An absolute path that fits into sockaddr_un (unix(7)).
std::string CheckSocketPath(const std::string& value);

// "900ms", "3s", "1m30s"; nothing when it is not a finite duration.
std::optional<absl::Duration> ParseDuration(const std::string& value);

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_VALUES_H_
