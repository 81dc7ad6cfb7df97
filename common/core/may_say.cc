#include "common/core/may_say.h"

#include <algorithm>
#include <array>

namespace minder {
namespace {

using v1::Message;

struct Row {
  v1::PartyType from;
  v1::PartyType to;
  Message::VerbCase verb;
};

constexpr v1::PartyType kArbitrator = v1::PARTY_TYPE_ARBITRATOR;
constexpr v1::PartyType kDbserver = v1::PARTY_TYPE_DBSERVER;
constexpr v1::PartyType kDbclient = v1::PARTY_TYPE_DBCLIENT;

constexpr std::array kRows = {
    Row{kDbserver, kArbitrator, Message::kDbStatusReport},
    Row{kDbserver, kDbclient, Message::kDbStatusReport},
    Row{kDbclient, kArbitrator, Message::kBalancerReport},
    Row{v1::PARTY_TYPE_WSREP_NOTIFY_CMD, kDbserver, Message::kWsrepEvent},
    Row{kArbitrator, kDbserver, Message::kRequestStatus},
    Row{kArbitrator, kDbserver, Message::kFreeze},
    Row{kArbitrator, kDbserver, Message::kMakePrimary},
    Row{kArbitrator, kDbserver, Message::kEvictMember},
    Row{kArbitrator, kDbserver, Message::kRecover},
    Row{kArbitrator, kDbserver, Message::kHoldDown},
    Row{kArbitrator, kDbserver, Message::kDrain},
    Row{kArbitrator, kDbserver, Message::kUndrain},
    Row{kArbitrator, kDbclient, Message::kRoutingIntent},
    // Anybody who hears something acknowledges it, and whoever dials says hello with an ack of nothing.
    Row{kArbitrator, kDbserver, Message::kAck},
    Row{kArbitrator, kDbclient, Message::kAck},
    Row{kDbserver, kArbitrator, Message::kAck},
    Row{kDbserver, kDbclient, Message::kAck},
    Row{kDbclient, kArbitrator, Message::kAck},
    Row{kDbclient, kDbserver, Message::kAck},
};

}  // namespace

bool MaySay(const v1::Message& message) {
  const v1::PartyType from = message.sender().type();
  const v1::PartyType to = message.receiver().type();
  if (message.ack().has_lease() && (from != kArbitrator || to != kDbserver)) return false;
  return std::ranges::any_of(
      kRows, [&](const Row& row) { return row.from == from && row.to == to && row.verb == message.verb_case(); });
}

}  // namespace minder
