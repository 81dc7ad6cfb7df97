#ifndef MINDER_TESTS_FUZZ_ORACLE_H_
#define MINDER_TESTS_FUZZ_ORACLE_H_

#include <string>

#include "common/base/clock.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/decision.pb.h"

namespace minder {

// What is wrong with a decision, a line each; "" when nothing is. Judged by the reports themselves and by what was
// durable before, with nothing of the core: O1 to O5 and O8 of design.md section 4, that each order is one that its
// receiver can place, and that whatever is done is on the record. `state` is one that the shell can be in: lists are
// sorted, and its own times lie in the past.
std::string WhatIsWrong(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now,
                        const v1::Decision& decision);

}  // namespace minder

#endif  // MINDER_TESTS_FUZZ_ORACLE_H_
