#ifndef MINDER_COMMON_CORE_SUMMARY_H_
#define MINDER_COMMON_CORE_SUMMARY_H_

#include <string>
#include <vector>

#include "common/core/facts.h"
#include "minder/v1/services.pb.h"

namespace minder {

// What humans see of a decision and of all that it rests on.
v1::StatusSummaryResponse Summarise(const v1::Configuration& config, const v1::ArbitratorState& state,
                                    const Facts& facts, const v1::Decision& decision);

// What changed from one summary to the next, a line each, for `watch`. Ages, positions and counts are no changes.
std::vector<std::string> DescribeChanges(const v1::StatusSummaryResponse& before,
                                         const v1::StatusSummaryResponse& after);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_SUMMARY_H_
