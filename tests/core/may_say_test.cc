#include "common/core/may_say.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/core/party.h"

namespace minder {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// An empty message of that verb.
v1::Message Saying(const google::protobuf::FieldDescriptor& verb, int from, int to) {
  v1::Message message;
  message.GetReflection()->MutableMessage(&message, &verb);
  message.mutable_sender()->set_type(static_cast<v1::PartyType>(from));
  message.mutable_receiver()->set_type(static_cast<v1::PartyType>(to));
  return message;
}

// "dbserver > arbitrator", for each pair of parties that has the verb between them.
std::vector<std::string> Between(const google::protobuf::FieldDescriptor& verb) {
  std::vector<std::string> pairs;
  for (int from = v1::PartyType_MIN; from <= v1::PartyType_MAX; ++from) {
    for (int to = v1::PartyType_MIN; to <= v1::PartyType_MAX; ++to) {
      if (MaySay(Saying(verb, from, to)))
        pairs.push_back(PartyTypeName(static_cast<v1::PartyType>(from)) + " > " +
                        PartyTypeName(static_cast<v1::PartyType>(to)));
    }
  }
  return pairs;
}

const google::protobuf::OneofDescriptor& Verbs() { return *v1::Message::descriptor()->FindOneofByName("verb"); }

TEST(MaySay, EveryVerbOfTheLanguageHasItsRow) {
  for (int i = 0; i < Verbs().field_count(); ++i)
    EXPECT_THAT(Between(*Verbs().field(i)), Not(IsEmpty())) << Verbs().field(i)->name();
}

// design.md section 3, once more and the other way round.
TEST(MaySay, NobodyElseSaysIt) {
  for (int i = 0; i < Verbs().field_count(); ++i) {
    const google::protobuf::FieldDescriptor& verb = *Verbs().field(i);
    const std::string& name = verb.name();
    SCOPED_TRACE(name);
    if (name == "ack") {
      EXPECT_THAT(Between(verb),
                  UnorderedElementsAre("arbitrator > dbserver", "arbitrator > dbclient", "dbserver > arbitrator",
                                       "dbserver > dbclient", "dbclient > arbitrator", "dbclient > dbserver"));
    } else if (name == "db_status_report") {
      EXPECT_THAT(Between(verb), UnorderedElementsAre("dbserver > arbitrator", "dbserver > dbclient"));
    } else if (name == "balancer_report") {
      EXPECT_THAT(Between(verb), UnorderedElementsAre("dbclient > arbitrator"));
    } else if (name == "wsrep_event") {
      EXPECT_THAT(Between(verb), UnorderedElementsAre("wsrep_notify_cmd > dbserver"));
    } else if (name == "routing_intent") {
      EXPECT_THAT(Between(verb), UnorderedElementsAre("arbitrator > dbclient"));
    } else {
      EXPECT_THAT(Between(verb), UnorderedElementsAre("arbitrator > dbserver")) << "an order";
    }
  }
}

TEST(MaySay, OnlyTheArbitratorGivesALeaseAndOnlyToADbserver) {
  const google::protobuf::FieldDescriptor& ack = *v1::Message::descriptor()->FindFieldByName("ack");
  for (int from = v1::PartyType_MIN; from <= v1::PartyType_MAX; ++from) {
    for (int to = v1::PartyType_MIN; to <= v1::PartyType_MAX; ++to) {
      v1::Message message = Saying(ack, from, to);
      message.mutable_ack()->mutable_lease();
      EXPECT_EQ(MaySay(message), from == v1::PARTY_TYPE_ARBITRATOR && to == v1::PARTY_TYPE_DBSERVER)
          << from << " > " << to;
    }
  }
}

TEST(MaySay, WhatIsUnknownIsRefused) {
  v1::Message message;
  EXPECT_FALSE(MaySay(message));
  message.mutable_sender()->set_type(v1::PARTY_TYPE_ARBITRATOR);
  message.mutable_receiver()->set_type(v1::PARTY_TYPE_DBSERVER);
  EXPECT_FALSE(MaySay(message)) << "no verb, or one of a newer version";
  message.mutable_drain();
  EXPECT_TRUE(MaySay(message));
  message.mutable_sender()->set_type(static_cast<v1::PartyType>(99));
  EXPECT_FALSE(MaySay(message));
}

}  // namespace
}  // namespace minder
