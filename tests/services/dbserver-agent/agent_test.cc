// The real minder-dbserver beside a real mariadbd, with an arbitrator that is this test.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fanotify.h>

#include <csignal>
#include <fstream>
#include <iostream>
#include <mutex>
#include <set>
#include <thread>

#include "common/base/file.h"
#include "common/core/proto_time.h"
#include "common/rpc/server.h"
#include "common/rpc/switchboard.h"
#include "services/dbserver-agent/process_lookup.h"
#include "tests/lab/cpu_time.h"
#include "tests/services/dbserver-agent/mariadbd_fixture.h"

namespace minder {
namespace {

v1::Party TestParty(v1::PartyType type, const std::string& name) {
  v1::Party party;
  party.set_type(type);
  party.set_name(name);
  party.set_cluster("fixture");
  return party;
}

// Keeps the last report and when it came; sends orders.
class TestArbitrator {
 public:
  TestArbitrator()
      : switchboard_(loop_,
                     {.self = TestParty(v1::PARTY_TYPE_ARBITRATOR, "arbitrator"),
                      .peers = {kAgent},
                      .boot_id = BootId().value()},
                     {.on_message = [this](const v1::Message& m) { OnMessage(m); },
                      .on_connected = nullptr,
                      .on_disconnected = nullptr}),
        server_(RpcServer::Start(loop_, switchboard_, {.listen = "127.0.0.1:0"}, {}).value()),
        thread_([this] { loop_.Run(); }) {}
  ~TestArbitrator() {
    server_.reset();  // its streams end on the loop
    loop_.Stop();
    thread_.join();
  }

  int port() const { return server_->port(); }
  v1::DbStatusReport report() const {
    std::lock_guard lock(mutex_);
    return report_;
  }
  std::size_t nonces() const {
    std::lock_guard lock(mutex_);
    return nonces_.size();
  }
  // When the first report came for which this holds; InfiniteFuture when none does in time.
  BootTime WaitFor(const std::function<bool(const v1::DbStatusReport&)>& condition,
                   absl::Duration at_most = absl::Seconds(30)) {
    BootTime at = absl::InfiniteFuture();
    Eventually(
        [&] {
          std::lock_guard lock(mutex_);
          if (report_.ByteSizeLong() == 0 || !condition(report_)) return false;
          at = received_at_;
          return true;
        },
        at_most);
    EXPECT_NE(at, absl::InfiniteFuture()) << report().ShortDebugString();
    return at;
  }
  void Say(v1::Message message) {
    loop_.Post([this, message] { switchboard_.Post(kAgent, message); });
  }
  void Drain(bool balancers_done) {
    v1::Message message;
    message.mutable_drain()->set_drain_id("d1");
    message.mutable_drain()->set_balancers_done(balancers_done);
    Say(message);
  }

 private:
  inline static const v1::Party kAgent = TestParty(v1::PARTY_TYPE_DBSERVER, "node1");

  void OnMessage(const v1::Message& message) {
    if (!message.has_db_status_report()) return;
    std::lock_guard lock(mutex_);
    report_ = message.db_status_report();
    received_at_ = loop_.Now();
    nonces_.insert(report_.nonce());
  }

  EventLoop loop_;
  mutable std::mutex mutex_;
  v1::DbStatusReport report_;
  BootTime received_at_;
  std::set<std::string> nonces_;
  Switchboard switchboard_;
  std::unique_ptr<RpcServer> server_;
  std::thread thread_;
};

// While it is there, whoever opens the file waits, as on a disk that hangs: nobody answers the kernel's question
// whether it may.
class HungFile {
 public:
  explicit HungFile(const std::string& path) : fd_(fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY)) {
    EXPECT_EQ(fanotify_mark(fd_.get(), FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path.c_str()), 0) << path;
  }

