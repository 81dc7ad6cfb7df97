// The correspondence over real gRPC on loopback.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "absl/strings/str_format.h"
#include "common/rpc/channel.h"
#include "common/rpc/dialler.h"
#include "common/rpc/server.h"
#include "minder/v1/services.grpc.pb.h"
#include "tests/rpc/rpc_parties.h"

namespace minder {
namespace {

constexpr absl::Duration kLimit = absl::Seconds(20);

// A party with its own loop thread; all that it has heard can be waited for.
class Endpoint {
 public:
  Endpoint(const v1::Party& self, const v1::Party& peer, absl::Duration resend_after = absl::Milliseconds(200))
      : switchboard_(loop_, {.self = self, .peers = {peer}, .boot_id = "boot", .resend_after = resend_after},
                     {.on_message =
                          [this](const v1::Message& m) {
                            std::lock_guard lock(mutex_);
                            heard_.push_back(m);
                            changed_.notify_all();
                          },
                      .on_connected = [this](const v1::Party&) { SetConnections(1); },
                      .on_disconnected = [this](const v1::Party&) { SetConnections(-1); }}),
        peer_(peer),
        thread_([this] { loop_.Run(); }) {}

  ~Endpoint() {
    if (thread_.joinable()) {
      OnLoop([this] { dialler_.reset(); });
      StopLoop();
    }
    server_.reset();
  }
  void StopLoop() {
    loop_.Stop();
    thread_.join();
  }

  int Listen(int port = 0) {
    auto server = RpcServer::Start(loop_, switchboard_, {.listen = absl::StrFormat("127.0.0.1:%d", port)}, {});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    return server_->port();
  }
  void StopListening() { server_.reset(); }
  void Dial(int port) {
    OnLoop([&] { dialler_ = Dialler::Dial(loop_, switchboard_, peer_, absl::StrFormat("127.0.0.1:%d", port)); });
  }
  void Say(const std::string& group) {
    loop_.Post([this, group] {
      v1::Message message;
      message.mutable_db_status_report()->set_group(group);
      switchboard_.Post(peer_, message);
    });
  }
  bool WaitHeard(const std::string& group) {
    return Wait([&] {
      return std::ranges::any_of(heard_, [&](const auto& m) { return m.db_status_report().group() == group; });
    });
  }
  bool WaitConnected(bool connected) {
    return Wait([&] { return (connections_ > 0) == connected; });
  }
  int Count(const std::string& group) {
    std::lock_guard lock(mutex_);
    return static_cast<int>(
        std::ranges::count_if(heard_, [&](const auto& m) { return m.db_status_report().group() == group; }));
  }
  // Stops reading events, as a paused process does, until the returned lock is released.
  void Pause(std::unique_lock<std::mutex>& until) {
    std::promise<void> paused;
    loop_.Post([&, mutex = until.mutex()] {
      paused.set_value();
      std::lock_guard wait(*mutex);
    });
    paused.get_future().wait();
  }
  template <typename Work>
  void OnLoop(Work work) {
    std::promise<void> done;
    loop_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  Switchboard& switchboard() { return switchboard_; }

 private:
  template <typename Condition>
  bool Wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, absl::ToChronoNanoseconds(kLimit), condition);
  }
  void SetConnections(int change) {
    std::lock_guard lock(mutex_);
    connections_ += change;
    changed_.notify_all();
  }

  EventLoop loop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<v1::Message> heard_;
  int connections_ = 0;
  Switchboard switchboard_;
  v1::Party peer_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<Dialler> dialler_;
  std::thread thread_;
};

const v1::Party kArbitrator = TestParty(v1::PARTY_TYPE_ARBITRATOR, "arb");
const v1::Party kNode = TestParty(v1::PARTY_TYPE_DBSERVER, "node1");

TEST(Rpc, MessagesGoBothWaysOnOneStream) {
  Endpoint arbitrator(kArbitrator, kNode);
  Endpoint node(kNode, kArbitrator);
  node.Dial(arbitrator.Listen());
  node.Say("up");
  EXPECT_TRUE(arbitrator.WaitHeard("up"));
  arbitrator.Say("down");
  EXPECT_TRUE(node.WaitHeard("down"));
}

TEST(Rpc, PeerThatComesLateAndComesBackIsHeard) {
  Endpoint node(kNode, kArbitrator);
  int port = 0;
  {
    Endpoint first(kArbitrator, kNode);
    port = first.Listen();
    node.Dial(port);
    node.Say("one");
    ASSERT_TRUE(first.WaitHeard("one"));
  }
  ASSERT_TRUE(node.WaitConnected(false));
  node.Say("two");
  Endpoint second(kArbitrator, kNode);
  second.Listen(port);
  EXPECT_TRUE(second.WaitHeard("two"));
}

TEST(Rpc, PausedPeerGetsTheNewestStateAndNothingTwice) {
  Endpoint arbitrator(kArbitrator, kNode);
  Endpoint node(kNode, kArbitrator, absl::Milliseconds(50));
  node.Dial(arbitrator.Listen());
  node.Say("first");
  ASSERT_TRUE(arbitrator.WaitHeard("first"));
  std::mutex mutex;
  {
    std::unique_lock paused(mutex);
    arbitrator.Pause(paused);
    for (int i = 0; i < 100; ++i) node.Say(absl::StrFormat("%d", i));
    node.Say("last");
    // Long enough for resends, and for the node to think the connection dead and to dial anew.
    ASSERT_TRUE(node.WaitConnected(false));
  }
  EXPECT_TRUE(arbitrator.WaitHeard("last"));
  node.Say("after");
  EXPECT_TRUE(arbitrator.WaitHeard("after"));
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
  EXPECT_TRUE(arbitrator.WaitHeard("fine"));
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
  ASSERT_TRUE(arbitrator.WaitHeard("up"));
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
