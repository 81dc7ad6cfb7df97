// status_summary, request_status, watch and version: the real program against a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/protobuf/util/json_util.h"
#include "tests/cli/fake_arbitrator.h"
#include "tests/cli/run_minderctl.h"
#include "yaml-cpp/yaml.h"

namespace minder {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Query : public ::testing::Test {
 protected:
  Query() {
    control_.status_summary = [this](v1::StatusSummaryResponse* response) {
      *response = summary_;
      return grpc::Status::OK;
    };
  }

  void Serve() {
    arbitrator_.Start();
    minderctl_.SetEnvironment("MINDER_ARBITRATOR=" + arbitrator_.address());
  }

  v1::StatusSummaryResponse summary_ = HealthySummary();
  ScriptedControl control_;
  FakeArbitrator arbitrator_{control_};
  MinderctlRunner minderctl_;
};

TEST_F(Query, StatusIsATableOnStdout) {
  Serve();
  for (const char* verb : {"status", "status_summary", "status-summary"}) {
    const CliResult result = minderctl_.Run({verb});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, StartsWith("shop HEALTHY (rule R900, epoch 7): every dbserver"));
    EXPECT_THAT(result.out, HasSubstr("\nnode3  dc2  yes"));
    EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
    EXPECT_EQ(result.err, "");
  }
}

TEST_F(Query, StatusNotHealthyStillPrintsAndExits5) {
  summary_.set_diagnosis(v1::DIAGNOSIS_DEGRADED);
  Serve();
  const CliResult result = minderctl_.Run({"status"});
  EXPECT_EQ(result.code, 5);
  EXPECT_THAT(result.out, StartsWith("shop DEGRADED"));
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(minderctl_.Run({"status", "-o", "json"}).code, 5);
}

TEST_F(Query, JsonIsTheProtobufJsonOfTheResponse) {
  Serve();
  const CliResult result = minderctl_.Run({"status", "-o", "json"});
  v1::StatusSummaryResponse read;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &read).ok()) << result.out;
  EXPECT_EQ(read.SerializeAsString(), summary_.SerializeAsString());
  EXPECT_THAT(result.out, HasSubstr("\"dataCentre\": \"dc1\""));
  EXPECT_THAT(result.out, HasSubstr("\"note\": \"\""));  // defaults are there too
}

TEST_F(Query, YamlHasTheSameContent) {
  Serve();
  const YAML::Node yaml = YAML::Load(minderctl_.Run({"status", "-o", "yaml"}).out);
  EXPECT_EQ(yaml["diagnosis"].as<std::string>(), "DIAGNOSIS_HEALTHY");
  EXPECT_EQ(yaml["nodes"].size(), 3u);
  EXPECT_EQ(yaml["nodes"][2]["backends"][0]["dbclient"].as<std::string>(), "lb1");
}

