// What the real programs say, and leave alone, when they are started on something that cannot be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"
#include "common/base/subprocess.h"
#include "common/base/unique_fd.h"
#include "services/arbitrator/store.h"
#include "tests/lab/wait_for.h"

namespace minder {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr char kConfig[] = R"(cluster: shop
version: 1
data_centres:
  - {name: dc1, role: primary}
arbitrator: {name: arb, address: 127.0.0.1:1, listen: "127.0.0.1:PORT", state_dir: DIR/arb}
dbservers:
  - name: node1
    data_centre: dc1
    address: 127.0.0.1:2
    listen: "127.0.0.1:PORT"
    mysql_address: 127.0.0.1:3306
    state_dir: DIR/node1
    notify_socket: DIR/notify.sock
    data_dir: DIR/data
    mysql: {socket: DIR/mysql.sock, user: minder}
    manage: {mode: child, command: [/bin/false], pid_file: DIR/mysqld.pid}
dbclients:
  - {name: lb1, address: 127.0.0.1:3, listen: "127.0.0.1:PORT", haproxy: {socket: DIR/haproxy.sock, backend: galera}}
)";

class BadStartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "minder-start-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    for (const char* sub : {"/arb", "/node1", "/data"}) fs::create_directory(dir_ + sub);
    port_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    ASSERT_EQ(bind(port_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(port_.get(), 1), 0);
    ASSERT_EQ(getsockname(port_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    Write(dir_ + "/minder.yaml", absl::StrReplaceAll(kConfig, {{"DIR", dir_}, {"127.0.0.1:PORT", address_}}));
  }
  void TearDown() override { fs::remove_all(dir_); }

  static void Write(const std::string& path, const std::string& content) { std::ofstream(path) << content; }

  // Starts it on the configuration, whose port is in use: it ends in any case. The last line that it said.
  std::string LastWords(const char* program, const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv = {program, "--config", dir_ + "/minder.yaml"};
    argv.insert(argv.end(), more.begin(), more.end());
    const auto ended = RunSubprocess(argv, absl::Seconds(30));
    if (!ended.ok()) return ended.status().ToString();
    EXPECT_EQ(ended->exit.code, 1) << ended->output;
    const std::vector<std::string> lines = absl::StrSplit(ended->output, '\n', absl::SkipEmpty());
    return lines.empty() ? "" : lines.back();
  }
  std::string Dbserver() { return LastWords(MINDER_DBSERVER, {"--name", "node1"}); }

  std::string dir_;
  UniqueFd port_;
  std::string address_;
};

TEST_F(BadStartTest, APortInUseIsNamed) {
  EXPECT_THAT(LastWords(MINDER_ARBITRATOR), HasSubstr(address_));
  EXPECT_TRUE(fs::is_empty(dir_ + "/arb")) << "nothing is made by a start in vain";
  EXPECT_THAT(Dbserver(), HasSubstr(address_));
  EXPECT_THAT(LastWords(MINDER_DBCLIENT, {"--name", "lb1"}), HasSubstr(address_));
}

TEST_F(BadStartTest, AnUnknownNameAndAMissingFileAreNamed) {
  EXPECT_THAT(LastWords(MINDER_DBSERVER, {"--name", "node2"}), HasSubstr("did you mean node1?"));
  EXPECT_THAT(LastWords(MINDER_DBCLIENT, {"--name", "lb2"}), HasSubstr("use one of lb1"));
  fs::remove(dir_ + "/minder.yaml");
  EXPECT_THAT(LastWords(MINDER_ARBITRATOR), HasSubstr(dir_ + "/minder.yaml"));
}

TEST_F(BadStartTest, TwoNodesWithOneNameAreRefusedByEveryParty) {
  std::string config = ReadFile(dir_ + "/minder.yaml").value();
  const std::size_t node = config.find("  - name: node1");
  const std::string twin = config.substr(node, config.find("dbclients:") - node);
  config.insert(node, absl::StrReplaceAll(twin, {{"127.0.0.1:2", "127.0.0.1:4"}, {":3306", ":3307"}}));
  Write(dir_ + "/minder.yaml", config);
  EXPECT_THAT(LastWords(MINDER_ARBITRATOR), HasSubstr("'node1' is also"));
  EXPECT_THAT(Dbserver(), HasSubstr("'node1' is also"));
}

TEST_F(BadStartTest, AStateOfAnotherClusterIsNamedAndKept) {
  const std::string path = dir_ + "/arb/arbitrator.sqlite";
  ASSERT_TRUE(OpenSqliteStore(dir_ + "/arb", "bank").ok());
  const std::string before = ReadFile(path, 1 << 24).value();
  port_ = UniqueFd();
  EXPECT_THAT(LastWords(MINDER_ARBITRATOR), HasSubstr(path + " is the state of cluster 'bank', not of 'shop'"));
  EXPECT_EQ(ReadFile(path, 1 << 24).value(), before);
}

TEST_F(BadStartTest, AnArbitratorWhoseStateIsDamagedSaysSoAndRunsOn) {
  const std::string path = dir_ + "/arb/arbitrator.sqlite";
  const std::string garbage(4096, 'x');
  Write(path, garbage);
  port_ = UniqueFd();
  const std::string log = dir_ + "/log";
  const auto arbitrator = Spawn({MINDER_ARBITRATOR, "--config", dir_ + "/minder.yaml"}, log);
  ASSERT_TRUE(arbitrator.ok()) << arbitrator.status();
  const auto said = [&](const std::string& what) { return ReadFile(log).value_or("").find(what) != std::string::npos; };
  EXPECT_TRUE(lab::WaitFor([&] { return said("listens on " + address_); }, absl::Seconds(30), "a start").ok());
  EXPECT_TRUE(said("nothing is ordered, for what was recorded cannot be read: " + path)) << ReadFile(log).value_or("");
  kill(arbitrator->pid, SIGTERM);
  pollfd ended{.fd = arbitrator->pidfd.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&ended, 1, 30'000), 1);
  EXPECT_EQ(Reap(arbitrator->pid).value().code, 0);
  EXPECT_EQ(ReadFile(path).value(), garbage);
}

TEST_F(BadStartTest, AnAgentsFileOfAnotherClusterOrNodeIsNamedAndKept) {
  const std::string theirs = R"({"owner":{"cluster":"shop","dbserver":"node2"},"state":"DRAIN_STATE_DRAINED"})";
  Write(dir_ + "/node1/drain.json", theirs);
  EXPECT_THAT(Dbserver(), HasSubstr(dir_ + "/node1/drain.json is of dbserver 'node2' of cluster 'shop'"));
  EXPECT_EQ(ReadFile(dir_ + "/node1/drain.json").value(), theirs);
  fs::remove(dir_ + "/node1/drain.json");
  for (const char* file : {"/node1/promise.json", "/node1/hold.json"}) {
    const std::string other = R"({"owner":{"cluster":"bank","dbserver":"node1"}})";
    Write(dir_ + file, other);
    EXPECT_THAT(Dbserver(), HasSubstr(dir_ + file + " is of dbserver 'node1' of cluster 'bank'"));
    EXPECT_EQ(ReadFile(dir_ + file).value(), other);
    fs::remove(dir_ + file);
  }
}

TEST_F(BadStartTest, AStateThatIsNoneIsNamedAndKept) {
  for (const char* file : {"/node1/promise.json", "/node1/drain.json", "/node1/hold.json"}) {
    Write(dir_ + file, "{\"half");
    EXPECT_THAT(Dbserver(), HasSubstr(dir_ + file));
    EXPECT_EQ(ReadFile(dir_ + file).value(), "{\"half");
    fs::remove(dir_ + file);
  }
}

TEST_F(BadStartTest, AFileInTheSocketsPlaceIsNamedAndKept) {
  Write(dir_ + "/notify.sock", "mine");
  EXPECT_THAT(Dbserver(), HasSubstr(dir_ + "/notify.sock"));
  EXPECT_EQ(ReadFile(dir_ + "/notify.sock").value(), "mine");
}

}  // namespace
}  // namespace minder
