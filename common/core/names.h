#ifndef MINDER_COMMON_CORE_NAMES_H_
#define MINDER_COMMON_CORE_NAMES_H_

#include <string>

#include "minder/v1/decision.pb.h"
#include "minder/v1/status.pb.h"

namespace minder {

// Enum values as humans read them: without the prefix of the type and in lower case ("waiting_for_balancers");
// "unknown" for the zero value and for numbers that this version does not know. Diagnoses stay in capitals, as the
// documents write them.
std::string ShortName(v1::Ternary value);
std::string ShortName(v1::LocalState value);
std::string ShortName(v1::DrainState value);
std::string ShortName(v1::BackendState value);
std::string ShortName(v1::Diagnosis value);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_NAMES_H_
