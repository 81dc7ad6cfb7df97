#include "common/rpc/switchboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "common/base/log.h"
#include "common/core/party.h"
#include "tests/rpc/rpc_parties.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FakeStream : public Stream {
 public:
  void Send(const v1::Message& message) override { sent.push_back(message); }
  void Close(const absl::Status& why) override { closed = why; }

  std::vector<v1::Message> sent;
  absl::Status closed;
};

class SwitchboardTest : public ::testing::Test {
 protected:
  const v1::Party arbitrator_ = TestParty(v1::PARTY_TYPE_ARBITRATOR, "arb");
  const v1::Party node1_ = TestParty(v1::PARTY_TYPE_DBSERVER, "node1");
  const v1::Party node2_ = TestParty(v1::PARTY_TYPE_DBSERVER, "node2");
  EventLoop loop_;
  std::vector<std::string> delivered_;
  std::vector<std::string> connections_;
  std::vector<std::string> contested_;
  Switchboard switchboard_{loop_,
                           {.self = arbitrator_, .peers = {node1_, node2_}, .boot_id = "b"},
                           {.on_message = [this](const v1::Message& m) { delivered_.push_back(m.sender().name()); },
                            .on_connected = [this](const v1::Party& p) { connections_.push_back("+" + p.name()); },
                            .on_disconnected = [this](const v1::Party& p) { connections_.push_back("-" + p.name()); },
                            .on_former_boot = [this](const v1::Party& p) { contested_.push_back(p.name()); }}};

  v1::Message From(const v1::Party& sender, std::uint64_t sequence) {
    v1::Message message;
    *message.mutable_sender() = sender;
    *message.mutable_receiver() = arbitrator_;
    message.set_boot_id("n");
    message.set_sequence(sequence);
    message.mutable_db_status_report();
    return message;
  }
};

TEST_F(SwitchboardTest, FirstMessageSaysWhoseStreamItIs) {
  const auto stream = std::make_shared<FakeStream>();
  switchboard_.Received(stream, From(node1_, 1));
  EXPECT_THAT(connections_, ElementsAre("+node1"));
  EXPECT_THAT(delivered_, ElementsAre("node1"));
  ASSERT_EQ(stream->sent.size(), 1u);
  EXPECT_TRUE(stream->sent[0].has_ack());
}

