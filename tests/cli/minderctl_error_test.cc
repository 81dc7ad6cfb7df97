// What goes wrong before and instead of an answer: the real program, its one line and its exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "tests/cli/fake_arbitrator.h"
#include "tests/cli/run_minderctl.h"

namespace minder {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A port on loopback: listening it accepts connections and says nothing, otherwise it refuses them.
class SilentPort {
 public:
  explicit SilentPort(bool listening) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd_.get(), generic, size), 0);
    EXPECT_EQ(getsockname(fd_.get(), generic, &size), 0);
    EXPECT_TRUE(!listening || listen(fd_.get(), 8) == 0);
    address_ = absl::StrFormat("127.0.0.1:%d", ntohs(address.sin_port));
  }
  const std::string& address() const { return address_; }

 private:
  UniqueFd fd_;
  std::string address_;
};

int Lines(const std::string& text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }

class Errors : public ::testing::Test {
 protected:
  void ExpectOneLine(const CliResult& result, int code, const std::string& beginning) {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_THAT(result.err, StartsWith("minderctl: " + beginning));
    EXPECT_EQ(Lines(result.err), 1) << result.err;
    EXPECT_EQ(result.out, "");
  }

  void Serve() {
    arbitrator_.Start();
    minderctl_.SetEnvironment("MINDER_ARBITRATOR=" + arbitrator_.address());
  }

  ScriptedControl control_;
  FakeArbitrator arbitrator_{control_};
  MinderctlRunner minderctl_;
};

TEST_F(Errors, ConnectionRefusedIsUnreachableAtOnce) {
  const SilentPort port(/*listening=*/false);
  const BootTime start = BootClock().Now();
  for (const auto& verb : std::vector<std::vector<std::string>>{{"status"},
                                                                {"request_status"},
                                                                {"watch"},
                                                                {"status", "--watch"},
                                                                {"drain", "node3"},
                                                                {"undrain", "node3"}}) {
    std::vector<std::string> arguments = verb;
    arguments.insert(arguments.end(), {"--arbitrator", port.address(), "--timeout", "30s"});
    const CliResult result = minderctl_.Run(arguments);
    ExpectOneLine(result, 3, "cannot reach the arbitrator at " + port.address());
    EXPECT_THAT(result.err, HasSubstr("Connection refused"));
    EXPECT_THAT(result.err, HasSubstr("--arbitrator HOST:PORT"));
  }
  EXPECT_LT(BootClock().Now() - start, absl::Seconds(20));
}

TEST_F(Errors, ABlackHoleKeepsTheDeadline) {
  const SilentPort port(/*listening=*/true);
  for (const auto& verb : std::vector<std::vector<std::string>>{{"status"}, {"watch"}, {"drain", "node3"}}) {
    std::vector<std::string> arguments = verb;
    arguments.insert(arguments.end(), {"--arbitrator", port.address(), "--timeout", "300ms"});
    const BootTime start = BootClock().Now();
    ExpectOneLine(minderctl_.Run(arguments), 3,
                  "cannot reach the arbitrator at " + port.address() + " (no connection within 300ms)");
    EXPECT_GE(BootClock().Now() - start, absl::Milliseconds(290));
    EXPECT_LT(BootClock().Now() - start, absl::Seconds(10));
  }
}

TEST_F(Errors, AnInterruptedConnectEndsAtOnce) {
  const SilentPort port(/*listening=*/true);
  minderctl_.Start({"drain", "node3", "--arbitrator", port.address(), "--timeout", "50s"});
  // There is no output to wait for: signals are held back once /proc says so.
  const CliResult waited = minderctl_.RunInShell(
      "while ! grep -q 'SigBlk:.*4002$' /proc/$2/status; do sleep 0.01; done", {std::to_string(minderctl_.pid())});
  ASSERT_EQ(waited.code, 0);
  minderctl_.Signal(SIGINT);
  ExpectOneLine(minderctl_.Finish(), 130, "interrupted before the arbitrator was reached; nothing was ordered");
}

