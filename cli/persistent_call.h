#ifndef MINDER_CLI_PERSISTENT_CALL_H_
#define MINDER_CLI_PERSISTENT_CALL_H_

#include <functional>
#include <string>

#include "absl/time/time.h"
#include "cli/control_client.h"
#include "cli/session.h"
#include "common/base/clock.h"

namespace minder {

// One idempotent stream that outlives the arbitrator's connection: it is made again while the arbitrator goes away and
// comes back, until its deadline. An arbitrator that cannot be reached in the first place is not waited for.
class PersistentCall {
 public:
  using Call = std::function<CallResult(const StreamLimits& limits)>;

  // `deadline` may be infinite. `meanwhile` tells the user, when the arbitrator goes away, what that means: "the drain
  // goes on".
  PersistentCall(const Session& session, absl::Duration deadline, std::string meanwhile);

  // Gives the result of the last call, with `connected` and `answered` of all of them. DEADLINE_EXCEEDED at the
  // deadline.
  CallResult Run(const Call& call);

  // `call` has to say so with each response.
  void Answered();

 private:
  StreamLimits NextLimits() const;
  bool WorthAnother(const CallResult& result) const;
  void SayThatItIsAway();

  const Session& session_;
  const BootClock clock_;
  const BootTime end_;
  const std::string meanwhile_;
  bool connected_ = false;  // in any of the calls
  bool answered_ = false;
  bool away_ = false;
  absl::Duration pause_;  // before the next call
};

}  // namespace minder

#endif  // MINDER_CLI_PERSISTENT_CALL_H_
