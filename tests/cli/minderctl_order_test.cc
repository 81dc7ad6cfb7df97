// drain and undrain: the real program against a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "common/base/clock.h"
#include "google/protobuf/util/json_util.h"
#include "tests/cli/fake_arbitrator.h"
#include "tests/cli/run_minderctl.h"

namespace minder {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using DrainWriter = grpc::ServerWriter<v1::DrainResponse>;

v1::DrainResponse Progress(v1::DrainState state) {
  v1::DrainResponse response;
  response.set_dbserver("node3");
  response.set_drain_id("d1");
  response.set_state(state);
  return response;
}

v1::DrainResponse First() {
  v1::DrainResponse response = Progress(v1::DRAIN_STATE_WAITING_FOR_BALANCERS);
  response.add_plan("lb1 stops giving node3 new sessions");
  response.add_plan("open transactions on node3 end");
  response.add_waiting_for("lb1 (still up)");
  response.set_open_transactions(1);
  return response;
}

v1::DrainResponse Blocked() {
  v1::DrainResponse response = Progress(v1::DRAIN_STATE_WAITING_FOR_TRANSACTIONS);
  response.set_open_transactions(1);
  v1::OpenTransaction* blocker = response.add_blockers();
  blocker->set_connection_id(42);
  blocker->set_user("app@10.0.0.7");
  blocker->mutable_age()->set_seconds(12);
  blocker->set_statement("UPDATE stock SET n = n - 1");
  return response;
}

class Order : public ::testing::Test {
 protected:
  void Serve() {
    arbitrator_.Start();
    minderctl_.SetEnvironment("MINDER_ARBITRATOR=" + arbitrator_.address());
  }

  // A drain that never gets past its blocker.
  void BlockDrains() {
    control_.drain = [this](grpc::ServerContext* context, const v1::DrainRequest& request, DrainWriter* writer) {
      Remember(request.request_id());
      writer->Write(First());
      writer->Write(Blocked());
      HoldUntilCancelled(context);
      return grpc::Status::CANCELLED;
    };
  }

  void Remember(const std::string& request_id) {
    const std::lock_guard lock(mutex_);
    request_ids_.push_back(request_id);
  }
  std::vector<std::string> RequestIds() {
    const std::lock_guard lock(mutex_);
    return request_ids_;
  }

  std::mutex mutex_;  // guards request_ids_
  std::vector<std::string> request_ids_;
  ScriptedControl control_;
  FakeArbitrator arbitrator_{control_};
  MinderctlRunner minderctl_;
};

TEST_F(Order, DrainTellsItsStoryAndWhatToTypeNext) {
  control_.drain = [](grpc::ServerContext*, const v1::DrainRequest& request, DrainWriter* writer) {
    EXPECT_EQ(request.dbserver(), "node3");
    EXPECT_FALSE(request.validate_only());
    EXPECT_EQ(request.request_id().size(), 32u);
    writer->Write(First());
    v1::DrainResponse blocked = Blocked();
    writer->Write(blocked);
    blocked.mutable_blockers(0)->mutable_age()->set_seconds(13);
    writer->Write(blocked);  // no news
    writer->Write(Progress(v1::DRAIN_STATE_READ_ONLY));
    writer->Write(Progress(v1::DRAIN_STATE_DRAINED));
    return grpc::Status::OK;
  };
  Serve();
  const CliResult result = minderctl_.Run({"drain", "node3"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out,
            "node3 drained: no balancer gives it new sessions, no transaction is open\n"
            "When it may serve again: minderctl undrain node3\n");
  EXPECT_EQ(result.err,
            "drain node3:\n"
            "  1. lb1 stops giving node3 new sessions\n"
            "  2. open transactions on node3 end\n"
            "node3: waiting for lb1 (still up); 1 open transaction\n"
            "node3: no balancer gives it new sessions; waiting for 1 open transaction\n"
            "  connection 42  app@10.0.0.7  open 12s  UPDATE stock SET n = n - 1\n"
            "node3: read-only; the last writes are running out\n");

  const CliResult json = minderctl_.Run({"drain", "node3", "-o", "json"});
  v1::DrainResponse read;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json.out, &read).ok()) << json.out;
  EXPECT_EQ(read.state(), v1::DRAIN_STATE_DRAINED);
  EXPECT_EQ(json.err, result.err);
}

