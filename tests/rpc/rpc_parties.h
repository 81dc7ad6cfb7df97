#ifndef MINDER_TESTS_RPC_RPC_PARTIES_H_
#define MINDER_TESTS_RPC_RPC_PARTIES_H_

#include <string>

#include "minder/v1/party.pb.h"

namespace minder {

// A party of the cluster "shop".
inline v1::Party TestParty(v1::PartyType type, const std::string& name) {
  v1::Party party;
  party.set_type(type);
  party.set_name(name);
  party.set_cluster("shop");
  return party;
}

}  // namespace minder

#endif  // MINDER_TESTS_RPC_RPC_PARTIES_H_
