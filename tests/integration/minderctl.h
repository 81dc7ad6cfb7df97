#ifndef MINDER_TESTS_INTEGRATION_MINDERCTL_H_
#define MINDER_TESTS_INTEGRATION_MINDERCTL_H_

#include <future>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/subprocess.h"
#include "minder/v1/services.pb.h"
#include "tests/lab/lab.h"

namespace minder::lab {

// Runs the real minderctl against the lab's arbitrator, as a human would. 127 with the reason when it could not be run
// or did not end in a minute.
struct CtlResult {
  int code = 0;
  std::string output;  // stdout and stderr
};
CtlResult Minderctl(const Lab& lab, const std::vector<std::string>& arguments);
std::future<CtlResult> MinderctlLater(const Lab& lab, const std::vector<std::string>& arguments);

// `minderctl status_summary -o json`, parsed.
absl::StatusOr<v1::StatusSummaryResponse> Summary(const Lab& lab);
// Of it, for a test that failed: the diagnosis with its reason, and the note of each node that has one, in one line.
std::string InBrief(const absl::StatusOr<v1::StatusSummaryResponse>& summary);

// `minderctl history -o json`, all of it. UNAVAILABLE when it cannot be asked, or says that its chain does not hold.
absl::StatusOr<v1::HistoryResponse> History(const Lab& lab);

// The node's part of the summary; UNAVAILABLE when there is none.
absl::StatusOr<v1::NodeSummary> SummaryOf(const Lab& lab, const std::string& node);

// What the note of a node says that is not started, for it holds a write that the others lack.
inline constexpr char kBeyond[] = "what it wrote alone is in no other node";
// As a human is told to then: moves the data of each such node aside. Fine when there is none.
absl::Status MoveAsideWhoIsBeyond(const Lab& lab, const v1::StatusSummaryResponse& summary);

}  // namespace minder::lab

#endif  // MINDER_TESTS_INTEGRATION_MINDERCTL_H_
