#ifndef MINDER_COMMON_CORE_VIEW_WATCH_H_
#define MINDER_COMMON_CORE_VIEW_WATCH_H_

#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "minder/v1/status.pb.h"

namespace minder {

// For the agent: what a row of reports shows of the view of its mariadbd, and one of them does not. Pure.
class ViewWatch {
 public:
  // Every report, in order. Adds how the server came out of its last primary component, and for how long its view has
  // been settled.
  void OnObserved(BootTime observed_at, v1::DbStatusReport& report);

 private:
  void WatchDeparture(BootTime observed_at, const v1::DbStatusReport& report);
  void WatchView(BootTime observed_at, const v1::DbStatusReport& report);

  std::int64_t pid_ = 0;
  std::optional<BootTime> primary_at_;  // settled, in `primary_view_`
  std::string primary_view_;
  std::optional<v1::Departure> departure_;
  std::optional<BootTime> settled_at_;  // with `members_`
  std::vector<std::string> members_;
};

}  // namespace minder

#endif  // MINDER_COMMON_CORE_VIEW_WATCH_H_
