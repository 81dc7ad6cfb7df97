#ifndef MINDER_CLI_SETTINGS_H_
#define MINDER_CLI_SETTINGS_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace minder {

enum class Format { kTable, kWide, kJson, kYaml };

// What a user may set once instead of with each command. An absent value is left to the weaker source.
struct Settings {
  std::optional<std::string> arbitrator;  // host:port
  std::optional<Format> output;
  std::optional<absl::Duration> timeout;
};

// The value that a text stands for. INVALID_ARGUMENT says what is wrong and how to write it.
absl::StatusOr<std::string> ParseAddress(const std::string& text);              // HOST:PORT, IPv6 hosts in brackets
absl::StatusOr<Format> ParseFormat(const std::string& text);                    // table, wide, json or yaml
absl::StatusOr<absl::Duration> ParsePositiveDuration(const std::string& text);  // 500ms, 30s, 10m

// Every value of `stronger`, and those of `weaker` where it has none.
Settings Merge(const Settings& stronger, const Settings& weaker);

// Gives the value of an environment variable, nullptr when it is not set.
using Environment = std::function<const char*(const char* name)>;

// MINDER_ARBITRATOR, MINDER_OUTPUT, MINDER_TIMEOUT; empty ones count as absent.
absl::StatusOr<Settings> SettingsFromEnvironment(const Environment& environment);

// The keys arbitrator, output and timeout of a YAML file. Errors read "path:line: what".
absl::StatusOr<Settings> ParseSettings(const std::string& path, const std::string& text);

// ParseSettings of the file; no settings when there is no such file.
absl::StatusOr<Settings> SettingsFromFile(const std::string& path);

// Where the user's own file is: minder/minderctl.yaml under XDG_CONFIG_HOME or else HOME/.config; empty without either.
std::string UserSettingsPath(const Environment& environment);

inline constexpr char kSystemSettingsPath[] = "/etc/minder/minderctl.yaml";

}  // namespace minder

#endif  // MINDER_CLI_SETTINGS_H_
