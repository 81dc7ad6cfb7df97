#include "cli/settings.h"

#include <array>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/base/file.h"
#include "common/base/status_macros.h"
#include "yaml-cpp/yaml.h"

namespace minder {
namespace {

constexpr std::array<std::pair<const char*, Format>, 4> kFormats = {
    {{"table", Format::kTable}, {"wide", Format::kWide}, {"json", Format::kJson}, {"yaml", Format::kYaml}}};

template <typename T>
absl::Status Assign(absl::StatusOr<T> parsed, std::optional<T>& target) {
  MINDER_ASSIGN_OR_RETURN(target, std::move(parsed));
  return absl::OkStatus();
}

absl::Status SetValue(const std::string& key, const std::string& value, Settings& settings) {
  if (key == "arbitrator") return Assign(ParseAddress(value), settings.arbitrator);
  if (key == "output") return Assign(ParseFormat(value), settings.output);
  if (key == "timeout") return Assign(ParsePositiveDuration(value), settings.timeout);
  return absl::InvalidArgumentError("unknown key; the keys are arbitrator, output and timeout");
}

absl::Status AtLine(const std::string& path, const YAML::Mark& mark, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrFormat("%s:%d: %s", path, mark.line + 1, what));
}

absl::StatusOr<Settings> SettingsFromYaml(const std::string& path, const YAML::Node& root) {
  Settings settings;
  if (root.IsNull()) return settings;
  if (!root.IsMap()) return AtLine(path, root.Mark(), "expected lines of the form key: value");
  std::set<std::string> seen;
  for (const auto& entry : root) {
    if (!entry.first.IsScalar()) return AtLine(path, entry.first.Mark(), "expected lines of the form key: value");
    const std::string& key = entry.first.Scalar();
    if (!entry.second.IsScalar()) return AtLine(path, entry.first.Mark(), key + ": expected one plain value");
    if (!seen.insert(key).second) return AtLine(path, entry.first.Mark(), key + ": given twice");
    const absl::Status status = SetValue(key, entry.second.Scalar(), settings);
    if (!status.ok()) return AtLine(path, entry.first.Mark(), absl::StrFormat("%s: %s", key, status.message()));
  }
  return settings;
}

// A name or IPv4 address, or an IPv6 address in brackets.
bool IsHost(const std::string& text) {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  const std::string inner = bracketed ? text.substr(1, text.size() - 2) : text;
  return !inner.empty() && inner.find_first_of(bracketed ? " \t\r\n/[]" : " \t\r\n/[]:") == std::string::npos;
}

bool IsPort(const std::string& text) {
  int port = 0;
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;  // SimpleAtoi takes spaces and signs
  return digits && absl::SimpleAtoi(text, &port) && port > 0 && port <= 65535;
}

}  // namespace

absl::StatusOr<std::string> ParseAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const std::string host = text.substr(0, colon == std::string::npos ? 0 : colon);
  if (IsHost(host) && IsPort(text.substr(colon + 1))) return text;
  return absl::InvalidArgumentError(
      absl::StrFormat("'%s' is no address; write HOST:PORT, for instance 192.0.2.10:7400", text));
}

absl::StatusOr<Format> ParseFormat(const std::string& text) {
  for (const auto& [name, format] : kFormats) {
    if (text == name) return format;
  }
  return absl::InvalidArgumentError(absl::StrFormat("'%s' is no format; use table, wide, json or yaml", text));
}

absl::StatusOr<absl::Duration> ParsePositiveDuration(const std::string& text) {
  absl::Duration duration;
  const bool ok =
      absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration() && duration <= absl::Hours(24 * 365);
  if (ok) return duration;
  return absl::InvalidArgumentError(
      absl::StrFormat("'%s' is no length of time; write 500ms, 30s or 10m, more than 0 and a year at most", text));
}

Settings Merge(const Settings& stronger, const Settings& weaker) {
  Settings merged = stronger;
  if (!merged.arbitrator) merged.arbitrator = weaker.arbitrator;
  if (!merged.output) merged.output = weaker.output;
  if (!merged.timeout) merged.timeout = weaker.timeout;
  return merged;
}

absl::StatusOr<Settings> SettingsFromEnvironment(const Environment& environment) {
  constexpr std::array<std::pair<const char*, const char*>, 3> kVariables = {
      {{"MINDER_ARBITRATOR", "arbitrator"}, {"MINDER_OUTPUT", "output"}, {"MINDER_TIMEOUT", "timeout"}}};
  Settings settings;
  for (const auto& [variable, key] : kVariables) {
    const char* value = environment(variable);
    if (value == nullptr || *value == '\0') continue;
    const absl::Status status = SetValue(key, value, settings);
    if (!status.ok()) return absl::InvalidArgumentError(absl::StrFormat("%s: %s", variable, status.message()));
  }
  return settings;
}

absl::StatusOr<Settings> ParseSettings(const std::string& path, const std::string& text) {
  try {
    return SettingsFromYaml(path, YAML::Load(text));
  } catch (const YAML::Exception& error) {
    return AtLine(path, error.mark, error.msg);
  }
}

absl::StatusOr<Settings> SettingsFromFile(const std::string& path) {
  const auto text = ReadFile(path);
  if (absl::IsNotFound(text.status())) return Settings{};
  MINDER_RETURN_IF_ERROR(text.status());
  return ParseSettings(path, *text);
}

std::string UserSettingsPath(const Environment& environment) {
  const char* xdg = environment("XDG_CONFIG_HOME");
  if (xdg != nullptr && *xdg == '/') return std::string(xdg) + "/minder/minderctl.yaml";
  const char* home = environment("HOME");
  if (home != nullptr && *home == '/') return std::string(home) + "/.config/minder/minderctl.yaml";
  return "";
}

}  // namespace minder
