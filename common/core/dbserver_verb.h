#ifndef MINDER_COMMON_CORE_DBSERVER_VERB_H_
#define MINDER_COMMON_CORE_DBSERVER_VERB_H_

#include <optional>

#include "minder/v1/message.pb.h"

namespace minder {

// What a dbserver agent carries out, or refuses and reports why. Whoever switches over these handles all of them, or is
// not compiled.
enum class DbserverVerb { kRequestStatus, kDrain, kUndrain, kFreeze, kMakePrimary, kEvictMember, kRecover, kHoldDown };

// Nothing for a verb that a dbserver agent ignores: it is for others, or of a later version.
constexpr std::optional<DbserverVerb> DbserverVerbOf(v1::Message::VerbCase verb) {
  switch (verb) {
    case v1::Message::kRequestStatus:
      return DbserverVerb::kRequestStatus;
    case v1::Message::kDrain:
      return DbserverVerb::kDrain;
    case v1::Message::kUndrain:
      return DbserverVerb::kUndrain;
    case v1::Message::kFreeze:
      return DbserverVerb::kFreeze;
    case v1::Message::kMakePrimary:
      return DbserverVerb::kMakePrimary;
    case v1::Message::kEvictMember:
      return DbserverVerb::kEvictMember;
    case v1::Message::kRecover:
      return DbserverVerb::kRecover;
    case v1::Message::kHoldDown:
      return DbserverVerb::kHoldDown;
    default:
      return std::nullopt;
  }
}

}  // namespace minder

#endif  // MINDER_COMMON_CORE_DBSERVER_VERB_H_
