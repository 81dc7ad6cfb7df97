#include "cli/persistent_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/text.h"
#include "cli/verdict.h"

namespace minder {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(2);
// gRPC ends a call up to a millisecond before our own clock says so.
constexpr absl::Duration kClockSlack = absl::Milliseconds(5);

}  // namespace

PersistentCall::PersistentCall(const Session& session, absl::Duration deadline, std::string meanwhile)
    : session_(session), end_(clock_.Now() + deadline), meanwhile_(std::move(meanwhile)), pause_(kFirstPause) {}

CallResult PersistentCall::Run(const Call& call) {
  while (true) {
    CallResult result = call(NextLimits());
    connected_ = result.connected = result.connected || connected_;
    answered_ = result.answered = result.answered || answered_;
    if (!WorthAnother(result)) return result;
    SayThatItIsAway();
    session_.guard.Sleep(std::min(pause_, end_ - clock_.Now()));
    pause_ = std::min(pause_ * 2, kLongestPause);
  }
}

void PersistentCall::Answered() {
  if (away_) session_.output.Message("the arbitrator is back");
  away_ = false;
  answered_ = true;
  pause_ = kFirstPause;
}

StreamLimits PersistentCall::NextLimits() const {
  const absl::Duration left = std::max(end_ - clock_.Now(), absl::Milliseconds(1));
  return {.first_answer = std::min(session_.timeout, left), .total = left, .patient = connected_};
}

bool PersistentCall::WorthAnother(const CallResult& result) const {
  const bool fell_silent = absl::IsDeadlineExceeded(result.status) && answered_;
  const bool retriable = WentAway(result) || fell_silent;
  return retriable && connected_ && !session_.guard.interrupted() && session_.output.status().ok() &&
         clock_.Now() + kClockSlack < end_;
}

void PersistentCall::SayThatItIsAway() {
  if (std::exchange(away_, true)) return;
  session_.output.Message(absl::StrFormat("the arbitrator at %s does not answer any more; %s; trying again",
                                          Printable(session_.address), meanwhile_));
}

}  // namespace minder
