#include "common/rpc/correspondent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "minder/v1/services.pb.h"
#include "tests/rpc/rpc_parties.h"

namespace minder {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using Verdict = Correspondent::Verdict;

v1::Message Report(const std::string& group) {
  v1::Message message;
  message.mutable_db_status_report()->set_group(group);
  return message;
}

v1::Message RequestStatus() {
  v1::Message message;
  message.mutable_request_status();
  return message;
}

// Two ends and a clock; what goes over the line is in the test's hands.
class CorrespondentTest : public ::testing::Test {
 protected:
  const v1::Party node_ = TestParty(v1::PARTY_TYPE_DBSERVER, "node1");
  const v1::Party arbitrator_ = TestParty(v1::PARTY_TYPE_ARBITRATOR, "arb");
  BootTime now_ = SinceBoot(absl::Hours(1));
  Correspondent agent_{{.self = node_, .peer = arbitrator_, .boot_id = "boot-n"}};
  Correspondent server_{{.self = arbitrator_, .peer = node_, .boot_id = "boot-a"}};

  // All that is due at `from` arrives at `to`; the verdicts.
  std::vector<Verdict> Carry(Correspondent& from, Correspondent& to) {
    std::vector<Verdict> verdicts;
    for (const v1::Message& message : from.TakeDue(now_)) verdicts.push_back(to.Receive(message, now_));
    return verdicts;
  }
  void Connect() {
    agent_.Connected(true, now_);
    Carry(agent_, server_);
    server_.Connected(false, now_);
  }
};

TEST_F(CorrespondentTest, WhatIsTooLargeIsCountedAndNothingOfItsVerbIsSent) {
  Connect();
  std::size_t fits = kMaxMessageBytes;
  while (!agent_.Post(Report(std::string(fits, 'x')), now_)) fits -= 16;
  EXPECT_GT(fits, kMaxMessageBytes - 500u);
  const std::uint64_t refused = agent_.counters().too_large;
  EXPECT_GT(refused, 0u);
  const auto due = agent_.TakeDue(now_);
  ASSERT_THAT(due, SizeIs(1));
  v1::CorrespondRequest request;
  *request.mutable_message() = due[0];
  EXPECT_LE(request.ByteSizeLong(), static_cast<std::size_t>(kMaxMessageBytes));

  EXPECT_FALSE(agent_.Post(Report(std::string(kMaxMessageBytes, 'x')), now_));
  EXPECT_EQ(agent_.counters().too_large, refused + 1);
  EXPECT_EQ(agent_.unacknowledged(), 0u) << "the older one is not the state any more";
  EXPECT_TRUE(agent_.Post(RequestStatus(), now_));
  EXPECT_THAT(Carry(agent_, server_), ::testing::ElementsAre(Verdict::kDeliver));
}

TEST_F(CorrespondentTest, DeliversOnceAndIsQuietOnceAcknowledged) {
  Connect();
  agent_.Post(Report("a"), now_);
  EXPECT_THAT(Carry(agent_, server_), ::testing::ElementsAre(Verdict::kDeliver));
  EXPECT_EQ(agent_.unacknowledged(), 1u);
  EXPECT_THAT(Carry(server_, agent_), ::testing::ElementsAre(Verdict::kAck));
  EXPECT_EQ(agent_.unacknowledged(), 0u);
  EXPECT_EQ(agent_.NextDue(), absl::InfiniteFuture());
}

TEST_F(CorrespondentTest, DialledSideSaysHelloFirstSoThatTheOtherKnowsIt) {
  agent_.Post(Report("a"), now_);
  agent_.Connected(true, now_);
  const auto due = agent_.TakeDue(now_);
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_TRUE(due[0].has_ack());
  EXPECT_EQ(server_.Receive(due[0], now_), Verdict::kAck);
}

TEST_F(CorrespondentTest, SendsAgainAfterThreeSecondsAndNotBefore) {
  Connect();
  agent_.Post(Report("a"), now_);
  EXPECT_THAT(agent_.TakeDue(now_), SizeIs(1));  // lost
  EXPECT_EQ(agent_.NextDue(), now_ + absl::Seconds(3));
  now_ += absl::Milliseconds(2999);
  EXPECT_THAT(agent_.TakeDue(now_), IsEmpty());
  now_ += absl::Milliseconds(1);
  EXPECT_THAT(agent_.TakeDue(now_), SizeIs(1));
  EXPECT_EQ(agent_.counters().resent, 1u);
}

TEST_F(CorrespondentTest, ResendsTheNewestStateNotTheOldCopy) {
  Connect();
  agent_.Post(Report("old"), now_);
  agent_.TakeDue(now_);  // lost
  now_ += absl::Seconds(1);
  agent_.Post(Report("new"), now_);
  const auto due = agent_.TakeDue(now_);
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].db_status_report().group(), "new");
  now_ += absl::Seconds(3);
  ASSERT_THAT(agent_.TakeDue(now_), SizeIs(1));
}

