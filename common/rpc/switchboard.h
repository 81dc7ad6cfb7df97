#ifndef MINDER_COMMON_RPC_SWITCHBOARD_H_
#define MINDER_COMMON_RPC_SWITCHBOARD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/event_loop.h"
#include "common/rpc/correspondent.h"

namespace minder {

// One open stream of messages to some party, as a transport gives it. Both calls return at once.
class Stream {
 public:
  virtual ~Stream() = default;
  // Queues; a message that still waits gives way to a newer one of the same verb. Nothing happens after Close.
  virtual void Send(const v1::Message& message) = 0;
  // Ends the stream; `why` is what the other side is told where the transport can tell it.
  virtual void Close(const absl::Status& why) = 0;
};

// All correspondence of one party: a Correspondent for each configured peer, tied to the stream that leads to it at the
// moment. Lives on the loop. Only configured peers are listened to, and each only in what its kind may say (MaySay);
// anything else is refused, counted and logged once.
class Switchboard {
 public:
  struct Options {
    v1::Party self;
    std::vector<v1::Party> peers;
    std::string boot_id;  // BootId() of this machine
    absl::Duration resend_after = absl::Seconds(3);
  };
  struct Handlers {
    // A new message; its sender is one of the peers, and may say it.
    std::function<void(const v1::Message&)> on_message;
    // A stream to the peer was opened; what it holds in memory only may be gone, so tell it again.
    std::function<void(const v1::Party&)> on_connected;
    std::function<void(const v1::Party&)> on_disconnected;
    // A lease came with the ack of a report; the arbitrator gave it.
    std::function<void(const v1::Lease&)> on_lease{};
    // Something was discarded that this peer had said before its reboot, or that another machine says under its name.
    std::function<void(const v1::Party&)> on_former_boot{};
    // The lease for the ack of this peer's report, if any.
    std::function<std::optional<v1::Lease>(const v1::Party&)> lease_for{};
  };

  Switchboard(EventLoop& loop, Options options, Handlers handlers);
  ~Switchboard();
  Switchboard(const Switchboard&) = delete;
  Switchboard& operator=(const Switchboard&) = delete;

  // Says `verb` (a message of which only the verb is set) to a peer, now or as soon as there is a stream. `peer` must
  // be configured. What is larger than kMaxMessageBytes is not sent, counted and logged once; the stream stays.
  void Post(const v1::Party& peer, v1::Message verb);

  // For transports, on the loop. Dialled: a stream that we opened to `peer`. Received: one message of any stream; the
  // first one of a stream that was opened to us says whose it is. Closed: the stream is gone.
  void Dialled(const v1::Party& peer, const std::shared_ptr<Stream>& stream);
  void Received(const std::shared_ptr<Stream>& stream, const v1::Message& message);
  void Closed(const std::shared_ptr<Stream>& stream);

  const v1::Party& self() const { return options_.self; }
  // By name of the party, in a stable order.
  std::vector<const Correspondent*> correspondents() const;
  std::uint64_t refused() const { return refused_; }

 private:
  struct Peer {
    Correspondent correspondent;
    std::shared_ptr<Stream> stream;
    std::set<int> too_large_logged{};  // verbs whose last message was too large
  };

  std::function<std::optional<v1::Lease>()> LeaseOf(const v1::Party& peer) const;
  Peer* Find(const v1::Party& party);
  void Bind(Peer& peer, const std::shared_ptr<Stream>& stream, bool dialled);
  void Unbind(Peer& peer);
  void RefuseStranger(const std::shared_ptr<Stream>& stream, const v1::Message& message);
  void RefuseVerb(const std::shared_ptr<Stream>& stream, const v1::Message& message);
  void Refuse(const std::shared_ptr<Stream>& stream, const std::string& what);
  void NoteFormerBoot(const Correspondent& from, const v1::Message& message);
  void LogOnce(const std::string& what);
  void Flush(Peer& peer);
  void WakeAt(BootTime when);

  EventLoop& loop_;
  Options options_;
  Handlers handlers_;
  std::map<std::string, Peer> peers_;           // by Describe
  std::map<const Stream*, std::string> bound_;  // stream to key of peers_
  EventLoop::TimerId timer_ = 0;
  BootTime timer_at_ = absl::InfiniteFuture();
  std::uint64_t refused_ = 0;
  std::set<std::string> logged_;
};

// /proc/sys/kernel/random/boot_id: changes with each boot of the machine.
absl::StatusOr<std::string> BootId();

}  // namespace minder

#endif  // MINDER_COMMON_RPC_SWITCHBOARD_H_
