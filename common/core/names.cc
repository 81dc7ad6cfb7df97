#include "common/core/names.h"

#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace minder {
namespace {

std::string Strip(const std::string& name, std::string_view prefix) {
  if (name.empty() || name.size() < prefix.size() || absl::EndsWith(name, "_UNSPECIFIED")) return "unknown";
  return absl::AsciiStrToLower(name.substr(prefix.size()));
}

}  // namespace

std::string ShortName(v1::Ternary value) { return Strip(v1::Ternary_Name(value), "TERNARY_"); }
std::string ShortName(v1::LocalState value) { return Strip(v1::LocalState_Name(value), "LOCAL_STATE_"); }
std::string ShortName(v1::DrainState value) { return Strip(v1::DrainState_Name(value), "DRAIN_STATE_"); }
std::string ShortName(v1::BackendState value) { return Strip(v1::BackendState_Name(value), "BACKEND_STATE_"); }
std::string ShortName(v1::Diagnosis value) {
  return absl::AsciiStrToUpper(Strip(v1::Diagnosis_Name(value), "DIAGNOSIS_"));
}

}  // namespace minder
