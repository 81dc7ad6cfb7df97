#ifndef MINDER_COMMON_CORE_DEPARTURE_H_
#define MINDER_COMMON_CORE_DEPARTURE_H_

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "minder/v1/status.pb.h"

namespace minder {

// For the agent: how its mariadbd came out of its last primary component, as far as reports show it. Pure.
class DepartureWatch {
 public:
  // Every report, in order; what it is to say.
  const std::optional<v1::Departure>& OnObserved(const v1::DbStatusReport& report, BootTime observed_at);

 private:
  std::optional<BootTime> primary_at_;  // settled, in `view_`
  std::string view_;
  std::int64_t pid_ = 0;
  std::optional<v1::Departure> departure_;
};

}  // namespace minder

#endif  // MINDER_COMMON_CORE_DEPARTURE_H_
