#ifndef MINDER_CLI_PRINT_STATUS_H_
#define MINDER_CLI_PRINT_STATUS_H_

#include <string>

#include "absl/time/time.h"
#include "minder/v1/services.pb.h"

namespace minder {

// A status summary for humans: a line with diagnosis, rule, epoch and reason, one with the command that a human may use
// where nothing is done, then a table of dbservers. `wide` adds
// columns.
std::string RenderSummary(const v1::StatusSummaryResponse& summary, bool wide, bool color);

// The reports of request_status for humans: a table that says which dbservers answered.
std::string RenderReports(const v1::RequestStatusResponse& response, bool color);

// A watched change for humans: a line for each, with its wall time in `zone`. The first response of a stream, which
// carries no change, gives the diagnosis.
std::string RenderChanges(const v1::WatchResponse& response, absl::TimeZone zone, bool color);

}  // namespace minder

#endif  // MINDER_CLI_PRINT_STATUS_H_
