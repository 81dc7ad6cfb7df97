#include "services/dbclient-agent/haproxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <atomic>
#include <optional>
#include <thread>

#include "common/base/event_loop.h"
#include "services/dbclient-agent/haproxy_socket.h"
#include "services/dbclient-agent/haproxy_watch.h"
#include "tests/services/dbclient-agent/haproxy_process.h"
#include "tests/services/dbclient-agent/reports.h"

namespace minder {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

constexpr auto kLeave = v1::BACKEND_STATE_UNSPECIFIED;
constexpr auto kMissing = v1::BACKEND_STATE_MISSING;

std::vector<BackendPlan> Plan(v1::BackendState first, v1::BackendState second, v1::BackendState third) {
  return {{.dbserver = "node1", .wanted = first},
          {.dbserver = "node2", .wanted = second},
          {.dbserver = "node3", .wanted = third}};
}

std::vector<v1::BackendState> States(const BalancerReading& reading) {
  std::vector<v1::BackendState> states;
  for (const BackendReading& backend : reading.backends) states.push_back(backend.actual);
  return states;
}

std::unique_ptr<HaproxyBalancer> BalancerAt(const std::string& socket, const std::string& backend = "galera") {
  HaproxyBalancer::Options options;
  options.haproxy.set_socket(socket);
  options.haproxy.set_backend(backend);
  options.dbservers = {"node1", "node2", "node3"};
  options.command_deadline = absl::Milliseconds(300);
  return *HaproxyBalancer::Create(std::move(options));
}

class HaproxyTest : public ::testing::Test {
 protected:
  HaproxyTest() : balancer_(BalancerAt(haproxy_.socket())) { haproxy_.Start(); }

  std::vector<v1::BackendState> Now() { return States(*balancer_->Read()); }
  std::uint32_t SessionsOf(int index) { return balancer_->Read()->backends[index].sessions; }

  HaproxyProcess haproxy_;
  std::unique_ptr<HaproxyBalancer> balancer_;
};

TEST_F(HaproxyTest, AppliesAndReadsBack) {
  const ApplyResult result = balancer_->Apply(Plan(kUp, kDrain, kDown));
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_THAT(States(*result.reading), ElementsAre(kUp, kDrain, kDown));
  EXPECT_EQ(result.drift_repaired, 0u);
  EXPECT_THAT(haproxy_.Command("show stat"), AllOf(HasSubstr("DRAIN"), HasSubstr("MAINT")));
  EXPECT_THAT(States(*balancer_->Apply(Plan(kDown, kUp, kDrain)).reading), ElementsAre(kDown, kUp, kDrain));
}

TEST_F(HaproxyTest, LeavesAsItIs) {
  haproxy_.Command("set server galera/node2 state maint");
  ASSERT_TRUE(balancer_->Apply(Plan(kLeave, kLeave, kDrain)).status.ok());
  EXPECT_THAT(Now(), ElementsAre(kUp, kDown, kDrain));
}

TEST_F(HaproxyTest, RepairsAndCountsDrift) {
  ASSERT_TRUE(balancer_->Apply(Plan(kUp, kUp, kDown)).status.ok());
  haproxy_.Command("set server galera/node1 state drain");
  haproxy_.Command("set server galera/node3 state ready");
  const ApplyResult result = balancer_->Apply(Plan(kUp, kUp, kDown));
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.drift_repaired, 2u);
  EXPECT_THAT(States(*result.reading), ElementsAre(kUp, kUp, kDown));
  EXPECT_EQ(balancer_->Apply(Plan(kUp, kUp, kDown)).drift_repaired, 0u);
}

TEST_F(HaproxyTest, RepairsAWeightOfZero) {
  ASSERT_TRUE(balancer_->Apply(Plan(kUp, kUp, kUp)).status.ok());
  haproxy_.Command("set server galera/node2 weight 0");
  EXPECT_THAT(Now(), ElementsAre(kUp, kDrain, kUp));
  const ApplyResult result = balancer_->Apply(Plan(kUp, kUp, kUp));
  EXPECT_EQ(result.drift_repaired, 1u);
  EXPECT_THAT(States(*result.reading), ElementsAre(kUp, kUp, kUp));
}

TEST_F(HaproxyTest, RestartGetsBackWhatItHadAndIsNoDrift) {
  ASSERT_TRUE(balancer_->Apply(Plan(kUp, kDrain, kDown)).status.ok());
  haproxy_.Kill();
  haproxy_.Start();
  EXPECT_THAT(Now(), ElementsAre(kUp, kUp, kUp));  // the configuration's
  const ApplyResult result = balancer_->Apply(Plan(kUp, kLeave, kLeave));
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_THAT(States(*result.reading), ElementsAre(kUp, kDrain, kDown));
  EXPECT_EQ(result.drift_repaired, 0u);
}

