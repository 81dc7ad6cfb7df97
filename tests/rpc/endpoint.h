#ifndef MINDER_TESTS_RPC_ENDPOINT_H_
#define MINDER_TESTS_RPC_ENDPOINT_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/rpc/dialler.h"
#include "common/rpc/server.h"
#include "tests/rpc/rpc_parties.h"

namespace minder {

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
                      .on_disconnected = [this](const v1::Party&) { SetConnections(-1); },
                      .on_lease = [this](const v1::Lease&) { ++leases_; }}),
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
  void Say(const v1::Message& verb) {
    loop_.Post([this, verb] { switchboard_.Post(peer_, verb); });
  }
  // In words that its kind of party says.
  void Say(const std::string& group) {
    v1::Message message;
    if (peer_.type() == v1::PARTY_TYPE_DBSERVER) {
      message.mutable_make_primary()->set_group(group);
    } else {
      message.mutable_db_status_report()->set_group(group);
    }
    Say(message);
  }
  bool WaitHeardGroup(const std::string& group) {
    return WaitHeard([&](const v1::Message& m) { return GroupOf(m) == group; });
  }
  bool WaitConnected(bool connected) {
    return Wait([&] { return (connections_ > 0) == connected; });
  }
  // How often it was connected so far.
  int Connections() {
    std::lock_guard lock(mutex_);
    return opened_;
  }
  int Count(const std::string& group) {
    std::lock_guard lock(mutex_);
    return static_cast<int>(std::ranges::count_if(heard_, [&](const auto& m) { return GroupOf(m) == group; }));
  }
  // All that was delivered, in order.
  std::vector<v1::Message> Heard() {
    std::lock_guard lock(mutex_);
    return heard_;
  }
  // Waits until the peer has acknowledged all that was said. How many leases came with its acks so far.
  int LeasesOnceAcknowledged() {
    const absl::Time until = absl::Now() + kLimit;
    std::size_t open = 1;
    while (open > 0 && absl::Now() < until) {
      OnLoop([&] { open = switchboard_.correspondents().front()->unacknowledged(); });
    }
    EXPECT_EQ(open, 0u);
    return leases_;
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

  template <typename Condition>
  bool WaitHeard(Condition condition) {
    return Wait([&] { return std::ranges::any_of(heard_, condition); });
  }

 private:
  static const std::string& GroupOf(const v1::Message& message) {
    return message.has_make_primary() ? message.make_primary().group() : message.db_status_report().group();
  }

  static constexpr absl::Duration kLimit = absl::Seconds(20);

  template <typename Condition>
  bool Wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, absl::ToChronoNanoseconds(kLimit), condition);
  }
  void SetConnections(int change) {
    std::lock_guard lock(mutex_);
    connections_ += change;
    opened_ += std::max(change, 0);
    changed_.notify_all();
  }

  EventLoop loop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<v1::Message> heard_;
  int connections_ = 0;
  int opened_ = 0;
  std::atomic<int> leases_ = 0;
  Switchboard switchboard_;
  v1::Party peer_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<Dialler> dialler_;
  std::thread thread_;
};

}  // namespace minder

#endif  // MINDER_TESTS_RPC_ENDPOINT_H_
