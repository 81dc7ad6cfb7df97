#ifndef MINDER_COMMON_CONFIG_VALIDATE_H_
#define MINDER_COMMON_CONFIG_VALIDATE_H_

#include <vector>

#include "common/config/problems.h"
#include "minder/v1/config.pb.h"

namespace minder {

// Fills in what was left out: timings, and the account "minder".
void FillDefaults(v1::Configuration& configuration);

// Everything that is wrong with a configuration as a whole, wherever it comes from; call FillDefaults first. Nothing
// here looks at the host: the same configuration is valid everywhere or nowhere.
std::vector<Problem> Validate(const v1::Configuration& configuration);

// Sorts every list by name.
void SortByName(v1::Configuration& configuration);

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_VALIDATE_H_