TEST_F(HaproxyTest, CountsSessionsKeepsThemWhenDrainedAndCutsThemWhenTold) {
  ASSERT_TRUE(balancer_->Apply(Plan(kDown, kUp, kDown)).status.ok());
  const UniqueFd session = haproxy_.OpenSession();
  ASSERT_TRUE(WaitUntil([&] { return SessionsOf(1) == 1; }));
  ASSERT_TRUE(balancer_->Apply(Plan(kUp, kDrain, kDown)).status.ok());
  EXPECT_EQ(SessionsOf(1), 1u);
  ASSERT_TRUE(balancer_->Apply(Plan(kUp, kDown, kDown)).status.ok());
  EXPECT_EQ(SessionsOf(1), 1u);
  EXPECT_FALSE(IsClosed(session));

  std::vector<BackendPlan> plan = Plan(kUp, kDown, kDown);
  plan[1].cut_sessions = true;
  const ApplyResult result = balancer_->Apply(plan);
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_TRUE(WaitUntil([&] { return IsClosed(session); }));
  EXPECT_TRUE(WaitUntil([&] { return SessionsOf(1) == 0; }));
}

TEST_F(HaproxyTest, NoNewSessionReachesADrainedServer) {
  ASSERT_TRUE(balancer_->Apply(Plan(kUp, kDrain, kDown)).status.ok());
  std::vector<UniqueFd> sessions;
  for (int i = 0; i < 9; ++i) sessions.push_back(haproxy_.OpenSession());
  ASSERT_TRUE(WaitUntil([&] { return SessionsOf(0) == 9; }));
  EXPECT_EQ(SessionsOf(1) + SessionsOf(2), 0u);
}

TEST_F(HaproxyTest, ServerThatHaproxyLacksIsNamedAndTheOthersAreChanged) {
  haproxy_.Kill();
  std::vector<std::string> servers = haproxy_.DefaultServers();
  servers.erase(servers.begin() + 1);
  haproxy_.Configure(servers);
  haproxy_.Start();
  const ApplyResult result = balancer_->Apply(Plan(kDown, kUp, kDrain));
  EXPECT_TRUE(absl::IsNotFound(result.status)) << result.status;
  EXPECT_THAT(result.status.message(), AllOf(HasSubstr("node2"), HasSubstr("add")));
  EXPECT_THAT(States(*result.reading), ElementsAre(kDown, kMissing, kDrain));
}

TEST_F(HaproxyTest, BackendThatHaproxyLacksIsNamed) {
  const absl::Status status = BalancerAt(haproxy_.socket(), "mysql")->Read().status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("mysql"));
}

TEST_F(HaproxyTest, ServerDisabledInTheConfigurationCanBeBroughtUp) {
  haproxy_.Kill();
  std::vector<std::string> servers = haproxy_.DefaultServers();
  for (std::string& server : servers) server += " disabled";
  haproxy_.Configure(servers);
  haproxy_.Start();
  EXPECT_THAT(Now(), ElementsAre(kDown, kDown, kDown));
  EXPECT_THAT(States(*balancer_->Apply(Plan(kUp, kUp, kLeave)).reading), ElementsAre(kUp, kUp, kDown));
}

TEST_F(HaproxyTest, OwnCheckOfHaproxyIsReportedAndNotFought) {
  haproxy_.Kill();
  std::vector<std::string> servers = haproxy_.DefaultServers();
  servers[1] = "server node2 127.0.0.1:1 check inter 20ms fall 1";
  haproxy_.Configure(servers);
  haproxy_.Start();
  ASSERT_TRUE(WaitUntil([&] { return Now()[1] == kDown; }));
  const ApplyResult result = balancer_->Apply(Plan(kUp, kUp, kUp));
  EXPECT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.reading->backends[1].told, kUp);
  EXPECT_EQ(result.reading->backends[1].actual, kDown);
}

TEST_F(HaproxyTest, FrozenHaproxyKeepsNobodyWaiting) {
  ASSERT_EQ(kill(haproxy_.pid(), SIGSTOP), 0);
  const absl::Time start = absl::Now();
  const ApplyResult result = balancer_->Apply(Plan(kUp, kUp, kDown));
  EXPECT_TRUE(absl::IsDeadlineExceeded(result.status)) << result.status;
  EXPECT_FALSE(result.reading.has_value());
  EXPECT_LT(absl::Now() - start, absl::Seconds(1));
  ASSERT_EQ(kill(haproxy_.pid(), SIGCONT), 0);
  EXPECT_TRUE(WaitUntil([&] { return balancer_->Apply(Plan(kUp, kUp, kDown)).status.ok(); }));
}

TEST(HaproxySocket, WrongPathNamesItAndTheCure) {
  const absl::Status status = BalancerAt("/nonexistent/haproxy.sock")->Read().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(status.message(), AllOf(HasSubstr("/nonexistent/haproxy.sock"), HasSubstr("level admin")));
  EXPECT_TRUE(absl::IsInvalidArgument(BalancerAt(std::string(200, 'x'))->Read().status()));
}

