#include "common/core/names.h"

#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace minder {
namespace {

std::string WithoutPrefix(const std::string& name, std::string_view prefix, int number) {
  if (name.empty()) return absl::StrFormat("UNKNOWN(%d)", number);
  std::string rest = name.substr(prefix.size());
  return rest == "UNSPECIFIED" ? "UNKNOWN" : rest;
}

std::string Lower(const std::string& name) { return absl::AsciiStrToLower(absl::StrReplaceAll(name, {{"_", "-"}})); }

}  // namespace

std::string ShortName(v1::Ternary value) { return Lower(WithoutPrefix(v1::Ternary_Name(value), "TERNARY_", value)); }
std::string ShortName(v1::LocalState value) {
  return Lower(WithoutPrefix(v1::LocalState_Name(value), "LOCAL_STATE_", value));
}
std::string ShortName(v1::DrainState value) {
  return Lower(WithoutPrefix(v1::DrainState_Name(value), "DRAIN_STATE_", value));
}
std::string ShortName(v1::BackendState value) {
  return Lower(WithoutPrefix(v1::BackendState_Name(value), "BACKEND_STATE_", value));
}
std::string ShortName(v1::Diagnosis value) { return WithoutPrefix(v1::Diagnosis_Name(value), "DIAGNOSIS_", value); }

}  // namespace minder