TEST_F(Order, DryRunShowsThePlanAndChangesNothing) {
  control_.drain = [](grpc::ServerContext*, const v1::DrainRequest& request, DrainWriter* writer) {
    EXPECT_TRUE(request.validate_only());
    writer->Write(First());
    return grpc::Status::OK;
  };
  Serve();
  const CliResult result = minderctl_.Run({"drain", "node3", "--dry-run"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out,
            "drain node3 would:\n"
            "  1. lb1 stops giving node3 new sessions\n"
            "  2. open transactions on node3 end\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(Order, ARefusalSaysRuleAndCure) {
  control_.drain = [](grpc::ServerContext*, const v1::DrainRequest&, DrainWriter*) {
    return Refusal(grpc::StatusCode::FAILED_PRECONDITION, "node3 is the last serving node", "LAST_SERVING_NODE", "D2",
                   "bring another one back first");
  };
  Serve();
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"drain", "node3"}, {"drain", "node3", "--dry-run"}}) {
    const CliResult result = minderctl_.Run(arguments);
    EXPECT_EQ(result.code, 4);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.err,
              "minderctl: node3 is the last serving node (LAST_SERVING_NODE, rule D2); bring another one back first\n");
  }
}

TEST_F(Order, DrainDeadlineSaysWhatIsOpenAndExits6) {
  BlockDrains();
  Serve();
  const CliResult result = minderctl_.Run({"drain", "node3", "--deadline", "500ms"});
  EXPECT_EQ(result.code, 6);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(
      result.err,
      HasSubstr("\nminderctl: the drain of node3 is not complete after 500ms (still open: 1 transaction); it stays "
                "in force: 'minderctl drain node3' waits again, 'minderctl undrain node3' stops it\n"
                "  connection 42  app@10.0.0.7  open 12s  UPDATE stock SET n = n - 1\n"));
  const CliResult json = minderctl_.Run({"drain", "node3", "--deadline", "500ms", "-o", "json"});
  EXPECT_EQ(json.code, 6);
  EXPECT_THAT(json.out, HasSubstr("\"connectionId\": \"42\""));
}

TEST_F(Order, InterruptedDrainGoesOnAndSaysHowToStopIt) {
  BlockDrains();
  Serve();
  for (const int signal : {SIGINT, SIGTERM}) {
    minderctl_.Start({"drain", "node3"});
    ASSERT_TRUE(minderctl_.WaitForOutput("connection 42"));
    minderctl_.Signal(signal);
    const CliResult result = minderctl_.Finish();
    EXPECT_EQ(result.code, 130);
    EXPECT_THAT(result.err,
                HasSubstr("\nminderctl: interrupted; the drain of node3 goes on: 'minderctl status_summary' "
                          "shows it, 'minderctl undrain node3' stops it\n"));
  }
}

TEST_F(Order, DrainSurvivesARestartOfTheArbitratorWithTheSameRequestId) {
  std::atomic<bool> restarted = false;
  control_.drain = [&](grpc::ServerContext* context, const v1::DrainRequest& request, DrainWriter* writer) {
    Remember(request.request_id());
    writer->Write(First());
    writer->Write(Blocked());
    if (restarted) {
      writer->Write(Progress(v1::DRAIN_STATE_DRAINED));
      return grpc::Status::OK;
    }
    HoldUntilCancelled(context);
    return grpc::Status::CANCELLED;
  };
  Serve();
  minderctl_.Start({"drain", "node3"});
  ASSERT_TRUE(minderctl_.WaitForOutput("connection 42"));
  arbitrator_.Stop();
  ASSERT_TRUE(minderctl_.WaitForOutput("does not answer any more; the drain of node3 goes on; trying again"));
  restarted = true;
  arbitrator_.Start();
  const CliResult result = minderctl_.Finish();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("node3 drained"));
  EXPECT_THAT(result.err, HasSubstr("minderctl: the arbitrator is back\n"));
  EXPECT_EQ(result.err.find("drain node3:\n"), result.err.rfind("drain node3:\n"));  // the plan is told once
  const auto ids = RequestIds();
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids[0], ids[1]);
}