TEST_F(Errors, AConnectedArbitratorThatDoesNotAnswerIsATimeout) {
  control_.watch = [](grpc::ServerContext* context, auto*) {
    HoldUntilCancelled(context);
    return grpc::Status::CANCELLED;
  };
  control_.drain = [](grpc::ServerContext* context, const v1::DrainRequest&, auto*) {
    HoldUntilCancelled(context);
    return grpc::Status::CANCELLED;
  };
  Serve();
  const std::string text =
      "the arbitrator at " + arbitrator_.address() + " took the question and did not answer within";
  for (const auto& verb :
       std::vector<std::vector<std::string>>{{"drain", "node3", "--dry-run"}, {"drain", "node3"}, {"watch"}}) {
    std::vector<std::string> arguments = verb;
    arguments.insert(arguments.end(), {"--timeout", "300ms"});
    const BootTime start = BootClock().Now();
    ExpectOneLine(minderctl_.Run(arguments), 6, text);
    EXPECT_LT(BootClock().Now() - start, absl::Seconds(10));
  }
}

TEST_F(Errors, NoArbitratorNamed) {
  ExpectOneLine(minderctl_.Run({"status"}), 2, "no arbitrator is named; use --arbitrator HOST:PORT");
}

TEST_F(Errors, BadUsage) {
  ExpectOneLine(minderctl_.Run({"promote"}), 2, "there is no verb 'promote'");
  ExpectOneLine(minderctl_.Run({"drain"}), 2, "NODE is required");
  ExpectOneLine(minderctl_.Run({"status", "evil\x1b[2J"}), 2, "The following argument was not expected: evil\\x1b[2J");
  minderctl_.SetEnvironment("MINDER_OUTPUT=xml");
  ExpectOneLine(minderctl_.Run({"status"}), 2, "MINDER_OUTPUT: 'xml' is no format");
}

TEST_F(Errors, BrokenUserFileNamesItsLine) {
  Serve();
  minderctl_.WriteUserFile("output: json\narbitrater: a:1\n");
  ExpectOneLine(minderctl_.Run({"status"}), 1, minderctl_.UserFile() + ":2: arbitrater: unknown key");
  EXPECT_EQ(minderctl_.Run({"version"}).code, 0);
}

TEST_F(Errors, FlagsBeatEnvironmentBeatsUserFile) {
  control_.status_summary = [](v1::StatusSummaryResponse* response) {
    *response = HealthySummary();
    return grpc::Status::OK;
  };
  arbitrator_.Start();
  minderctl_.WriteUserFile("arbitrator: " + arbitrator_.address() + "\noutput: yaml\n");
  EXPECT_THAT(minderctl_.Run({"status"}).out, StartsWith("cluster: \"shop\""));
  minderctl_.SetEnvironment("MINDER_OUTPUT=json");
  EXPECT_THAT(minderctl_.Run({"status"}).out, StartsWith("{"));
  EXPECT_THAT(minderctl_.Run({"status", "-o", "table"}).out, StartsWith("shop HEALTHY"));
  const SilentPort nobody(/*listening=*/false);
  minderctl_.SetEnvironment("MINDER_ARBITRATOR=" + nobody.address());
  EXPECT_EQ(minderctl_.Run({"status"}).code, 3);
  EXPECT_EQ(minderctl_.Run({"status", "--arbitrator", arbitrator_.address()}).code, 0);
}

TEST_F(Errors, UnknownNodeShowsTheKnownOnes) {
  control_.status_summary = [](v1::StatusSummaryResponse* response) {
    *response = HealthySummary();
    return grpc::Status::OK;
  };
  control_.drain = [](grpc::ServerContext*, const v1::DrainRequest& request, auto*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no dbserver " + request.dbserver());
  };
  control_.undrain = [](grpc::ServerContext*, const v1::UndrainRequest&, auto*) {
    return Refusal(grpc::StatusCode::NOT_FOUND, "there is no dbserver x", "UNKNOWN_DBSERVER", "", "name one of node1");
  };
  Serve();
  const CliResult added = minderctl_.Run({"drain", "node9"});
  ExpectOneLine(added, 1, "there is no dbserver node9; the dbservers are node1, node2, node3\n");
  ExpectOneLine(minderctl_.Run({"undrain", "x"}), 1, "there is no dbserver x (UNKNOWN_DBSERVER); name one of node1\n");
}

TEST_F(Errors, AServerWithoutTheVerbIsNamed) {
  Serve();
  ExpectOneLine(minderctl_.Run({"status"}), 1, "what answers at " + arbitrator_.address() + " does not know this verb");
}

}  // namespace
}  // namespace minder
