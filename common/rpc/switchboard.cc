#include "common/rpc/switchboard.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/core/may_say.h"
#include "common/core/party.h"

namespace minder {
namespace {

// Enough to see who is wrongly configured, little enough that a stranger cannot fill the memory.
constexpr std::size_t kMaxLogged = 64;
constexpr std::size_t kShownBootIdBytes = 64;

std::string_view VerbName(const v1::Message& message) {
  const auto* verb = message.GetDescriptor()->FindFieldByNumber(message.verb_case());
  return verb == nullptr ? "" : std::string_view(verb->name());
}

}  // namespace

Switchboard::Switchboard(EventLoop& loop, Options options, Handlers handlers)
    : loop_(loop), options_(std::move(options)), handlers_(std::move(handlers)) {
  for (const v1::Party& peer : options_.peers) {
    peers_.emplace(Describe(peer), Peer{.correspondent = Correspondent({.self = options_.self,
                                                                        .peer = peer,
                                                                        .boot_id = options_.boot_id,
                                                                        .resend_after = options_.resend_after,
                                                                        .lease = LeaseOf(peer)}),
                                        .stream = nullptr});
  }
}

std::function<std::optional<v1::Lease>()> Switchboard::LeaseOf(const v1::Party& peer) const {
  if (!handlers_.lease_for) return nullptr;
  return [this, peer] { return handlers_.lease_for(peer); };
}

Switchboard::~Switchboard() { loop_.Cancel(timer_); }

void Switchboard::Post(const v1::Party& peer, v1::Message verb) {
  Peer* const found = Find(peer);
  MINDER_CHECK(found != nullptr);
  const int verb_case = verb.verb_case();
  const std::string_view name = VerbName(verb);
  const bool fits = found->correspondent.Post(std::move(verb), loop_.Now());
  if (fits) found->too_large_logged.erase(verb_case);
  if (!fits && found->too_large_logged.insert(verb_case).second) {
    spdlog::error(
        "{} for {} is not sent, for it is larger than {} bytes: that is a bug of minder, please report it with "
        "'minderctl capture'",
        name, Describe(peer), kMaxMessageBytes);
  }
  Flush(*found);
}

void Switchboard::Dialled(const v1::Party& peer, const std::shared_ptr<Stream>& stream) {
  Peer* const found = Find(peer);
  MINDER_CHECK(found != nullptr);
  Bind(*found, stream, /*dialled=*/true);
}

void Switchboard::Received(const std::shared_ptr<Stream>& stream, const v1::Message& message) {
  Peer* const peer = Find(message.sender());
  const auto bound = bound_.find(stream.get());
  if (peer == nullptr || !SameParty(message.receiver(), options_.self) ||
      (bound != bound_.end() && bound->second != Describe(message.sender()))) {
    return RefuseStranger(stream, message);
  }
  // A verb that only a newer version knows is not worth the connection: the Correspondent passes it over.
  if (message.verb_case() != v1::Message::VERB_NOT_SET && !MaySay(message)) return RefuseVerb(stream, message);
  if (bound == bound_.end()) Bind(*peer, stream, /*dialled=*/false);
  const Correspondent::Verdict verdict = peer->correspondent.Receive(message, loop_.Now());
  if (verdict == Correspondent::Verdict::kRefused) ++refused_;
  if (verdict == Correspondent::Verdict::kFormerBoot) NoteFormerBoot(peer->correspondent, message);
  if (verdict == Correspondent::Verdict::kDeliver) handlers_.on_message(message);
  if (verdict == Correspondent::Verdict::kAck && message.ack().has_lease() && handlers_.on_lease)
    handlers_.on_lease(message.ack().lease());
  Flush(*peer);
}

void Switchboard::Closed(const std::shared_ptr<Stream>& stream) {
  const auto bound = bound_.find(stream.get());
  if (bound == bound_.end()) return;
  Unbind(peers_.at(bound->second));
}

std::vector<const Correspondent*> Switchboard::correspondents() const {
  std::vector<const Correspondent*> result;
  for (const auto& [key, peer] : peers_) result.push_back(&peer.correspondent);
  return result;
}

Switchboard::Peer* Switchboard::Find(const v1::Party& party) {
  const auto it = peers_.find(Describe(party));
  return it == peers_.end() || !SameParty(it->second.correspondent.peer(), party) ? nullptr : &it->second;
}

void Switchboard::Bind(Peer& peer, const std::shared_ptr<Stream>& stream, bool dialled) {
  if (peer.stream != nullptr) {
    const std::shared_ptr<Stream> old = peer.stream;
    Unbind(peer);
    old->Close(
        absl::AbortedError(absl::StrFormat("a newer stream of %s took over", Describe(peer.correspondent.peer()))));
  }
  peer.stream = stream;
  bound_[stream.get()] = Describe(peer.correspondent.peer());
  peer.correspondent.Connected(dialled, loop_.Now());
  spdlog::info("{} is connected", Describe(peer.correspondent.peer()));
  if (handlers_.on_connected) handlers_.on_connected(peer.correspondent.peer());
  Flush(peer);
}

void Switchboard::Unbind(Peer& peer) {
  bound_.erase(peer.stream.get());
  peer.stream.reset();
  peer.correspondent.Disconnected();
  spdlog::warn("{} is disconnected", Describe(peer.correspondent.peer()));
  if (handlers_.on_disconnected) handlers_.on_disconnected(peer.correspondent.peer());
}

void Switchboard::RefuseStranger(const std::shared_ptr<Stream>& stream, const v1::Message& message) {
  Refuse(stream, absl::StrFormat("a message from %s of cluster '%s' to %s of cluster '%s': this is %s of cluster '%s', "
                                 "and talks to its configured parties only; compare the configuration of both",
                                 Describe(message.sender()), message.sender().cluster(), Describe(message.receiver()),
                                 message.receiver().cluster(), Describe(options_.self), options_.self.cluster()));
}

void Switchboard::RefuseVerb(const std::shared_ptr<Stream>& stream, const v1::Message& message) {
  Refuse(stream, absl::StrFormat("%s%s from %s: no %s says that to a %s; look what program runs there under this name, "
                                 "and of which version",
                                 VerbName(message), message.ack().has_lease() ? " with a lease" : "",
                                 Describe(message.sender()), PartyTypeName(message.sender().type()),
                                 PartyTypeName(options_.self.type())));
}

void Switchboard::Refuse(const std::shared_ptr<Stream>& stream, const std::string& what) {
  ++refused_;
  LogOnce("refused " + what);
  stream->Close(absl::PermissionDeniedError(absl::StrFormat("%s refused %s", Describe(options_.self), what)));
}

// A machine that was rebooted may have left a late message. Of two machines under one name, the one that began to speak
// last is heard, and the other one would be silent for no reason that anybody could see.
void Switchboard::NoteFormerBoot(const Correspondent& from, const v1::Message& message) {
  LogOnce(absl::StrFormat(
      "discards what %s says from boot %s, for it has spoken from boot %s since: if this goes on after a "
      "reboot, two machines run under that name; stop the wrong one, and then restart this program",
      Describe(from.peer()), absl::CHexEscape(message.boot_id().substr(0, kShownBootIdBytes)),
      absl::CHexEscape(from.peer_boot_id().substr(0, kShownBootIdBytes))));
  if (handlers_.on_former_boot) handlers_.on_former_boot(from.peer());
}

void Switchboard::LogOnce(const std::string& what) {
  if (logged_.size() < kMaxLogged && logged_.insert(what).second) spdlog::error("{}", what);
}

void Switchboard::Flush(Peer& peer) {
  const BootTime now = loop_.Now();
  if (peer.correspondent.LooksDead(now)) {
    spdlog::warn("{} has not answered for {}; dialling anew", Describe(peer.correspondent.peer()),
                 absl::FormatDuration(2 * options_.resend_after));
    const std::shared_ptr<Stream> stream = peer.stream;
    Unbind(peer);
    stream->Close(absl::UnavailableError("nothing came back on this stream"));
    return;
  }
  for (const v1::Message& message : peer.correspondent.TakeDue(now)) {
    if (!Failpoint("message.before_send", VerbName(message)).ok()) continue;
    peer.stream->Send(message);
    Failpoint("message.after_send", VerbName(message)).IgnoreError();
  }
  WakeAt(peer.correspondent.NextDue());
}

// Only ever moves the timer forward in time, so that one message costs the same with ten thousand peers as with two.
void Switchboard::WakeAt(BootTime when) {
  if (when >= timer_at_) return;
  loop_.Cancel(timer_);
  timer_at_ = when;
  timer_ = loop_.At(when, [this] {
    timer_at_ = absl::InfiniteFuture();
    for (auto& [key, peer] : peers_) Flush(peer);
  });
}

absl::StatusOr<std::string> BootId() {
  MINDER_ASSIGN_OR_RETURN(const std::string id, ReadFile("/proc/sys/kernel/random/boot_id"));
  return std::string(absl::StripAsciiWhitespace(id));
}

}  // namespace minder
