#ifndef MINDER_CLI_PRINT_EXPLAIN_H_
#define MINDER_CLI_PRINT_EXPLAIN_H_

#include <string>

#include "absl/time/time.h"
#include "minder/v1/services.pb.h"

namespace minder {

// A decision for humans in one line: diagnosis, rule, reason.
std::string RenderDecision(const v1::Decision& decision, bool color);

// The decision, a table of its facts, what is proven for a promotion and what is not, its orders, and the command that
// would override it.
std::string RenderExplain(const v1::ExplainResponse& response, bool color);

// A recovery from a full stop: what is known of each dbserver, what is missing, what is done.
std::string RenderRecovery(const v1::RecoveryPlan& plan, bool color);

// What a promotion does or would do: who, and what it rests on, a line each.
std::string RenderPromotion(const v1::Decision& decision, const std::string& digest);

// The audit trail as a table, newest first; `wide` adds evidence and hash.
std::string RenderHistory(const v1::HistoryResponse& response, absl::TimeZone zone, bool wide);

}  // namespace minder

#endif  // MINDER_CLI_PRINT_EXPLAIN_H_