TEST_F(Order, AnArbitratorThatStaysAwayEndsWithTheDeadline) {
  BlockDrains();
  Serve();
  minderctl_.Start({"drain", "node3", "--deadline", "3s"});
  ASSERT_TRUE(minderctl_.WaitForOutput("connection 42"));
  arbitrator_.Stop();
  const CliResult result = minderctl_.Finish();
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.err, HasSubstr("the drain of node3 is not complete after 3s"));
}

TEST_F(Order, InterruptedWhileTheArbitratorIsAway) {
  BlockDrains();
  Serve();
  minderctl_.Start({"drain", "node3"});
  ASSERT_TRUE(minderctl_.WaitForOutput("connection 42"));
  arbitrator_.Stop();
  ASSERT_TRUE(minderctl_.WaitForOutput("does not answer any more"));
  minderctl_.Signal(SIGINT);
  const CliResult result = minderctl_.Finish();
  EXPECT_EQ(result.code, 130);
  EXPECT_THAT(result.err, HasSubstr("interrupted; the drain of node3 goes on"));
}

TEST_F(Order, AStreamThatEndsTooEarlyIsAnError) {
  control_.drain = [](grpc::ServerContext*, const v1::DrainRequest&, DrainWriter* writer) {
    writer->Write(Blocked());
    return grpc::Status::OK;
  };
  Serve();
  const CliResult result = minderctl_.Run({"drain", "node3"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("minderctl: the arbitrator ended the drain of node3 before it was complete"));
}

TEST_F(Order, EachDrainHasARequestIdOfItsOwn) {
  control_.drain = [this](grpc::ServerContext*, const v1::DrainRequest& request, DrainWriter* writer) {
    Remember(request.request_id());
    writer->Write(Progress(v1::DRAIN_STATE_DRAINED));
    return grpc::Status::OK;
  };
  Serve();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(minderctl_.Run({"drain", "node3"}).code, 0);
  const auto ids = RequestIds();
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 3u);
}

TEST_F(Order, DrainedIsTheEndEvenWhenTheStreamStaysOpen) {
  control_.drain = [](grpc::ServerContext* context, const v1::DrainRequest&, DrainWriter* writer) {
    writer->Write(Progress(v1::DRAIN_STATE_DRAINED));
    HoldUntilCancelled(context);
    return grpc::Status::CANCELLED;
  };
  Serve();
  EXPECT_EQ(minderctl_.Run({"drain", "node3"}).code, 0);
}

TEST_F(Order, UndrainWaitsForTheBalancers) {
  control_.undrain = [](grpc::ServerContext*, const v1::UndrainRequest& request,
                        grpc::ServerWriter<v1::UndrainResponse>* writer) {
    v1::UndrainResponse response;
    response.set_dbserver(request.dbserver());
    response.set_state(v1::DRAIN_STATE_SERVING);
    response.add_plan("read_only as before");
    response.add_waiting_for("lb1 (still drain)");
    writer->Write(response);
    if (request.validate_only()) return grpc::Status::OK;
    response.clear_plan();
    response.clear_waiting_for();
    response.set_done(true);
    writer->Write(response);
    return grpc::Status::OK;
  };
  Serve();
  const CliResult result = minderctl_.Run({"undrain", "node3"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "node3 undrained: every balancer gives it sessions\nTo look at it: minderctl status_summary\n");
  EXPECT_EQ(result.err, "undrain node3:\n  1. read_only as before\nnode3: waiting for lb1 (still drain)\n");
  EXPECT_EQ(minderctl_.Run({"undrain", "node3", "--dry-run"}).out, "undrain node3 would:\n  1. read_only as before\n");
}

TEST_F(Order, UndrainDeadline) {
  control_.undrain = [](grpc::ServerContext* context, const v1::UndrainRequest&,
                        grpc::ServerWriter<v1::UndrainResponse>* writer) {
    v1::UndrainResponse response;
    response.set_dbserver("node3");
    response.add_waiting_for("lb1 (silent)");
    writer->Write(response);
    HoldUntilCancelled(context);
    return grpc::Status::CANCELLED;
  };
  Serve();
  const CliResult result = minderctl_.Run({"undrain", "node3", "--deadline", "300ms"});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.err, HasSubstr("the undrain of node3 is not complete after 300ms (waiting for lb1 "
                                    "(silent)); it stays in force"));
  EXPECT_THAT(result.err, Not(HasSubstr("drain node3:\n")));
}

}  // namespace
}  // namespace minder
