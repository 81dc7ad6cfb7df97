// The correspondence over real gRPC on loopback.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <mutex>

#include "absl/strings/str_format.h"
#include "common/rpc/channel.h"
#include "minder/v1/services.grpc.pb.h"
#include "tests/rpc/endpoint.h"

namespace minder {
namespace {

const v1::Party kArbitrator = TestParty(v1::PARTY_TYPE_ARBITRATOR, "arb");
const v1::Party kNode = TestParty(v1::PARTY_TYPE_DBSERVER, "node1");

TEST(Rpc, MessagesGoBothWaysOnOneStream) {
  Endpoint arbitrator(kArbitrator, kNode);
  Endpoint node(kNode, kArbitrator);
  node.Dial(arbitrator.Listen());
  node.Say("up");
  EXPECT_TRUE(arbitrator.WaitHeardGroup("up"));
  v1::Message down;
  down.mutable_drain()->set_drain_id("down");
  arbitrator.Say(down);
  EXPECT_TRUE(node.WaitHeard([](const v1::Message& m) { return m.drain().drain_id() == "down"; }));
}

TEST(Rpc, PeerThatComesLateAndComesBackIsHeard) {
  Endpoint node(kNode, kArbitrator);
  int port = 0;
  {
    Endpoint first(kArbitrator, kNode);
    port = first.Listen();
    node.Dial(port);
    node.Say("one");
    ASSERT_TRUE(first.WaitHeardGroup("one"));
  }
  ASSERT_TRUE(node.WaitConnected(false));
  node.Say("two");
  Endpoint second(kArbitrator, kNode);
  second.Listen(port);
  EXPECT_TRUE(second.WaitHeardGroup("two"));
}

TEST(Rpc, PausedPeerGetsTheNewestStateAndNothingTwice) {
  Endpoint arbitrator(kArbitrator, kNode);
  Endpoint node(kNode, kArbitrator, absl::Milliseconds(50));
  node.Dial(arbitrator.Listen());
  node.Say("first");
  ASSERT_TRUE(arbitrator.WaitHeardGroup("first"));
  std::mutex mutex;
  {
    std::unique_lock paused(mutex);
    arbitrator.Pause(paused);
    for (int i = 0; i < 100; ++i) node.Say(absl::StrFormat("%d", i));
    node.Say("last");
    // Long enough for resends, and for the node to think the connection dead and to dial anew.
    ASSERT_TRUE(node.WaitConnected(false));
  }
  EXPECT_TRUE(arbitrator.WaitHeardGroup("last"));
  node.Say("after");
  EXPECT_TRUE(arbitrator.WaitHeardGroup("after"));
  EXPECT_EQ(arbitrator.Count("last"), 1);
}

TEST(Rpc, StrangerIsRefusedAndTold) {
  Endpoint arbitrator(kArbitrator, kNode);
  const int port = arbitrator.Listen();
  const auto stub = v1::CorrespondenceService::NewStub(MakeChannel(absl::StrFormat("127.0.0.1:%d", port)));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  const auto stream = stub->Correspond(&context);
  v1::CorrespondRequest request;
  *request.mutable_message()->mutable_sender() = TestParty(v1::PARTY_TYPE_DBSERVER, "stranger");
  *request.mutable_message()->mutable_receiver() = kArbitrator;
  request.mutable_message()->mutable_db_status_report();
  ASSERT_TRUE(stream->Write(request));
  v1::CorrespondResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("stranger"));
  std::uint64_t refused = 0;
  arbitrator.OnLoop([&] { refused = arbitrator.switchboard().refused(); });
  EXPECT_EQ(refused, 1u);
}

TEST(Rpc, MessageBeyondOneMegabyteIsRefusedAndTheServerLives) {
  Endpoint arbitrator(kArbitrator, kNode);
  const int port = arbitrator.Listen();
  const auto channel = grpc::CreateChannel(absl::StrFormat("127.0.0.1:%d", port), grpc::InsecureChannelCredentials());
  const auto stub = v1::CorrespondenceService::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  const auto stream = stub->Correspond(&context);
  v1::CorrespondRequest request;
  *request.mutable_message()->mutable_sender() = kNode;
  request.mutable_message()->mutable_db_status_report()->set_group(std::string(kMaxMessageBytes + 1, 'x'));
  stream->Write(request);
  v1::CorrespondResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  Endpoint node(kNode, kArbitrator);
  node.Dial(port);
  node.Say("fine");
  EXPECT_TRUE(arbitrator.WaitHeardGroup("fine"));
}

TEST(Rpc, AMessageBeyondOneMegabyteIsNotSentAndTheStreamStays) {
  Endpoint arbitrator(kArbitrator, kNode);
  Endpoint node(kNode, kArbitrator);
  const int port = arbitrator.Listen();
  node.Dial(port);
  arbitrator.Say("up");
  ASSERT_TRUE(node.WaitHeardGroup("up"));
  for (Endpoint* end : {&node, &arbitrator}) {
    end->Say(std::string(kMaxMessageBytes, 'x'));
    end->Say("fine");
  }
  EXPECT_TRUE(arbitrator.WaitHeardGroup("fine"));
  EXPECT_TRUE(node.WaitHeardGroup("fine"));
  EXPECT_EQ(node.Connections(), 1) << "dialled once";
  const auto stub = v1::AgentService::NewStub(MakeChannel(absl::StrFormat("127.0.0.1:%d", port)));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::DescribeResponse response;
  ASSERT_TRUE(stub->Describe(&context, {}, &response).ok());
  EXPECT_EQ(response.peers(0).too_large(), 1u);
}

TEST(Rpc, PortInUseIsNamedWithTheCure) {
  Endpoint one(kArbitrator, kNode);
  const int port = one.Listen();
  EventLoop loop;
  Switchboard switchboard(loop, {.self = kNode, .peers = {}, .boot_id = "b"}, {});
  const auto second = RpcServer::Start(loop, switchboard, {.listen = absl::StrFormat("127.0.0.1:%d", port)}, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), ::testing::HasSubstr(absl::StrFormat("127.0.0.1:%d", port)));
}

TEST(Rpc, CallsEndWhenTheLoopHasStopped) {
  Endpoint arbitrator(kArbitrator, kNode);
  const int port = arbitrator.Listen();
  arbitrator.StopLoop();
  const auto stub = v1::AgentService::NewStub(MakeChannel(absl::StrFormat("127.0.0.1:%d", port)));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::DescribeResponse response;
  EXPECT_EQ(stub->Describe(&context, {}, &response).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(Rpc, DescribeShowsThePeers) {
  Endpoint arbitrator(kArbitrator, kNode);
  Endpoint node(kNode, kArbitrator);
  const int port = arbitrator.Listen();
  node.Dial(port);
  node.Say("up");
  ASSERT_TRUE(arbitrator.WaitHeardGroup("up"));
  const auto stub = v1::AgentService::NewStub(MakeChannel(absl::StrFormat("127.0.0.1:%d", port)));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::DescribeResponse response;
  ASSERT_TRUE(stub->Describe(&context, {}, &response).ok());
  ASSERT_EQ(response.peers_size(), 1);
  EXPECT_TRUE(response.peers(0).connected());
  EXPECT_EQ(response.peers(0).received(), 1u);
}

}  // namespace
}  // namespace minder
