#ifndef MINDER_COMMON_RPC_CORRESPONDENT_H_
#define MINDER_COMMON_RPC_CORRESPONDENT_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "minder/v1/message.pb.h"

namespace minder {

// Largest message that any service of minder takes or sends, in bytes.
inline constexpr int kMaxMessageBytes = 1 << 20;

// The correspondence of one party with one peer (design.md section 3), without a socket, a thread or a clock: messages
// are kept until they are acknowledged, sent again after `resend_after`, and superseded by a newer message of the same
// verb; what arrives twice, late or from before the peer's reboot is discarded.
class Correspondent {
 public:
  struct Options {
    v1::Party self;
    v1::Party peer;
    std::string boot_id;  // of this machine
    absl::Duration resend_after = absl::Seconds(3);
    // The lease that rides on the ack of a db_status_report; none when not set.
    std::function<std::optional<v1::Lease>()> lease{};
  };

  // What became of a received message.
  enum class Verdict {
    kDeliver,     // new: hand it on
    kAck,         // an ack; dealt with here
    kDuplicate,   // seen before; acknowledged again
    kStale,       // older than what was delivered
    kFormerBoot,  // from before the peer's reboot, or of one of two machines under its name; not acknowledged
    kRefused,     // not from the peer, not for us, or without a verb, a boot id or a sequence
  };

  struct Counters {
    std::uint64_t sent = 0;  // with resends and acks
    std::uint64_t resent = 0;
    std::uint64_t received = 0;   // delivered
    std::uint64_t discarded = 0;  // duplicate or stale
    std::uint64_t too_large = 0;  // not sent, for the peer would end the stream
  };

  explicit Correspondent(Options options) : options_(std::move(options)) {}

  // Takes a message of which only the verb is set, and replaces an unacknowledged one of the same verb.
  // False when it is larger than the peer takes: then nothing of this verb is sent, for what it would have replaced is
  // not the state any more.
  bool Post(v1::Message verb, BootTime now);

  // A stream to the peer was opened: all that is unacknowledged is due at once. The dialling side says hello first,
  // with an ack of nothing, so that the other side knows who it is.
  void Connected(bool dialled, BootTime now);
  void Disconnected();

  Verdict Receive(const v1::Message& message, BootTime now);

  // Messages to send now, complete; empty while disconnected.
  std::vector<v1::Message> TakeDue(BootTime now);
  // When TakeDue will next have something; InfiniteFuture when that depends on other calls alone.
  BootTime NextDue() const;
  // True when messages went out on this connection and nothing at all came back for two times resend_after: it is dead,
  // whatever TCP says.
  bool LooksDead(BootTime now) const;

  const v1::Party& peer() const { return options_.peer; }
  // Of whom something was delivered last; empty before the first.
  const std::string& peer_boot_id() const { return peer_boot_id_; }
  bool connected() const { return connected_; }
  std::size_t unacknowledged() const { return outbox_.size(); }
  const Counters& counters() const { return counters_; }

 private:
  struct Pending {
    v1::Message message;
    BootTime due;
    bool sent = false;  // on this connection
  };

  void Seal(v1::Message& message, BootTime now);
  void Echo(v1::Message& message, BootTime now) const;
  void Acknowledge(const v1::Message& message);

  Options options_;
  bool connected_ = false;
  bool hello_due_ = false;
  std::uint64_t last_sequence_ = 0;
  std::optional<BootTime> unanswered_since_;
  std::uint64_t heard_ = 0;  // sequence of the last ack on this connection
  BootTime heard_at_;
  std::map<int, Pending> outbox_;   // by slot
  std::map<int, v1::Ack> ack_due_;  // by acknowledged slot
  std::string peer_boot_id_;
  std::deque<std::string> retired_boot_ids_;
  std::map<int, std::uint64_t> last_received_;  // by slot, of peer_boot_id_
  Counters counters_;
};

// How long the message had been on its way at most when it was received: it was sent after the ack that its sender had
// heard, and may have waited in a socket since, for a receiver that was paused. Zero when it does not tell.
absl::Duration OnItsWay(const v1::Message& message, BootTime received_at);

}  // namespace minder

#endif  // MINDER_COMMON_RPC_CORRESPONDENT_H_