TEST_F(SwitchboardTest, StrangersAreRefusedCountedAndCutOff) {
  std::vector<v1::Message> strangers(4, From(node1_, 1));
  strangers[0].mutable_sender()->set_name("node9");
  strangers[1].mutable_sender()->set_cluster("other");
  strangers[2].mutable_receiver()->set_name("other");
  strangers[3].mutable_sender()->set_type(v1::PARTY_TYPE_DBCLIENT);
  for (const v1::Message& message : strangers) {
    const auto stream = std::make_shared<FakeStream>();
    switchboard_.Received(stream, message);
    EXPECT_EQ(stream->closed.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(stream->sent, IsEmpty());
  }
  EXPECT_EQ(switchboard_.refused(), 4u);
  EXPECT_THAT(delivered_, IsEmpty());
  EXPECT_THAT(connections_, IsEmpty());
}

TEST_F(SwitchboardTest, StreamOfOnePartyCannotSpeakForAnother) {
  const auto stream = std::make_shared<FakeStream>();
  switchboard_.Received(stream, From(node1_, 1));
  switchboard_.Received(stream, From(node2_, 1));
  EXPECT_THAT(delivered_, ElementsAre("node1"));
  EXPECT_FALSE(stream->closed.ok());
}

// Who is configured is not yet allowed to say anything.
TEST(SwitchboardVerbs, WhatTheKindOfPartyMayNotSayIsRefusedCountedAndCutOff) {
  const v1::Party arbitrator = TestParty(v1::PARTY_TYPE_ARBITRATOR, "arb");
  const v1::Party node = TestParty(v1::PARTY_TYPE_DBSERVER, "node1");
  const v1::Party balancer = TestParty(v1::PARTY_TYPE_DBCLIENT, "lb1");
  v1::Message promote;
  promote.mutable_make_primary();
  v1::Message intent;
  intent.mutable_routing_intent();
  v1::Message lease;
  lease.mutable_ack()->mutable_lease();
  struct Case {
    v1::Party from;
    v1::Party to;
    v1::Message verb;
    bool taken;
  };
  for (Case& c : std::vector<Case>{{balancer, node, promote, false},
                                   {arbitrator, node, promote, true},
                                   {node, balancer, intent, false},
                                   {arbitrator, balancer, intent, true},
                                   {balancer, node, lease, false},
                                   {arbitrator, node, lease, true}}) {
    SCOPED_TRACE(Describe(c.from) + ": " + c.verb.ShortDebugString());
    EventLoop loop;
    int taken = 0;
    Switchboard switchboard(loop, {.self = c.to, .peers = {c.from}, .boot_id = "b"},
                            {.on_message = [&](const v1::Message&) { ++taken; },
                             .on_connected = nullptr,
                             .on_disconnected = nullptr,
                             .on_lease = [&](const v1::Lease&) { ++taken; }});
    *c.verb.mutable_sender() = c.from;
    *c.verb.mutable_receiver() = c.to;
    c.verb.set_boot_id("n");
    c.verb.set_sequence(1);
    const auto stream = std::make_shared<FakeStream>();
    switchboard.Received(stream, c.verb);
    EXPECT_EQ(taken, c.taken ? 1 : 0);
    EXPECT_EQ(switchboard.refused(), c.taken ? 0u : 1u);
    EXPECT_EQ(stream->closed.code(), c.taken ? absl::StatusCode::kOk : absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(stream->closed.message()), HasSubstr(c.taken ? "" : Describe(c.from)));
  }
}

// A newer version may say more; the rest of what it says is still heard.
TEST_F(SwitchboardTest, UnknownVerbIsCountedAndTheStreamGoesOn) {
  const auto stream = std::make_shared<FakeStream>();
  v1::Message unknown = From(node1_, 1);
  unknown.clear_verb();
  switchboard_.Received(stream, unknown);
  EXPECT_EQ(switchboard_.refused(), 1u);
  EXPECT_TRUE(stream->closed.ok());
  switchboard_.Received(stream, From(node1_, 2));
  EXPECT_THAT(delivered_, ElementsAre("node1"));
}

TEST_F(SwitchboardTest, OneOfTwoMachinesUnderOneNameIsDiscardedAndSaidOnceWithTheCure) {
  std::ostringstream log;
  const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
  spdlog::default_logger()->sinks().push_back(sink);
  const auto stream = std::make_shared<FakeStream>();
  switchboard_.Received(stream, From(node1_, 1));
  v1::Message other = From(node1_, 1);
  other.set_boot_id("other");
  switchboard_.Received(stream, other);
  for (std::uint64_t sequence : {2, 3, 4}) switchboard_.Received(stream, From(node1_, sequence));
  spdlog::default_logger()->sinks().pop_back();
  EXPECT_EQ(delivered_.size(), 2u);
  EXPECT_EQ(switchboard_.correspondents()[0]->counters().discarded, 3u);
  EXPECT_THAT(contested_, ElementsAre("node1", "node1", "node1"));
  const std::string said = log.str();
  EXPECT_THAT(said, HasSubstr("dbserver node1 says from boot n, for it has spoken from boot other since"));
  EXPECT_THAT(said, HasSubstr("restart this program"));
  EXPECT_EQ(said.find("restart this program"), said.rfind("restart this program"));
}

TEST_F(SwitchboardTest, NewerStreamOfTheSamePartyTakesOver) {
  const auto old = std::make_shared<FakeStream>();
  const auto fresh = std::make_shared<FakeStream>();
  switchboard_.Received(old, From(node1_, 1));
  switchboard_.Received(fresh, From(node1_, 2));
  EXPECT_FALSE(old->closed.ok());
  switchboard_.Closed(old);  // arrives late, and must not unbind the new one
  EXPECT_THAT(connections_, ElementsAre("+node1", "-node1", "+node1"));
  v1::Message verb;
  verb.mutable_request_status();
  switchboard_.Post(node1_, verb);
  EXPECT_TRUE(fresh->sent.back().has_request_status());
}

TEST_F(SwitchboardTest, PostWaitsForAStream) {
  v1::Message verb;
  verb.mutable_request_status();
  switchboard_.Post(node2_, verb);
  const auto stream = std::make_shared<FakeStream>();
  switchboard_.Dialled(node2_, stream);
  ASSERT_EQ(stream->sent.size(), 2u);
  EXPECT_TRUE(stream->sent[0].has_ack()) << "hello";
  EXPECT_TRUE(stream->sent[1].has_request_status());
}

TEST(SwitchboardTimes, ResendsByItsOwnTimerAndGivesUpADeadStream) {
  EventLoop loop;
  const v1::Party node = TestParty(v1::PARTY_TYPE_DBSERVER, "node1");
  int disconnected = 0;
  Switchboard switchboard(loop,
                          {.self = TestParty(v1::PARTY_TYPE_ARBITRATOR, "arb"),
                           .peers = {node},
                           .boot_id = "b",
                           .resend_after = absl::Milliseconds(20)},
                          {.on_message = [](const v1::Message&) {},
                           .on_connected = nullptr,
                           .on_disconnected =
                               [&](const v1::Party&) {
                                 ++disconnected;
                                 loop.Stop();
                               }});
  const auto stream = std::make_shared<FakeStream>();
  switchboard.Dialled(node, stream);
  v1::Message verb;
  verb.mutable_request_status();
  switchboard.Post(node, verb);
  loop.Run();
  EXPECT_EQ(disconnected, 1);
  EXPECT_EQ(stream->closed.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(switchboard.correspondents()[0]->counters().resent, 1u);
}

}  // namespace
}  // namespace minder
