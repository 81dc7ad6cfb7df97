#include "cli/text.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_format.h"

namespace minder {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;  // 0 when the text does not begin with valid UTF-8
};

// Bytes that the first byte of a sequence announces, 0 when it can begin none.
std::size_t SequenceLength(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xf0 && first < 0xf5) return 4;
  return 0;
}

CodePoint DecodeFirst(std::string_view text) {
  const unsigned char first = text.front();
  const std::size_t length = SequenceLength(first);
  if (length == 0 || length > text.size()) return {};
  std::uint32_t value = length == 1 ? first : first & (0x7f >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned char next = text[i];
    if ((next & 0xc0) != 0x80) return {};
    value = value << 6 | (next & 0x3f);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value < 0xe000;
  if (value < kSmallest[length] || value > 0x10ffff || surrogate) return {};
  return {value, length};
}

bool IsHarmful(std::uint32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
  const bool separator = c == 0x2028 || c == 0x2029;
  const bool direction =
      c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
  const bool invisible = (c >= 0x200b && c <= 0x200d) || c == 0x2060 || c == 0xfeff;
  return control || separator || direction || invisible;
}

std::string Escaped(std::uint32_t c) {
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  return c < 0x80 ? absl::StrFormat("\\x%02x", c) : absl::StrFormat("\\u%04x", c);
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint c = DecodeFirst(text);
    if (c.bytes == 0) {
      out += absl::StrFormat("\\x%02x", static_cast<unsigned char>(text.front()));
    } else if (IsHarmful(c.value)) {
      out += Escaped(c.value);
    } else {
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(std::max<std::size_t>(c.bytes, 1));
  }
  return out;
}

std::size_t DisplayWidth(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](unsigned char c) { return (c & 0xc0) != 0x80; });
}

std::string ShortDuration(absl::Duration d) {
  d = std::max(d, absl::ZeroDuration());
  const auto seconds = absl::ToInt64Seconds(d);
  if (seconds < 10) return absl::StrFormat("%d.%ds", seconds, absl::ToInt64Milliseconds(d) / 100 % 10);
  if (seconds < 60) return absl::StrFormat("%ds", seconds);
  if (seconds < 3600) return absl::StrFormat("%dm%02ds", seconds / 60, seconds % 60);
  if (seconds < 86400) return absl::StrFormat("%dh%02dm", seconds / 3600, seconds / 60 % 60);
  return absl::StrFormat("%dd%02dh", seconds / 86400, seconds / 3600 % 24);
}

}  // namespace minder