 private:
  UniqueFd fd_;
};

class AgentTest : public MariadbdFixture {
 protected:
  void SetUp() override {
    MariadbdFixture::SetUp();
    if (IsSkipped()) return;
    agent_port_ = FreePort();
    std::ofstream config(dir() + "/minder.yaml");
    config << "cluster: fixture\nversion: 7\ndata_centres:\n  - {name: dc1, role: primary}\n"
           << "arbitrator: {name: arbitrator, address: '127.0.0.1:" << arbitrator_.port() << "', state_dir: " << dir()
           << "/arbitrator}\n"
           << "dbservers:\n  - name: node1\n    data_centre: dc1\n    address: 127.0.0.1:" << agent_port_
           << "\n    mysql_address: 127.0.0.1:" << FreePort() << "\n    state_dir: " << dir()
           << "/state\n    notify_socket: " << dir() << "/notify.sock\n    data_dir: " << data_dir()
           << "\n    mysql: {socket: " << socket_path() << ", user: root}\n"
           << "    manage:\n      mode: child\n      pid_file: " << pid_file() << "\n      command:\n";
    for (const std::string& argument : Command()) config << "        - '" << argument << "'\n";
  }
  void TearDown() override {
    KillAgent(SIGKILL);
    if (HasFailure()) std::cout << ReadFile(dir() + "/agent.log").value_or("the agent has no log") << "\n";
    MariadbdFixture::TearDown();
  }

  std::vector<std::string> AgentCommand() {
    return {MINDER_DBSERVER, "--config", dir() + "/minder.yaml", "--name", "node1"};
  }
  void StartAgent() {
    auto spawned = Spawn(AgentCommand(), dir() + "/agent.log");
    ASSERT_TRUE(spawned.ok()) << spawned.status();
    agent_ = spawned->pid;
  }
  void KillAgent(int signal) {
    if (agent_ == 0) return;
    kill(agent_, signal);
    EXPECT_TRUE(Eventually([this] { return Reap(agent_).ok(); }));
    agent_ = 0;
  }
  std::string AgentRss() const {
    std::ifstream file(absl::StrCat("/proc/", agent_, "/status"));
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("VmRSS")) return line;
    }
    return "";
  }

  TestArbitrator arbitrator_;
  pid_t agent_ = 0;
  int agent_port_ = 0;
};

bool Healthy(const v1::DbStatusReport& r) {
  return r.running() == v1::TERNARY_YES && r.primary() == v1::TERNARY_YES && r.process().pid() > 0;
}

TEST_F(AgentTest, ReportsEverythingAndSeesFreezeAndKill) {
  const pid_t pid = Bootstrap();
  StartAgent();
  arbitrator_.WaitFor(Healthy);
  const v1::DbStatusReport report = arbitrator_.report();
  EXPECT_EQ(report.group(), "node1");
  EXPECT_EQ(report.process().pid(), pid);
  EXPECT_EQ(report.wsrep_node_name(), "node1");
  EXPECT_EQ(report.config_version(), 7u);
  EXPECT_EQ(report.config_digest().size(), 32u);
  EXPECT_EQ(report.nonce().size(), 16u);
  EXPECT_EQ(report.drain().state(), v1::DRAIN_STATE_SERVING);
  EXPECT_EQ(report.probe().error(), "");
  EXPECT_LT(FromProto(report.age()), absl::Seconds(1));

  // request_status is answered at once, not with the next second.
  const std::size_t before = arbitrator_.nonces();
  v1::Message request;
  request.mutable_request_status();
  arbitrator_.Say(request);
  EXPECT_TRUE(Eventually([&] { return arbitrator_.nonces() > before; }));

  // An order that quotes no report is refused, and its sender is told.
  v1::Message promote;
  promote.mutable_make_primary()->set_epoch(9);
  arbitrator_.Say(promote);
  arbitrator_.WaitFor([](auto& r) {
    return r.orders_size() == 1 && r.orders(0).outcome() == v1::ORDER_OUTCOME_REFUSED && r.orders(0).epoch() == 9;
  });

  const absl::Duration cpu = CpuTime(agent_);
  const BootTime measured_from = BootClock().Now();
  const std::size_t reports = arbitrator_.nonces();
  EXPECT_TRUE(Eventually([&] { return arbitrator_.nonces() >= reports + 5; }));
  std::cout << "agent: " << 100 * absl::FDivDuration(CpuTime(agent_) - cpu, BootClock().Now() - measured_from)
            << " % of a core, " << AgentRss() << "\n";

  Freeze(pid);
  const BootTime frozen_at = BootClock().Now();
  const BootTime unknown_at = arbitrator_.WaitFor([](auto& r) { return r.running() == v1::TERNARY_UNKNOWN; });
  std::cout << "frozen: unknown after " << unknown_at - frozen_at << "\n";
  EXPECT_LT(unknown_at - frozen_at, absl::Milliseconds(2300));  // 2 s on a machine that does nothing else
  EXPECT_EQ(arbitrator_.report().primary(), v1::TERNARY_UNKNOWN);
  EXPECT_FALSE(arbitrator_.report().has_wsrep());
  ASSERT_EQ(kill(pid, SIGCONT), 0);
  arbitrator_.WaitFor(Healthy);
  EXPECT_EQ(arbitrator_.report().highest_epoch(), 0u);

  const BootTime killed_at = BootClock().Now();
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  const BootTime gone_at =
      arbitrator_.WaitFor([](auto& r) { return r.running() == v1::TERNARY_NO && r.has_last_primary_view(); });
  std::cout << "killed: reported after " << gone_at - killed_at << "\n";
  EXPECT_LT(gone_at - killed_at, absl::Milliseconds(500));
  arbitrator_.WaitFor([](auto& r) { return Healthy(r) && r.process().restarts() == 1; });
  EXPECT_EQ(arbitrator_.report().process().last_exit().pid(), pid);
  EXPECT_FALSE(arbitrator_.report().process().last_exit().gcomm_uuid().empty());
}

