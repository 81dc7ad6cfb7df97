#ifndef MINDER_COMMON_CORE_PROTO_TIME_H_
#define MINDER_COMMON_CORE_PROTO_TIME_H_

#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"

namespace minder {

// Between absl's durations and times and protobuf's, in whole nanoseconds. An absent proto duration reads as zero.
inline google::protobuf::Duration ToProto(absl::Duration d) {
  return google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(d));
}
inline absl::Duration FromProto(const google::protobuf::Duration& d) {
  return absl::Seconds(d.seconds()) + absl::Nanoseconds(d.nanos());
}

inline google::protobuf::Timestamp ToProto(absl::Time t) {
  return google::protobuf::util::TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(t));
}
inline absl::Time FromProto(const google::protobuf::Timestamp& t) {
  return absl::FromUnixSeconds(t.seconds()) + absl::Nanoseconds(t.nanos());
}

}  // namespace minder

#endif  // MINDER_COMMON_CORE_PROTO_TIME_H_
