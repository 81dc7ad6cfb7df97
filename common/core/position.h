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

// True for data that goes on where `limit` ends, or is of another history.
inline bool IsBeyond(const v1::Position& position, const v1::Position& limit) {
  return HasData(position) && (position.uuid() != limit.uuid() || position.seqno() > limit.seqno());
}

// Where the data is: what was recovered is newer than what the file says. But with a zero uuid Galera says there that
// the data is nothing to go on from, for instance because it was found inconsistent (mark_corrupt in
// galera/src/saved_state.cpp), whatever position InnoDB has.
inline v1::Position PositionOf(const v1::StoppedState& stopped) {
  const bool corrupt = !stopped.grastate().uuid().empty() && !IsRealUuid(stopped.grastate().uuid());
  return stopped.has_recovered() && !corrupt ? stopped.recovered() : stopped.grastate();
}

}  // namespace minder

#endif  // MINDER_COMMON_CORE_POSITION_H_
