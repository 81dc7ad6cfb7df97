#ifndef MINDER_TESTS_FUZZ_DECIDE_H_
#define MINDER_TESTS_FUZZ_DECIDE_H_

#include "minder/v1/services.pb.h"

namespace minder {

// Makes of any message a capture that an arbitrator could have made of any reports: its configuration is a valid one,
// and what it keeps itself is as it keeps it. What agents say stays as it is.
void RepairCapture(v1::ExplainResponse& capture);

}  // namespace minder

#endif  // MINDER_TESTS_FUZZ_DECIDE_H_