TEST_F(CorrespondentTest, VerbsDoNotSupersedeOneAnother) {
  Connect();
  server_.Post(RequestStatus(), now_);
  v1::Message drain;
  drain.mutable_drain()->set_drain_id("d1");
  server_.Post(drain, now_);
  EXPECT_THAT(Carry(server_, agent_), ::testing::ElementsAre(Verdict::kDeliver, Verdict::kDeliver));
  EXPECT_THAT(agent_.TakeDue(now_), SizeIs(2));  // an ack for each
}

TEST_F(CorrespondentTest, AckOfASupersededMessageDoesNotSilenceItsSuccessor) {
  Connect();
  agent_.Post(Report("a"), now_);
  Carry(agent_, server_);
  agent_.Post(Report("b"), now_);
  Carry(server_, agent_);  // acks "a"
  EXPECT_EQ(agent_.unacknowledged(), 1u);
  EXPECT_THAT(Carry(agent_, server_), ::testing::ElementsAre(Verdict::kDeliver));
}

TEST_F(CorrespondentTest, DuplicateIsDiscardedButAcknowledgedAgain) {
  Connect();
  agent_.Post(Report("a"), now_);
  const auto due = agent_.TakeDue(now_);
  EXPECT_EQ(server_.Receive(due[0], now_), Verdict::kDeliver);
  server_.TakeDue(now_);  // the ack is lost
  EXPECT_EQ(server_.Receive(due[0], now_), Verdict::kDuplicate);
  EXPECT_THAT(Carry(server_, agent_), ::testing::ElementsAre(Verdict::kAck));
  EXPECT_EQ(agent_.unacknowledged(), 0u);
}

TEST_F(CorrespondentTest, OlderMessageOfTheSameVerbIsStale) {
  Connect();
  agent_.Post(Report("old"), now_);
  const auto old = agent_.TakeDue(now_);
  agent_.Post(Report("new"), now_);
  Carry(agent_, server_);
  EXPECT_EQ(server_.Receive(old[0], now_), Verdict::kStale);
  EXPECT_EQ(server_.counters().discarded, 1u);
}

TEST_F(CorrespondentTest, RestartedPartyGoesOnAboveItsPast) {
  Connect();
  agent_.Post(Report("before"), now_);
  const auto before = agent_.TakeDue(now_);
  server_.Receive(before[0], now_);
  now_ += absl::Milliseconds(1);
  Correspondent restarted({.self = node_, .peer = arbitrator_, .boot_id = "boot-n"});
  restarted.Connected(true, now_);
  restarted.Post(Report("after"), now_);
  EXPECT_THAT(Carry(restarted, server_), ::testing::ElementsAre(Verdict::kAck, Verdict::kDeliver));
  EXPECT_EQ(server_.Receive(before[0], now_), Verdict::kStale);
}

TEST_F(CorrespondentTest, MessageFromBeforeTheRebootIsStaleWhateverItsSequence) {
  Connect();
  agent_.Post(Report("before"), now_);
  const auto before = agent_.TakeDue(now_);
  server_.Receive(before[0], now_);
  agent_.Post(Report("late"), now_);
  const auto late = agent_.TakeDue(now_);
  Correspondent rebooted({.self = node_, .peer = arbitrator_, .boot_id = "boot-n2"});
  rebooted.Connected(true, SinceBoot(absl::Seconds(1)));  // its clock began anew
  rebooted.Post(Report("after"), SinceBoot(absl::Seconds(1)));
  for (const v1::Message& m : rebooted.TakeDue(SinceBoot(absl::Seconds(1)))) server_.Receive(m, now_);
  EXPECT_EQ(server_.counters().received, 2u);
  EXPECT_EQ(server_.Receive(late[0], now_), Verdict::kFormerBoot);
}