TEST(HaproxySocket, NeverAnsweringAndDrippingPeersMeetTheTotalDeadline) {
  HaproxyProcess files;  // for its directory
  const SilentListener silent(files.directory() + "/silent.sock");
  const absl::Time start = absl::Now();
  const auto answer = AskHaproxy(files.directory() + "/silent.sock", "show info", absl::Milliseconds(100));
  EXPECT_TRUE(absl::IsDeadlineExceeded(answer.status())) << answer.status();
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(100));
  EXPECT_LT(absl::Now() - start, absl::Milliseconds(600));

  const SilentListener dripping(files.directory() + "/drip.sock");
  std::thread drip([&] {
    const UniqueFd peer(accept(dripping.fd(), nullptr, nullptr));
    while (send(peer.get(), "x", 1, MSG_NOSIGNAL) == 1) absl::SleepFor(absl::Milliseconds(10));
  });
  const auto dripped = AskHaproxy(files.directory() + "/drip.sock", "show info", absl::Milliseconds(100));
  drip.join();
  EXPECT_TRUE(absl::IsDeadlineExceeded(dripped.status())) << dripped.status();
}

TEST(HaproxySocket, EndlessAnswerIsCut) {
  HaproxyProcess files;
  const SilentListener listener(files.directory() + "/flood.sock");
  std::thread flood([&] {
    const UniqueFd peer(accept(listener.fd(), nullptr, nullptr));
    const std::string block(1 << 16, 'x');
    while (send(peer.get(), block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  const auto answer = AskHaproxy(files.directory() + "/flood.sock", "show info", absl::Seconds(10));
  flood.join();
  EXPECT_TRUE(absl::IsOutOfRange(answer.status())) << answer.status();
}

TEST(HaproxyNames, ThatCouldBecomeCommandsAreRefused) {
  for (const char* name : {"", "a b", "a;show info", "a/b", "a\nb"}) {
    HaproxyBalancer::Options options;
    options.haproxy.set_backend("galera");
    options.dbservers = {name};
    EXPECT_TRUE(absl::IsInvalidArgument(HaproxyBalancer::Create(options).status())) << name;
    options.haproxy.set_backend(name);
    options.dbservers = {"node1"};
    EXPECT_TRUE(absl::IsInvalidArgument(HaproxyBalancer::Create(options).status())) << name;
  }
}

// The loop runs on a thread of its own; counters are read from the test's.
class HaproxyWatchTest : public ::testing::Test {
 protected:
  ~HaproxyWatchTest() override {
    loop_.Post([this] { watch_.reset(), loop_.Stop(); });
    thread_.join();
  }

  void StartWatch() {
    loop_.Post([this] {
      watch_.emplace(loop_, haproxy_.socket(),
                     HaproxyWatch::Handlers{.on_up = [this] { ++ups_; }, .on_down = [this] { ++downs_; }});
    });
    thread_ = std::thread([this] { loop_.Run(); });
  }

  HaproxyProcess haproxy_;
  EventLoop loop_;
  std::optional<HaproxyWatch> watch_;
  std::atomic<int> ups_ = 0;
  std::atomic<int> downs_ = 0;
  std::thread thread_;
};

TEST_F(HaproxyWatchTest, SeesEveryEndAndEveryStart) {
  StartWatch();
  haproxy_.Start();
  ASSERT_TRUE(WaitUntil([&] { return ups_ == 1; }));
  for (int i = 1; i <= 3; ++i) {
    haproxy_.Kill();
    ASSERT_TRUE(WaitUntil([&] { return downs_ == i; }));
    haproxy_.Start();
    ASSERT_TRUE(WaitUntil([&] { return ups_ == i + 1; }));
  }
}

TEST_F(HaproxyWatchTest, RenewMovesToTheNewProcessAndLetsTheOldOneEnd) {
  haproxy_.Start();
  StartWatch();
  ASSERT_TRUE(WaitUntil([&] { return ups_ == 1; }));
  const UniqueFd old = haproxy_.Reload();
  loop_.Post([this] { watch_->Renew(); });
  EXPECT_TRUE(WaitUntil([&] { return HasEnded(old); }));
  EXPECT_TRUE(WaitUntil([&] { return ups_ == 2; }));
}

TEST_F(HaproxyWatchTest, PeerThatHangsUpIsNoStart) {
  const SilentListener listener(haproxy_.socket());
  StartWatch();
  for (int i = 0; i < 3; ++i) UniqueFd(accept(listener.fd(), nullptr, nullptr));
  EXPECT_EQ(ups_, 0);
  EXPECT_EQ(downs_, 0);
}

}  // namespace
}  // namespace minder
