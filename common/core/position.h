#ifndef MINDER_COMMON_CORE_POSITION_H_
#define MINDER_COMMON_CORE_POSITION_H_

#include <algorithm>
#include <string>

#include "minder/v1/status.pb.h"

namespace minder {

// True for a uuid that is there and not all zeros, which means "no data".
inline bool IsRealUuid(const std::string& uuid) {
  return std::ranges::any_of(uuid, [](char c) { return c != '0' && c != '-'; });
}

// True for a position that data stands behind: the uuid is not zero and the seqno known.
inline bool HasData(const v1::Position& position) { return position.seqno() >= 0 && IsRealUuid(position.uuid()); }

// Where the data is: what was recovered is newer than what the file says.
inline v1::Position PositionOf(const v1::StoppedState& stopped) {
  return stopped.has_recovered() ? stopped.recovered() : stopped.grastate();
}

}  // namespace minder

#endif  // MINDER_COMMON_CORE_POSITION_H_
