#include "common/config/values.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace minder {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestHost = 253;  // RFC 1035 section 2.3.4, without the root's dot
constexpr std::size_t kShownBytes = 80;

std::string Quote(const std::string& value) {
  const bool cut = value.size() > kShownBytes;
  return absl::StrFormat("'%s%s'", absl::Utf8SafeCHexEscape(value.substr(0, kShownBytes)), cut ? "…" : "");
}

bool IsNameByte(unsigned char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-'; }

bool IsIpv4(const std::string& host) {
  in_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// A host that is made of digits and dots only is an IPv4 address, or a mistake.
bool IsHost(const std::string& host) {
  if (host.empty() || host.size() > kLongestHost || host.front() == '-' || host.front() == '.') return false;
  if (host.find_first_not_of("0123456789.") == std::string::npos) return IsIpv4(host);
  return std::all_of(host.begin(), host.end(), IsNameByte);
}

bool IsPort(const std::string& port) {
  int number = 0;
  return !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos &&
         absl::SimpleAtoi(port, &number) && number >= 1 && number <= 65535;
}

bool IsWildcard(const std::string& host) {
  in6_addr address;
  return host == "0.0.0.0" || (inet_pton(AF_INET6, host.c_str(), &address) == 1 && IN6_IS_ADDR_UNSPECIFIED(&address));
}

}  // namespace

std::string CheckName(const std::string& value) {
  if (value.size() <= kLongestName && !value.empty() && absl::ascii_isalnum(value.front()) &&
      std::all_of(value.begin(), value.end(), IsNameByte)) {
    return "";
  }
  return absl::StrFormat(
      "%s is not a name: begin with a letter or digit, then letters, digits, '.', '_' and '-', at most %d",
      Quote(value), kLongestName);
}

std::string CheckAddress(const std::string& value, AddressUse use) {
  const auto colon = value.rfind(':');
  if (colon == std::string::npos) return absl::StrFormat("%s has no port: write host:port", Quote(value));
  std::string host = value.substr(0, colon);
  const bool brackets = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  if (!brackets && IsIpv6(host)) return absl::StrFormat("%s needs brackets: write [%s]:port", Quote(value), host);
  if (brackets ? !IsIpv6(host) : !IsHost(host)) {
    return absl::StrFormat("%s has no valid host: write host:port, an IPv6 address in brackets", Quote(value));
  }
  if (!IsPort(value.substr(colon + 1))) {
    return absl::StrFormat("%s has no valid port: write host:port with a port from 1 to 65535", Quote(value));
  }
  if (use == AddressUse::kDial && IsWildcard(host)) {
    return absl::StrFormat("%s cannot be dialled: write the address of the host here, and this one as 'listen'",
                           Quote(value));
  }
  return "";
}

std::string CheckAbsolutePath(const std::string& value) {
  if (!value.empty() && value.front() == '/') return "";
  return absl::StrFormat("%s is not an absolute path: begin it with '/'", Quote(value));
}

std::string CheckSocketPath(const std::string& value) {
  constexpr std::size_t kLongestPath = sizeof(sockaddr_un::sun_path) - 1;
  if (std::string wrong = CheckAbsolutePath(value); !wrong.empty()) return wrong;
  if (value.size() <= kLongestPath) return "";
  return absl::StrFormat("%s is longer than the %d bytes that the path of a unix socket can have: choose a shorter one",
                         Quote(value), kLongestPath);
}

std::optional<absl::Duration> ParseDuration(const std::string& value) {
  absl::Duration duration;
  if (!absl::ParseDuration(value, &duration)) return std::nullopt;
  if (duration == absl::InfiniteDuration() || duration == -absl::InfiniteDuration()) return std::nullopt;
  return duration;
}

}  // namespace minder
