#ifndef MINDER_COMMON_CORE_PARTY_H_
#define MINDER_COMMON_CORE_PARTY_H_

#include <string>
#include <vector>

#include "minder/v1/config.pb.h"
#include "minder/v1/party.pb.h"

namespace minder {

// The parties of a configuration (design.md section 1). `name` is not looked up.
v1::Party ArbitratorParty(const v1::Configuration& configuration);
v1::Party DbserverParty(const v1::Configuration& configuration, const std::string& name);
v1::Party DbclientParty(const v1::Configuration& configuration, const std::string& name);

// "dbserver node1", for humans. Safe for a log line: the name may come from a stranger, so it is escaped and cut to 64
// bytes.
std::string Describe(const v1::Party& party);

// "arbitrator", "dbserver", …; "unknown party" for a type that this version does not know.
std::string PartyTypeName(v1::PartyType type);

// Type, name and cluster are equal.
bool SameParty(const v1::Party& a, const v1::Party& b);

// True when `party` is the arbitrator, a dbserver or a dbclient of the configuration.
bool IsConfigured(const v1::Party& party, const v1::Configuration& configuration);

// With whom `self` corresponds, and with nobody else (design.md section 3): the arbitrator with every agent, a dbserver
// with the arbitrator and every dbclient, a dbclient with the arbitrator and every dbserver. Arbitrator first, then in
// the order of the configuration. Empty for a party that is not configured.
std::vector<v1::Party> PeersOf(const v1::Party& self, const v1::Configuration& configuration);

}  // namespace minder

#endif  // MINDER_COMMON_CORE_PARTY_H_
