#ifndef MINDER_COMMON_CORE_DIGEST_H_
#define MINDER_COMMON_CORE_DIGEST_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"

namespace minder {

// FNV-1a, 64 bits: for comparing, not for secrets.
class Digest {
 public:
  void Add(std::string_view text) {
    for (const char c : text) Byte(static_cast<unsigned char>(c));
    Byte(0);  // "ab", "c" is not "a", "bc"
  }
  void Add(std::int64_t number) { Add(absl::StrFormat("%d", number)); }
  std::string Hex() const { return absl::StrFormat("%016x", hash_); }

 private:
  void Byte(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001b3u; }
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

}  // namespace minder

#endif  // MINDER_COMMON_CORE_DIGEST_H_
