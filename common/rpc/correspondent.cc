#include "common/rpc/correspondent.h"

#include <algorithm>

#include "common/core/party.h"
#include "common/core/proto_time.h"

namespace minder {
namespace {

// A peer's machine is not rebooted more often than this while one of its messages is under way.
constexpr std::size_t kRetiredBootIds = 8;
// A connection on which nothing came back for this many times resend_after is dead.
constexpr int kResendsWithoutAnswer = 2;

// What CorrespondRequest and CorrespondResponse add to a message: a tag, and its length.
constexpr std::size_t kWrapping = 16;

// What supersedes what. Each verb has a slot of its own, but drain and undrain are two words for one state.
int SlotOf(const v1::Message& message) {
  return message.has_undrain() ? static_cast<int>(v1::Message::kDrain) : static_cast<int>(message.verb_case());
}

}  // namespace

bool Correspondent::Post(v1::Message verb, BootTime now) {
  Seal(verb, now);
  const int slot = SlotOf(verb);
  if (verb.ByteSizeLong() + kWrapping > kMaxMessageBytes) {
    ++counters_.too_large;
    outbox_.erase(slot);
    return false;
  }
  outbox_[slot] = {.message = std::move(verb), .due = now};
  return true;
}

void Correspondent::Connected(bool dialled, BootTime now) {
  connected_ = true;
  hello_due_ = dialled;
  unanswered_since_.reset();
  for (auto& [verb, pending] : outbox_) {
    pending.due = now;
    pending.sent = false;
  }
}

void Correspondent::Disconnected() {
  connected_ = false;
  hello_due_ = false;
  ack_due_.clear();
  heard_ = 0;
}

Correspondent::Verdict Correspondent::Receive(const v1::Message& message, BootTime now) {
  if (!SameParty(message.sender(), options_.peer) || !SameParty(message.receiver(), options_.self) ||
      message.verb_case() == v1::Message::VERB_NOT_SET || message.boot_id().empty() || message.sequence() == 0) {
    return Verdict::kRefused;
  }
  unanswered_since_.reset();
  if (message.has_ack()) {
    heard_ = message.sequence();
    heard_at_ = now;
    const auto it = outbox_.find(static_cast<int>(message.ack().verb()));
    if (it != outbox_.end() && it->second.message.sequence() == message.ack().sequence() &&
        it->second.message.boot_id() == message.ack().boot_id()) {
      outbox_.erase(it);
    }
    return Verdict::kAck;
  }
  if (message.boot_id() != peer_boot_id_) {
    if (std::ranges::find(retired_boot_ids_, message.boot_id()) != retired_boot_ids_.end()) {
      ++counters_.discarded;
      return Verdict::kFormerBoot;
    }
    retired_boot_ids_.push_back(std::exchange(peer_boot_id_, message.boot_id()));
    if (retired_boot_ids_.size() > kRetiredBootIds) retired_boot_ids_.pop_front();
    last_received_.clear();
  }
  std::uint64_t& last = last_received_[SlotOf(message)];
  if (message.sequence() < last) {
    ++counters_.discarded;
    return Verdict::kStale;
  }
  Acknowledge(message);
  if (message.sequence() == last) {
    ++counters_.discarded;
    return Verdict::kDuplicate;
  }
  last = message.sequence();
  ++counters_.received;
  return Verdict::kDeliver;
}

std::vector<v1::Message> Correspondent::TakeDue(BootTime now) {
  std::vector<v1::Message> due;
  if (!connected_) return due;
  if (std::exchange(hello_due_, false)) {
    v1::Message hello;
    hello.mutable_ack();
    Seal(hello, now);
    due.push_back(std::move(hello));
  }
  for (const auto& [verb, ack] : std::exchange(ack_due_, {})) {
    v1::Message message;
    *message.mutable_ack() = ack;
    const auto lease =
        options_.lease && verb == v1::Message::kDbStatusReport ? options_.lease() : std::optional<v1::Lease>();
    if (lease) *message.mutable_ack()->mutable_lease() = *lease;
    Seal(message, now);
    due.push_back(std::move(message));
  }
  for (auto& [verb, pending] : outbox_) {
    if (pending.due > now) continue;
    if (std::exchange(pending.sent, true)) ++counters_.resent;
    if (!unanswered_since_) unanswered_since_ = now;
    pending.due = now + options_.resend_after;
    due.push_back(pending.message);
  }
  for (v1::Message& message : due) Echo(message, now);
  counters_.sent += due.size();
  return due;
}

BootTime Correspondent::NextDue() const {
  if (!connected_) return absl::InfiniteFuture();
  if (hello_due_ || !ack_due_.empty()) return absl::InfinitePast();
  BootTime next = absl::InfiniteFuture();
  for (const auto& [verb, pending] : outbox_) next = std::min(next, pending.due);
  return next;
}

bool Correspondent::LooksDead(BootTime now) const {
  return connected_ && unanswered_since_ && now - *unanswered_since_ >= kResendsWithoutAnswer * options_.resend_after;
}

void Correspondent::Seal(v1::Message& message, BootTime now) {
  // The boot clock as a floor lets a restarted party go on above all that it said before, without remembering it.
  const auto floor = static_cast<std::uint64_t>(absl::ToInt64Nanoseconds(ToSinceBoot(now)));
  last_sequence_ = std::max(last_sequence_ + 1, floor);
  *message.mutable_sender() = options_.self;
  *message.mutable_receiver() = options_.peer;
  message.set_sequence(last_sequence_);
  message.set_boot_id(options_.boot_id);
}

// Only an ack is sealed when it is sent; what is sent again has its first sequence.
void Correspondent::Echo(v1::Message& message, BootTime now) const {
  if (heard_ == 0) return;
  message.set_heard(heard_);
  *message.mutable_heard_ago() = ToProto(now - heard_at_);
}

void Correspondent::Acknowledge(const v1::Message& message) {
  v1::Ack& ack = ack_due_[SlotOf(message)];
  ack.set_boot_id(message.boot_id());
  ack.set_sequence(message.sequence());
  ack.set_verb(static_cast<std::uint32_t>(SlotOf(message)));
}

absl::Duration OnItsWay(const v1::Message& message, BootTime received_at) {
  if (message.heard() == 0) return absl::ZeroDuration();
  const BootTime heard = SinceBoot(absl::Nanoseconds(static_cast<std::int64_t>(message.heard())));
  const absl::Duration since = std::max(FromProto(message.heard_ago()), absl::ZeroDuration());
  return std::max(received_at - heard - since, absl::ZeroDuration());
}

}  // namespace minder