// What is not seen is not said: who is gone is not said to be before its last view was read.
TEST_F(AgentTest, ADataDiskThatHangsDoesNotKeepTheAgentFromReporting) {
  const pid_t pid = Bootstrap();
  const std::string view = data_dir() + "/gvwstate.dat";
  const auto reports_on = [this] {
    const std::size_t before = arbitrator_.nonces();
    return Eventually([&] { return arbitrator_.nonces() >= before + 3; });
  };
  auto hung = std::make_optional<HungFile>(view);
  StartAgent();
  EXPECT_TRUE(reports_on());
  EXPECT_EQ(arbitrator_.report().running(), v1::TERNARY_UNKNOWN);
  hung.reset();
  arbitrator_.WaitFor(Healthy);

  hung.emplace(view);
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  arbitrator_.WaitFor([](auto& r) { return r.process().has_last_exit(); });
  EXPECT_EQ(arbitrator_.report().running(), v1::TERNARY_UNKNOWN);
  EXPECT_TRUE(reports_on());
  EXPECT_EQ(arbitrator_.report().running(), v1::TERNARY_UNKNOWN);
  hung.reset();
  arbitrator_.WaitFor([pid](auto& r) { return Healthy(r) && r.process().pid() != pid; });
}

TEST_F(AgentTest, DrainsWithAnOpenTransactionAcrossItsOwnDeath) {
  Bootstrap();
  StartAgent();
  arbitrator_.WaitFor(Healthy);
  const BootTime later = BootClock().Now() + absl::Seconds(120);
  auto writer = Connect();
  ASSERT_TRUE(writer.ok());
  for (const char* sql :
       {"CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "BEGIN", "INSERT INTO d.t VALUES (1)"}) {
    ASSERT_TRUE(writer->Execute(sql, later).ok()) << sql;
  }
  arbitrator_.WaitFor([](auto& r) { return r.open_transaction_count() == 1; });
  arbitrator_.Drain(false);
  arbitrator_.WaitFor([](auto& r) { return r.drain().state() == v1::DRAIN_STATE_WAITING_FOR_BALANCERS; });
  arbitrator_.Drain(true);
  arbitrator_.WaitFor([](auto& r) { return r.drain().state() == v1::DRAIN_STATE_WAITING_FOR_TRANSACTIONS; });

  // The agent dies and comes back; mariadbd and the drain live on.
  const auto server = Server();
  ASSERT_TRUE(server.has_value());
  KillAgent(SIGKILL);
  ASSERT_EQ(kill(server->pid, 0), 0);
  const std::size_t reports = arbitrator_.nonces();
  StartAgent();
  ASSERT_TRUE(Eventually([&] { return arbitrator_.nonces() > reports; }));
  arbitrator_.WaitFor(
      [](auto& r) { return Healthy(r) && r.drain().state() == v1::DRAIN_STATE_WAITING_FOR_TRANSACTIONS; });
  EXPECT_EQ(arbitrator_.report().process().pid(), server->pid);
  EXPECT_EQ(arbitrator_.report().open_transactions(0).connection_id(),
            static_cast<std::uint64_t>(std::stoul(*writer->Query("SELECT CONNECTION_ID()", later)->at(0).at(0))));
  EXPECT_FALSE(arbitrator_.report().read_only());

  ASSERT_TRUE(writer->Execute("COMMIT", later).ok());
  arbitrator_.WaitFor([](auto& r) { return r.drain().state() == v1::DRAIN_STATE_DRAINED; });
  EXPECT_TRUE(arbitrator_.report().read_only());

  // mariadbd killed while drained: read_only again.
  ASSERT_EQ(kill(server->pid, SIGKILL), 0);
  arbitrator_.WaitFor([&](auto& r) { return Healthy(r) && r.process().pid() != server->pid && r.read_only(); });
  EXPECT_EQ(arbitrator_.report().drain().state(), v1::DRAIN_STATE_DRAINED);

  v1::Message undrain;
  undrain.mutable_undrain();
  arbitrator_.Say(undrain);
  arbitrator_.WaitFor([](auto& r) { return r.drain().state() == v1::DRAIN_STATE_SERVING && !r.read_only(); });
}

// The order of what happens is what counts here: a start would come at once.
TEST_F(AgentTest, HeldDownStartsNothingUntilItIsReleasedAlsoAsANewAgent) {
  const pid_t pid = Bootstrap();
  StartAgent();
  arbitrator_.WaitFor(Healthy);
  const auto say = [&](v1::HoldDown::Action action) {
    v1::Message message;
    message.mutable_hold_down()->set_split_id("s1");
    message.mutable_hold_down()->set_action(action);
    arbitrator_.Say(message);
  };
  say(v1::HoldDown::ACTION_HOLD);
  arbitrator_.WaitFor([](auto& r) { return r.hold().marked(); });
  EXPECT_TRUE(Healthy(arbitrator_.report())) << "what runs goes on";
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  arbitrator_.WaitFor([](auto& r) { return r.running() == v1::TERNARY_NO && r.stopped().has_grastate(); });
  EXPECT_FALSE(arbitrator_.report().process().has_restart_in());

  KillAgent(SIGKILL);
  StartAgent();
  const std::size_t reports = arbitrator_.nonces();
  ASSERT_TRUE(Eventually([&] { return arbitrator_.nonces() >= reports + 3; }));
  EXPECT_EQ(arbitrator_.report().running(), v1::TERNARY_NO);
  EXPECT_EQ(arbitrator_.report().hold().split_id(), "s1");
  EXPECT_FALSE(Server().has_value());

  std::filesystem::rename(data_dir(), data_dir() + ".split-brain");
  std::filesystem::create_directory(data_dir());
  arbitrator_.WaitFor([](auto& r) { return r.hold().fresh_data(); });
  EXPECT_FALSE(Server().has_value());
  say(v1::HoldDown::ACTION_RELEASE);
  arbitrator_.WaitFor([](auto& r) { return r.process().pid() > 0 && !r.has_hold(); });
}

TEST_F(AgentTest, StartsAnAbsentServerAndIsAloneInItsStateDirectory) {
  StartAgent();
  arbitrator_.WaitFor([](auto& r) { return r.process().pid() > 0; });
  const pid_t server = static_cast<pid_t>(arbitrator_.report().process().pid());
  std::ifstream file(absl::StrCat("/proc/", server, "/cmdline"));
  const std::string command{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(command, testing::Not(testing::HasSubstr("new-cluster")));

  const auto second = RunSubprocess(AgentCommand(), absl::Seconds(20));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->exit.code, 1);
  EXPECT_THAT(second->output,
              testing::MatchesRegex("minder-dbserver: another minder-dbserver runs with state_dir [^\n]*\n"));

  // A polite end leaves mariadbd alone as well, and mariadbd keeps neither the lock nor the port of its parent.
  KillAgent(SIGTERM);
  EXPECT_EQ(kill(server, 0), 0);
  const std::size_t reports = arbitrator_.nonces();
  StartAgent();
  ASSERT_TRUE(Eventually([&] { return arbitrator_.nonces() > reports; }));
  arbitrator_.WaitFor([&](auto& r) { return r.process().pid() == server; });
}

}  // namespace
}  // namespace minder
