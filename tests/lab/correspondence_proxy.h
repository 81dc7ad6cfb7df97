#ifndef MINDER_TESTS_LAB_CORRESPONDENCE_PROXY_H_
#define MINDER_TESTS_LAB_CORRESPONDENCE_PROXY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "minder/v1/message.pb.h"

namespace minder::lab {

// Stands between two parties and makes their correspondence worse than any cable would: the dialling party is told the
// proxy's address, and each stream that it opens goes on to the target, message by message in both directions. What a
// party said before it hung up still arrives, late. One thing is not passed on: a stream that the target ends with an
// error is CANCELLED for the dialling party. All calls from any thread.
class CorrespondenceProxy {
 public:
  struct Options {
    std::string listen;      // host:port; port 0 takes a free one
    std::string target;      // host:port of the dialled party
    std::uint64_t seed = 1;  // of all dice; each direction of each stream has its own
  };

  // What happens to messages in either direction; the default is nothing.
  struct Faults {
    absl::Duration delay = absl::ZeroDuration();
    absl::Duration jitter = absl::ZeroDuration();  // the delay is within delay +- jitter; it never reorders by itself
    int duplicates = 0;                            // copies beside the original
    double drop = 0;                               // share of the messages, 0 to 1
    double reorder = 0;  // share that waits for its successor to go first, though not longer than 100 ms
    // Done to each message as it arrives, on the streams' threads, one at a time.
    std::function<void(v1::Message&)> change{};
    // Of these messages each waits until Release, while others pass it; it is lost with its stream.
    std::function<bool(const v1::Message&)> set_aside{};
  };

  struct Counters {
    std::uint64_t streams = 0;    // that were opened through to the target
    std::uint64_t forwarded = 0;  // with copies
    std::uint64_t dropped = 0;
    std::uint64_t duplicated = 0;  // copies made
    std::uint64_t reordered = 0;
    std::uint64_t waiting = 0;  // at this moment: delayed or held
  };

  // Listens. UNAVAILABLE when it cannot; a target that is not there only fails the streams.
  static absl::StatusOr<std::unique_ptr<CorrespondenceProxy>> Start(const Options& options);
  virtual ~CorrespondenceProxy() = default;  // ends all streams, within 2 s; what waits is lost

  virtual int port() const = 0;
  virtual Counters counters() const = 0;
  // For messages that arrive from now on.
  virtual void Set(const Faults& faults) = 0;
  // Nothing gets through, neither a message nor a new stream, until Release lets all of it go, and what was set aside.
  virtual void Hold() = 0;
  virtual void Release() = 0;
};

}  // namespace minder::lab

#endif  // MINDER_TESTS_LAB_CORRESPONDENCE_PROXY_H_
