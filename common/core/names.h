#ifndef MINDER_COMMON_CORE_NAMES_H_
#define MINDER_COMMON_CORE_NAMES_H_

#include <string>

#include "minder/v1/decision.pb.h"
#include "minder/v1/status.pb.h"

namespace minder {

// Enum values as humans read them: lower case, without the type's prefix ("waiting-for-balancers"); "unknown" for the
// zero value, "unknown(7)" for one of a newer party. Diagnoses stay in capitals: humans know them by that name.
std::string ShortName(v1::Ternary value);
std::string ShortName(v1::LocalState value);
std::string ShortName(v1::DrainState value);
std::string ShortName(v1::BackendState value);
std::string ShortName(v1::Diagnosis value);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_NAMES_H_