TEST_F(Query, NamesCannotBreakTheTerminal) {
  summary_.mutable_nodes(0)->set_name("node1\x1b]0;owned\x07");
  summary_.mutable_nodes(0)->set_note("two\nlines \xe2\x80\xae");
  Serve();
  const CliResult result = minderctl_.Run({"status"});
  EXPECT_THAT(result.out, HasSubstr("node1\\x1b]0;owned\\x07"));
  EXPECT_THAT(result.out, HasSubstr("two\\nlines \\u202e"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST_F(Query, ColourNeedsATerminalAndNobodyWhoForbidsIt) {
  Serve();
  const std::string terminal = "script -qec \"$1 status $2\" /dev/null >\"$HOME/out\" 2>\"$HOME/err\" </dev/null";
  minderctl_.SetEnvironment("TERM=xterm");
  EXPECT_THAT(minderctl_.RunInShell(terminal, {}).out, HasSubstr("\x1b[32mHEALTHY\x1b[0m"));
  EXPECT_THAT(minderctl_.RunInShell(terminal, {"--no-color"}).out, HasSubstr("shop HEALTHY (rule"));
  minderctl_.SetEnvironment("NO_COLOR=1");
  EXPECT_THAT(minderctl_.RunInShell(terminal, {}).out, HasSubstr("shop HEALTHY (rule"));
}

TEST_F(Query, StdoutThatCannotBeWrittenIsAnError) {
  Serve();
  const CliResult result = minderctl_.RunInShell("exec \"$@\" >/dev/full 2>\"$HOME/err\"", {"status"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("minderctl: cannot write to stdout: No space left on device"));
}

TEST_F(Query, RequestStatusShowsReportsAndTheSilent) {
  control_.request_status = [](const v1::RequestStatusRequest& request, v1::RequestStatusResponse* response) {
    response->add_dbservers()->set_name(request.dbserver().empty() ? "all" : request.dbserver());
    if (request.dbserver().empty()) response->add_silent("node3");
    return grpc::Status::OK;
  };
  Serve();
  const CliResult one = minderctl_.Run({"request_status", "node2"});
  EXPECT_EQ(one.code, 0);
  EXPECT_THAT(one.out, HasSubstr("\nnode2  yes"));
  EXPECT_EQ(one.err, "");
  const CliResult all = minderctl_.Run({"request-status", "-o", "json"});
  EXPECT_EQ(all.code, 6);
  EXPECT_THAT(all.out, HasSubstr("\"name\": \"all\""));
  EXPECT_THAT(all.err, StartsWith("minderctl: no report in time from node3;"));
}

TEST_F(Query, WatchPrintsALineForEachChangeUntilASignal) {
  control_.watch = [this](grpc::ServerContext* context, grpc::ServerWriter<v1::WatchResponse>* writer) {
    v1::WatchResponse response;
    response.mutable_time()->set_seconds(1'700'000'000);
    *response.mutable_summary() = summary_;
    writer->Write(response);
    response.add_changes("node3: primary yes -> no");
    writer->Write(response);
    HoldUntilCancelled(context);
    return grpc::Status::CANCELLED;
  };
  Serve();
  for (const int signal : {SIGINT, SIGTERM}) {
    minderctl_.Start({"watch"});
    ASSERT_TRUE(minderctl_.WaitForOutput("yes -> no"));
    minderctl_.Signal(signal);
    const CliResult result = minderctl_.Finish();
    EXPECT_EQ(result.code, 130);
    EXPECT_EQ(
        result.out,
        "2023-11-14 22:13:20 shop HEALTHY (rule R900, epoch 7): every dbserver is Synced in one primary component\n"
        "2023-11-14 22:13:20 node3: primary yes -> no\n");
    EXPECT_EQ(result.err, "");
  }
  const CliResult json = minderctl_.Run({"watch", "-o", "json", "--deadline", "300ms"});
  EXPECT_EQ(json.code, 0);
  EXPECT_EQ(std::count(json.out.begin(), json.out.end(), '\n'), 2);
  EXPECT_THAT(json.out, HasSubstr("\"changes\":[\"node3: primary yes -\\u003e no\"]"));
}

TEST_F(Query, WatchFindsARestartedArbitratorAgain) {
  std::atomic<int> streams = 0;
  control_.watch = [&](grpc::ServerContext* context, grpc::ServerWriter<v1::WatchResponse>* writer) {
    v1::WatchResponse response;
    *response.mutable_summary() = summary_;
    response.mutable_summary()->set_epoch(100 + ++streams);
    writer->Write(response);
    HoldUntilCancelled(context);
    return grpc::Status::CANCELLED;
  };
  Serve();
  minderctl_.Start({"status", "--watch"});
  ASSERT_TRUE(minderctl_.WaitForOutput("epoch 101"));
  arbitrator_.Stop();
  ASSERT_TRUE(minderctl_.WaitForOutput("does not answer any more"));
  arbitrator_.Start();
  ASSERT_TRUE(minderctl_.WaitForOutput("epoch 102"));
  minderctl_.Signal(SIGINT);
  const CliResult result = minderctl_.Finish();
  EXPECT_EQ(result.code, 130);
  EXPECT_THAT(result.err, HasSubstr("minderctl: the arbitrator is back\n"));
}

TEST_F(Query, StatusWatchRedrawsOnATerminalAndAppendsElsewhere) {
  control_.watch = [this](grpc::ServerContext* context, grpc::ServerWriter<v1::WatchResponse>* writer) {
    v1::WatchResponse response;
    *response.mutable_summary() = summary_;
    writer->Write(response);
    writer->Write(response);
    HoldUntilCancelled(context);
    return grpc::Status::CANCELLED;
  };
  Serve();
  minderctl_.Start({"status", "--watch"});
  ASSERT_TRUE(minderctl_.WaitForOutput("\n\nshop HEALTHY"));
  minderctl_.Signal(SIGINT);
  EXPECT_THAT(minderctl_.Finish().out, Not(HasSubstr("\x1b")));

  minderctl_.SetEnvironment("TERM=xterm");
  const CliResult terminal = minderctl_.RunInShell(
      "script -qec \"timeout 2 $1 status --watch\" /dev/null >\"$HOME/out\" 2>\"$HOME/err\" </dev/null", {});
  EXPECT_THAT(terminal.out, HasSubstr("\x1b[H\x1b[2Jshop "));
}

TEST_F(Query, VersionNeedsNoArbitrator) {
  for (const char* spelling : {"version", "--version"}) {
    const CliResult result = minderctl_.Run({spelling});
    EXPECT_EQ(result.code, 0);
    EXPECT_THAT(result.out, ::testing::MatchesRegex("minderctl [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  }
}

}  // namespace
}  // namespace minder
