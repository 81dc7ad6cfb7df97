#ifndef MINDER_COMMON_CORE_LOOKUP_H_
#define MINDER_COMMON_CORE_LOOKUP_H_

#include <algorithm>
#include <string>

#include "google/protobuf/repeated_ptr_field.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// The entry called `name` of a list that is sorted by name(); nullptr when there is none.
template <typename T>
const T* FindByName(const google::protobuf::RepeatedPtrField<T>& sorted, const std::string& name) {
  const auto it =
      std::ranges::lower_bound(sorted, name, {}, [](const T& entry) -> const std::string& { return entry.name(); });
  return it == sorted.end() || it->name() != name ? nullptr : &*it;
}

// The same, for changing; makes the entry, in its place, when there is none.
template <typename T>
T& FindOrAddByName(google::protobuf::RepeatedPtrField<T>& sorted, const std::string& name) {
  int at = static_cast<int>(
      std::ranges::lower_bound(sorted, name, {}, [](const T& entry) -> const std::string& { return entry.name(); }) -
      sorted.begin());
  if (at < sorted.size() && sorted[at].name() == name) return sorted[at];
  sorted.Add()->set_name(name);
  for (int i = sorted.size() - 1; i > at; --i) sorted.SwapElements(i, i - 1);
  return sorted[at];
}

// nullptr when it is not left behind.
inline const v1::LeftBehind* FindLeftBehind(const v1::DurableState& state, const std::string& dbserver) {
  const auto it = std::ranges::find(state.left_behind(), dbserver, &v1::LeftBehind::dbserver);
  return it == state.left_behind().end() ? nullptr : &*it;
}

}  // namespace minder

#endif  // MINDER_COMMON_CORE_LOOKUP_H_