// ADR 0002: nothing tells a late message of a former boot from one of a machine that runs still.
TEST_F(CorrespondentTest, OfTwoMachinesUnderOneNameWhoBeganLastIsHeardAndNobodyElse) {
  Connect();
  Correspondent other({.self = node_, .peer = arbitrator_, .boot_id = "boot-other"});
  agent_.Post(Report("right"), now_);
  EXPECT_THAT(Carry(agent_, server_), ::testing::ElementsAre(Verdict::kDeliver));
  Carry(server_, agent_);
  other.Connected(true, now_);
  other.Post(Report("wrong"), now_);
  EXPECT_THAT(Carry(other, server_), ::testing::ElementsAre(Verdict::kAck, Verdict::kDeliver));
  Carry(server_, other);
  server_.Disconnected();
  server_.Connected(false, now_);
  for (int i = 0; i < 20; ++i) {  // more often than boot ids are remembered
    agent_.Post(Report("right"), now_);
    EXPECT_THAT(Carry(agent_, server_), ::testing::ElementsAre(Verdict::kFormerBoot));
    EXPECT_THAT(Carry(server_, agent_), IsEmpty()) << "it is not told that it was heard";
  }
  EXPECT_EQ(server_.counters().discarded, 20u);
  EXPECT_EQ(server_.peer_boot_id(), "boot-other");
}

TEST_F(CorrespondentTest, ReconnectSendsWhatIsUnacknowledgedAtOnce) {
  Connect();
  agent_.Post(Report("a"), now_);
  agent_.TakeDue(now_);
  agent_.Disconnected();
  EXPECT_THAT(agent_.TakeDue(now_ + absl::Hours(1)), IsEmpty());
  EXPECT_EQ(agent_.NextDue(), absl::InfiniteFuture());
  agent_.Connected(true, now_);
  EXPECT_THAT(agent_.TakeDue(now_), SizeIs(2));
}

TEST_F(CorrespondentTest, RefusesWhatIsNotFromThePeerToUs) {
  Connect();
  agent_.Post(Report("a"), now_);
  const v1::Message good = agent_.TakeDue(now_)[0];
  std::vector<v1::Message> bad(7, good);
  bad[0].mutable_sender()->set_name("node2");
  bad[1].mutable_sender()->set_cluster("other");
  bad[2].mutable_sender()->set_type(v1::PARTY_TYPE_ARBITRATOR);
  bad[3].mutable_receiver()->set_name("other");
  bad[4].clear_verb();
  bad[5].clear_boot_id();
  bad[6].clear_sequence();
  for (const v1::Message& message : bad)
    EXPECT_EQ(server_.Receive(message, now_), Verdict::kRefused) << message.DebugString();
  EXPECT_EQ(server_.Receive(good, now_), Verdict::kDeliver);
}

TEST_F(CorrespondentTest, ConnectionThatAnswersNothingLooksDeadAndOneThatAnswersDoesNot) {
  Connect();
  for (int i = 0; i < 6; ++i) {
    EXPECT_FALSE(agent_.LooksDead(now_)) << i;
    agent_.Post(Report("a"), now_);  // a fresh report each second does not hide the silence
    agent_.TakeDue(now_);
    now_ += absl::Seconds(1);
  }
  EXPECT_TRUE(agent_.LooksDead(now_));
  server_.Post(RequestStatus(), now_);
  Carry(server_, agent_);
  EXPECT_FALSE(agent_.LooksDead(now_));
}

TEST_F(CorrespondentTest, AMessageTellsHowLongItWasOnItsWayAtMost) {
  agent_.Post(Report("one"), now_);
  agent_.Connected(true, now_);
  server_.Connected(false, now_);
  EXPECT_EQ(OnItsWay(agent_.TakeDue(now_)[0], now_ + absl::Seconds(9)), absl::ZeroDuration()) << "nothing was heard";
  agent_.Post(Report("two"), now_);
  Carry(agent_, server_);
  const std::vector<v1::Message> acks = server_.TakeDue(now_);
  now_ += absl::Milliseconds(40);  // of the ack
  for (const v1::Message& ack : acks) agent_.Receive(ack, now_);
  now_ += absl::Seconds(1);
  agent_.Post(Report("three"), now_);
  const v1::Message report = agent_.TakeDue(now_).at(0);
  EXPECT_EQ(OnItsWay(report, now_ + absl::Milliseconds(5)), absl::Milliseconds(45));
  EXPECT_EQ(OnItsWay(report, now_ + absl::Seconds(5)), absl::Seconds(5) + absl::Milliseconds(40)) << "in a socket";
  agent_.Disconnected();
  agent_.Connected(true, now_);
  EXPECT_EQ(agent_.TakeDue(now_).at(0).heard(), 0u) << "another arbitrator may be there, with another clock";
}

}  // namespace
}  // namespace minder
