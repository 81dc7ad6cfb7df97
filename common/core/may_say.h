#ifndef MINDER_COMMON_CORE_MAY_SAY_H_
#define MINDER_COMMON_CORE_MAY_SAY_H_

#include "minder/v1/message.pb.h"

namespace minder {

// True when a party of the sender's type may say this verb to one of the receiver's type (design.md section 3); false
// for whatever the table does not name, a verb that this version does not know among it. Of the names and the clusters
// it says nothing.
bool MaySay(const v1::Message& message);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_MAY_SAY_H_
