#ifndef MINDER_COMMON_CORE_OUTBOX_H_
#define MINDER_COMMON_CORE_OUTBOX_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "minder/v1/decision.pb.h"
#include "minder/v1/message.pb.h"

namespace minder {

// Orders are levels (ADR 0003), messages are not: remembers what every party was told last.
class Outbox {
 public:
  // The message to send for this order; nothing when the receiver was told just that.
  std::optional<v1::Message> News(const v1::Order& order);

  // The party may have forgotten all that it was told.
  void Forget(const v1::Party& party);

 private:
  std::map<std::pair<std::string, int>, std::string> told_;  // by receiver and verb: the serialized order
};

}  // namespace minder

#endif  // MINDER_COMMON_CORE_OUTBOX_H_
