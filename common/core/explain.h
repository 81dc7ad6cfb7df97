#ifndef MINDER_COMMON_CORE_EXPLAIN_H_
#define MINDER_COMMON_CORE_EXPLAIN_H_

#include "common/base/clock.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/services.pb.h"

namespace minder {

// The decision of this moment with all that it rests on: enough to decide the same anew, elsewhere and later. Pure.
v1::ExplainResponse Explain(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now);

// The same from an earlier answer: what this program's rules make of it.
v1::ExplainResponse Replay(const v1::ExplainResponse& captured);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_EXPLAIN_H_
