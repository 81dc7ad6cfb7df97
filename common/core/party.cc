#include "common/core/party.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"

namespace minder {
namespace {

constexpr std::size_t kShownNameBytes = 64;

v1::Party Make(v1::PartyType type, const std::string& name, const v1::Configuration& configuration) {
  v1::Party party;
  party.set_type(type);
  party.set_name(name);
  party.set_cluster(configuration.cluster());
  return party;
}

bool Contains(const std::vector<v1::Party>& parties, const v1::Party& party) {
  return std::any_of(parties.begin(), parties.end(), [&](const v1::Party& p) { return SameParty(p, party); });
}

std::vector<v1::Party> Dbservers(const v1::Configuration& configuration) {
  std::vector<v1::Party> parties;
  for (const auto& dbserver : configuration.dbservers()) {
    parties.push_back(DbserverParty(configuration, dbserver.name()));
  }
  return parties;
}

std::vector<v1::Party> Dbclients(const v1::Configuration& configuration) {
  std::vector<v1::Party> parties;
  for (const auto& dbclient : configuration.dbclients()) {
    parties.push_back(DbclientParty(configuration, dbclient.name()));
  }
  return parties;
}

std::vector<v1::Party> Join(std::vector<v1::Party> first, const std::vector<v1::Party>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

v1::Party ArbitratorParty(const v1::Configuration& configuration) {
  return Make(v1::PARTY_TYPE_ARBITRATOR, configuration.arbitrator().name(), configuration);
}

v1::Party DbserverParty(const v1::Configuration& configuration, const std::string& name) {
  return Make(v1::PARTY_TYPE_DBSERVER, name, configuration);
}

v1::Party DbclientParty(const v1::Configuration& configuration, const std::string& name) {
  return Make(v1::PARTY_TYPE_DBCLIENT, name, configuration);
}

std::string PartyTypeName(v1::PartyType type) {
  switch (type) {
    case v1::PARTY_TYPE_ARBITRATOR:
      return "arbitrator";
    case v1::PARTY_TYPE_DBSERVER:
      return "dbserver";
    case v1::PARTY_TYPE_DBCLIENT:
      return "dbclient";
    case v1::PARTY_TYPE_WSREP_NOTIFY_CMD:
      return "wsrep_notify_cmd";
    case v1::PARTY_TYPE_COMMAND:
      return "command";
    default:
      return "unknown party";
  }
}

std::string Describe(const v1::Party& party) {
  return absl::StrFormat("%s %s", PartyTypeName(party.type()),
                         absl::CHexEscape(party.name().substr(0, kShownNameBytes)));
}

bool SameParty(const v1::Party& a, const v1::Party& b) {
  return a.type() == b.type() && a.name() == b.name() && a.cluster() == b.cluster();
}

bool IsConfigured(const v1::Party& party, const v1::Configuration& configuration) {
  return SameParty(party, ArbitratorParty(configuration)) || Contains(Dbservers(configuration), party) ||
         Contains(Dbclients(configuration), party);
}

std::vector<v1::Party> PeersOf(const v1::Party& self, const v1::Configuration& configuration) {
  if (!IsConfigured(self, configuration)) return {};
  switch (self.type()) {
    case v1::PARTY_TYPE_ARBITRATOR:
      return Join(Dbservers(configuration), Dbclients(configuration));
    case v1::PARTY_TYPE_DBSERVER:
      return Join({ArbitratorParty(configuration)}, Dbclients(configuration));
    case v1::PARTY_TYPE_DBCLIENT:
      return Join({ArbitratorParty(configuration)}, Dbservers(configuration));
    default:
      return {};
  }
}

}  // namespace minder
