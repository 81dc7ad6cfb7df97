#ifndef MINDER_COMMON_BASE_FAILPOINT_H_
#define MINDER_COMMON_BASE_FAILPOINT_H_

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace minder {

// Moments at which a test can have a program die, fail or stop (docs/adr/0020-failpoints.md). Each is reached by a
// test, which tests/style/failpoints_test.py makes sure of.
inline constexpr std::array<std::string_view, 9> kFailpoints = {
    "store.before_commit",     // of the arbitrator's state; what: the grant's state, or the kind of the record
    "store.after_commit",      // on disk, and nobody knows yet
    "message.before_send",     // by any party; what: the verb
    "message.after_send",      // handed to gRPC
    "file.before_write",       // of an agent's promise or drain; what: the name of the file
    "file.before_rename",      // the new content lies beside the old
    "file.after_rename",       // the new content counts, and its directory is not synced
    "agent.before_promotion",  // the order is accepted, on disk, and not begun
    "agent.after_promotion",   // the order was carried out, and its outcome is not on disk
};

// A name of kFailpoints; any other does not compile.
class FailpointName {
 public:
  consteval FailpointName(const char* name)  // NOLINT(google-explicit-constructor): stands for its text
      : name_(std::ranges::find(kFailpoints, std::string_view(name)) == kFailpoints.end() ? throw "not in kFailpoints"
                                                                                          : name) {}
  std::string_view name() const { return name_; }

 private:
  std::string_view name_;
};

inline constexpr int kFailpointExit = 86;  // exit code of a program that died of one

#ifdef MINDER_FAILPOINTS
// Does what MINDER_FAILPOINTS in the environment says about this moment: "NAME=exit,NAME/WHAT=error,…". exit ends the
// process at once, as SIGKILL would; stop waits for SIGCONT; error gives UNAVAILABLE. OK when it says nothing.
absl::Status Failpoint(FailpointName name, std::string_view what = "");
#else
inline absl::Status Failpoint(FailpointName, std::string_view = "") { return absl::OkStatus(); }
#endif

}  // namespace minder

#endif  // MINDER_COMMON_BASE_FAILPOINT_H_
