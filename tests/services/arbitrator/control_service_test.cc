// The arbitrator with a real store, real gRPC, and agents that say what the test tells them.
#include "services/arbitrator/control_service.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "common/base/file.h"
#include "common/core/party.h"
#include "common/rpc/channel.h"
#include "minder/v1/services.grpc.pb.h"
#include "tests/core/world.h"
#include "tests/rpc/endpoint.h"
#include "tests/services/arbitrator/running_arbitrator.h"
#include "tests/services/arbitrator/tamper.h"

namespace minder {
namespace {

using ::testing::HasSubstr;

class ControlServiceTest : public ::testing::Test {
 protected:
  ControlServiceTest() {
    *world_.config.mutable_timings()->mutable_resend_after() = ToProto(absl::Milliseconds(200));
    *world_.config.mutable_timings()->mutable_fresh_for() = ToProto(absl::Hours(1));  // the test decides who is silent
    std::string name = ::testing::TempDir() + "minder-control-XXXXXX";
    directory_ = mkdtemp(name.data());
    Start();
  }
  ~ControlServiceTest() override {
    arbitrator_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Start() {
    arbitrator_.reset();
    arbitrator_ = std::make_unique<RunningArbitrator>(world_.config,
                                                      OpenStoreOrNone(directory_, world_.config.cluster()).value());
    stub_ = v1::ControlService::NewStub(MakeChannel(absl::StrFormat("127.0.0.1:%d", arbitrator_->port())));
    const v1::Party arb = ArbitratorParty(world_.config);
    agents_.clear();
    for (const auto& node : world_.config.dbservers()) {
      agents_[node.name()] = std::make_unique<Endpoint>(DbserverParty(world_.config, node.name()), arb);
    }
    agents_["lb1"] = std::make_unique<Endpoint>(DbclientParty(world_.config, "lb1"), arb);
    for (auto& [agent_name, agent] : agents_) agent->Dial(arbitrator_->port());
    Tell();
  }

  // Every agent reports what the world says.
  void Tell() {
    for (const auto& node : world_.state.dbservers()) {
      v1::Message report;
      *report.mutable_db_status_report() = node.report();
      agents_.at(node.name())->Say(report);
    }
    v1::Message report;
    *report.mutable_balancer_report() = world_.Balancer().report();
    agents_.at("lb1")->Say(report);
  }

  std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return context;
  }

  // Waits until the summary is as wanted; the last one seen.
  template <typename Condition>
  v1::StatusSummaryResponse WaitSummary(Condition condition) {
    const auto context = Context();
    const auto watch = stub_->Watch(context.get(), {});
    v1::WatchResponse response;
    while (watch->Read(&response)) {
      if (condition(response.summary())) return response.summary();
    }
    ADD_FAILURE() << "not reached; last: " << response.DebugString();
    return response.summary();
  }
  void WaitHealthy() {
    WaitSummary([](const auto& s) { return s.diagnosis() == v1::DIAGNOSIS_HEALTHY; });
  }

  v1::DrainRequest DrainOf(const std::string& node, const std::string& id = "r1") {
    v1::DrainRequest request;
    request.set_dbserver(node);
    request.set_request_id(id);
    return request;
  }
  // The status of a drain call that must end by itself.
  grpc::Status DrainStatus(const v1::DrainRequest& request, std::vector<v1::DrainResponse>* responses = nullptr) {
    const auto context = Context();
    const auto stream = stub_->Drain(context.get(), request);
    v1::DrainResponse response;
    while (stream->Read(&response)) {
      if (responses != nullptr) responses->push_back(response);
    }
    return stream->Finish();
  }
  grpc::Status UndrainStatus(const std::string& node, const std::string& id = "u1") {
    const auto context = Context();
    v1::UndrainRequest request;
    request.set_dbserver(node);
    request.set_request_id(id);
    const auto stream = stub_->Undrain(context.get(), request);
    v1::UndrainResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  }
  // A drain that is ordered, and whose caller goes away.
  void BeginDrain(const std::string& node, const std::string& id) {
    const auto context = Context();
    const auto stream = stub_->Drain(context.get(), DrainOf(node, id));
    v1::DrainResponse response;
    EXPECT_TRUE(stream->Read(&response));
    context->TryCancel();
    stream->Finish();
  }
  void ExpectAborted(const grpc::Status& status, const std::string& why) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(why));
  }
  // What balancer and agent do when they are told to drain node 3.
  void BalancerConfirms() {
    world_.Backend(3, v1::BACKEND_STATE_DRAIN, v1::BACKEND_STATE_DRAIN);
    world_.Balancer().mutable_report()->add_drains_applied("r1");
    Tell();
  }
  void AgentSays(v1::DrainState state) {
    world_.Report(3).mutable_drain()->set_state(state);
    world_.Report(3).mutable_drain()->set_drain_id("r1");
    Tell();
  }

  World world_;
  std::string directory_;
  std::unique_ptr<RunningArbitrator> arbitrator_;
  std::unique_ptr<v1::ControlService::Stub> stub_;
  std::map<std::string, std::unique_ptr<Endpoint>> agents_;
};

TEST_F(ControlServiceTest, SummaryFollowsTheReports) {
  WaitHealthy();
  world_.Wedged(2);
  Tell();
  const auto summary = WaitSummary([](const auto& s) { return s.diagnosis() == v1::DIAGNOSIS_DEGRADED; });
  EXPECT_EQ(summary.rule(), "R200");
  EXPECT_EQ(summary.nodes(1).running(), v1::TERNARY_UNKNOWN);
}

TEST_F(ControlServiceTest, DrainTellsEverybodyAndEndsWhenDrained) {
  WaitHealthy();
  const auto context = Context();
  const auto stream = stub_->Drain(context.get(), DrainOf("node3"));
  v1::DrainResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.plan_size(), 4);
  EXPECT_TRUE(agents_["lb1"]->WaitHeard([](const v1::Message& m) { return m.routing_intent().drains_size() == 1; }));
  EXPECT_TRUE(agents_["node3"]->WaitHeard(
      [](const v1::Message& m) { return m.drain().drain_id() == "r1" && !m.drain().balancers_done(); }));
  BalancerConfirms();
  EXPECT_TRUE(agents_["node3"]->WaitHeard([](const v1::Message& m) { return m.drain().balancers_done(); }));
  AgentSays(v1::DRAIN_STATE_DRAINED);
  while (stream->Read(&response)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(response.state(), v1::DRAIN_STATE_DRAINED);
}

TEST_F(ControlServiceTest, ARequestIdIsNoPlaceForABook) {
  WaitHealthy();
  const std::string book(129, 'x');
  for (const grpc::Status& status : {DrainStatus(DrainOf("node3", book)), UndrainStatus("node3", book)})
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
}

TEST_F(ControlServiceTest, DryRunChangesNothing) {
  WaitHealthy();
  v1::DrainRequest request = DrainOf("node3");
  request.set_validate_only(true);
  std::vector<v1::DrainResponse> responses;
  EXPECT_TRUE(DrainStatus(request, &responses).ok());
  ASSERT_EQ(responses.size(), 1u);
  EXPECT_EQ(responses[0].plan_size(), 4);
  WaitHealthy();
}

TEST_F(ControlServiceTest, LastServingNodeIsRefusedWithRuleAndCure) {
  world_.NonPrimary(1);
  world_.NonPrimary(2);
  Tell();
  WaitSummary(
      [](const auto& s) { return s.nodes(1).primary() == v1::TERNARY_NO && s.nodes(0).primary() == v1::TERNARY_NO; });
  const grpc::Status status = DrainStatus(DrainOf("node3"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  v1::ErrorDetail detail;
  ASSERT_TRUE(detail.ParseFromString(status.error_details()));
  EXPECT_EQ(detail.reason(), "LAST_SERVING_NODE");
  EXPECT_EQ(detail.rule(), "D10");
  EXPECT_FALSE(detail.cure().empty());
}

TEST_F(ControlServiceTest, UnknownNodeIsNamedWithTheKnownOnes) {
  const grpc::Status status = DrainStatus(DrainOf("node9"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("node1, node2, node3"));
}

TEST_F(ControlServiceTest, DrainSurvivesARestartAndTheSameRequestJoinsIt) {
  WaitHealthy();
  {
    const auto context = Context();
    const auto stream = stub_->Drain(context.get(), DrainOf("node3"));
    v1::DrainResponse response;
    ASSERT_TRUE(stream->Read(&response));
    context->TryCancel();  // a client that goes away undoes nothing
    stream->Finish();
  }
  Start();
  EXPECT_TRUE(agents_["node3"]->WaitHeard([](const v1::Message& m) { return m.drain().drain_id() == "r1"; }));
  EXPECT_TRUE(agents_["lb1"]->WaitHeard([](const v1::Message& m) { return m.routing_intent().drains_size() == 1; }));
  BalancerConfirms();
  AgentSays(v1::DRAIN_STATE_DRAINED);
  std::vector<v1::DrainResponse> responses;
  EXPECT_TRUE(DrainStatus(DrainOf("node3"), &responses).ok());
  EXPECT_EQ(responses.back().drain_id(), "r1");
}

TEST_F(ControlServiceTest, UndrainEndsADrainCallAndIsOverWhenAllServe) {
  WaitHealthy();
  const auto drain_context = Context();
  const auto drain = stub_->Drain(drain_context.get(), DrainOf("node3"));
  v1::DrainResponse response;
  ASSERT_TRUE(drain->Read(&response));
  BalancerConfirms();
  AgentSays(v1::DRAIN_STATE_DRAINED);
  WaitSummary([](const auto& s) { return s.nodes(2).drain_state() == v1::DRAIN_STATE_DRAINED; });

  const auto undrain_context = Context();
  v1::UndrainRequest request;
  request.set_dbserver("node3");
  const auto undrain = stub_->Undrain(undrain_context.get(), request);
  v1::UndrainResponse progress;
  ASSERT_TRUE(undrain->Read(&progress));
  EXPECT_FALSE(progress.done());
  EXPECT_TRUE(agents_["node3"]->WaitHeard([](const v1::Message& m) { return m.has_undrain(); }));
  while (drain->Read(&response)) {
  }
  EXPECT_THAT(drain->Finish().error_code(), ::testing::AnyOf(grpc::StatusCode::ABORTED, grpc::StatusCode::OK));

  AgentSays(v1::DRAIN_STATE_SERVING);
  world_.Backend(3, v1::BACKEND_STATE_UP, v1::BACKEND_STATE_UP);
  Tell();
  while (undrain->Read(&progress)) {
  }
  EXPECT_TRUE(undrain->Finish().ok());
  EXPECT_TRUE(progress.done());
  WaitHealthy();
}

TEST_F(ControlServiceTest, UndrainOfADrainThatNoAgentHasHeardOfSaysThatItIsDone) {
  WaitHealthy();
  const auto drain_context = Context();
  const auto drain = stub_->Drain(drain_context.get(), DrainOf("node3"));
  v1::DrainResponse response;
  ASSERT_TRUE(drain->Read(&response));
  v1::UndrainRequest request;
  request.set_dbserver("node3");
  const auto context = Context();
  const auto undrain = stub_->Undrain(context.get(), request);
  v1::UndrainResponse progress;
  while (undrain->Read(&progress)) {
  }
  EXPECT_TRUE(undrain->Finish().ok());
  EXPECT_TRUE(progress.done());
}

TEST_F(ControlServiceTest, ADrainThatIsAskedForAgainDoesNotUndoAnUndrain) {
  WaitHealthy();
  BeginDrain("node3", "r1");
  BeginDrain("node3", "r2");  // joins it
  ASSERT_TRUE(UndrainStatus("node3").ok());
  ExpectAborted(DrainStatus(DrainOf("node3", "r1")), "node3 was undrained meanwhile");
  ExpectAborted(DrainStatus(DrainOf("node3", "r2")), "node3 was undrained meanwhile");
  Start();
  WaitHealthy();
  ExpectAborted(DrainStatus(DrainOf("node3", "r1")), "node3 was undrained meanwhile");
  WaitHealthy();
  BeginDrain("node3", "r3");
  EXPECT_TRUE(agents_["node3"]->WaitHeard([](const v1::Message& m) { return m.drain().drain_id() == "r3"; }));
}

TEST_F(ControlServiceTest, AnUndrainThatIsAskedForAgainDoesNotEndALaterDrain) {
  WaitHealthy();
  BeginDrain("node3", "r1");
  ASSERT_TRUE(UndrainStatus("node3", "u1").ok());
  EXPECT_TRUE(UndrainStatus("node3", "u1").ok()) << "nothing happened since";
  BeginDrain("node3", "r2");
  ExpectAborted(UndrainStatus("node3", "u1"), "node3 was drained again meanwhile");
  EXPECT_TRUE(UndrainStatus("node3", "u2").ok());
}

TEST_F(ControlServiceTest, ADrainEndsAnUndrainThatWaits) {
  WaitHealthy();
  BeginDrain("node3", "r1");
  AgentSays(v1::DRAIN_STATE_DRAINED);
  WaitSummary([](const auto& s) { return s.nodes(2).drain_state() == v1::DRAIN_STATE_DRAINED; });
  auto undrained = std::async(std::launch::async, [this] { return UndrainStatus("node3"); });
  EXPECT_TRUE(agents_["node3"]->WaitHeard([](const v1::Message& m) { return m.has_undrain(); }));
  BeginDrain("node3", "r2");
  ExpectAborted(undrained.get(), "node3 was drained again meanwhile");
}

TEST_F(ControlServiceTest, UndrainOfAServingNodeIsDoneAtOnce) {
  WaitHealthy();
  v1::UndrainRequest request;
  request.set_dbserver("node3");
  const auto context = Context();
  const auto undrain = stub_->Undrain(context.get(), request);
  v1::UndrainResponse progress;
  ASSERT_TRUE(undrain->Read(&progress));
  EXPECT_TRUE(progress.done());
  EXPECT_FALSE(undrain->Read(&progress));
  EXPECT_TRUE(undrain->Finish().ok());
}

TEST_F(ControlServiceTest, AnArbitratorThatStopsWaitsForNoSilentDbserver) {
  WaitHealthy();
  auto asked = std::async(std::launch::async, [this] {
    const auto context = Context();
    v1::RequestStatusRequest request;
    request.set_dbserver("node2");
    v1::RequestStatusResponse response;
    return stub_->RequestStatus(context.get(), request, &response);
  });
  EXPECT_TRUE(agents_["node2"]->WaitHeard([](const v1::Message& m) { return m.has_request_status(); }));
  Start();  // ends the one that runs first
  EXPECT_FALSE(asked.get().ok());
}

TEST_F(ControlServiceTest, RequestStatusAsksAndNamesTheSilent) {
  WaitHealthy();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
  v1::RequestStatusRequest request;
  request.set_dbserver("node2");
  v1::RequestStatusResponse response;
  EXPECT_TRUE(stub_->RequestStatus(&context, request, &response).ok());
  EXPECT_TRUE(agents_["node2"]->WaitHeard([](const v1::Message& m) { return m.has_request_status(); }));
  ASSERT_EQ(response.silent_size(), 1);
  EXPECT_EQ(response.silent(0), "node2");
}

// What was promised, drained and revoked is not known any more: an order, or a lease, could undo it.
class UnreadableStoreTest : public ControlServiceTest {
 protected:
  UnreadableStoreTest() {
    world_.config.mutable_promotion()->set_self_fence(v1::Promotion::FENCE_GUARD);
    *world_.config.mutable_promotion()->mutable_lease_ttl() = ToProto(absl::Seconds(10));
    Start();
    WaitHealthy();
    EXPECT_GT(agents_["node1"]->LeasesOnceAcknowledged(), 0);
    world_.Backend(3, v1::BACKEND_STATE_DRAIN, v1::BACKEND_STATE_DRAIN);
    world_.Report(3).mutable_drain()->set_state(v1::DRAIN_STATE_DRAINED);
    world_.Report(3).mutable_drain()->set_drain_id("r1");
    arbitrator_.reset();
  }
  std::string path() const { return directory_ + "/arbitrator.sqlite"; }
  void ExpectReportsAndNoOrders(const std::string& why) {
    Start();
    const auto summary = WaitSummary([](const auto& s) {
      return s.nodes(0).running() == v1::TERNARY_YES && s.nodes(2).drain_state() == v1::DRAIN_STATE_DRAINED;
    });
    EXPECT_THAT(summary.reason(), HasSubstr("nothing is ordered: " + path() + why));
    EXPECT_THAT(summary.reason(), HasSubstr("put a backup of it back"));
    v1::ExplainResponse explained;
    EXPECT_TRUE(stub_->Explain(Context().get(), {}, &explained).ok());
    EXPECT_THAT(explained.missing(), ::testing::Contains(HasSubstr("nothing is ordered: " + path() + why)));
    for (const grpc::Status& status : {DrainStatus(DrainOf("node2")), UndrainStatus("node3")}) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
      EXPECT_THAT(status.error_message(), HasSubstr(path() + why));
    }
    for (const auto& [name, agent] : agents_) {
      EXPECT_EQ(agent->LeasesOnceAcknowledged(), 0) << name;
      EXPECT_THAT(agent->Heard(), ::testing::IsEmpty()) << name;
    }
  }
};

TEST_F(UnreadableStoreTest, F16WhatIsNoDatabaseIsKeptAndNothingIsOrdered) {
  const std::string garbage(4096, 'x');
  std::ofstream(path()) << garbage;
  ExpectReportsAndNoOrders(": file is not a database");
  arbitrator_.reset();
  EXPECT_EQ(ReadFile(path()).value(), garbage);
}

TEST_F(UnreadableStoreTest, F16AStateThatIsNoneIsKeptAndNothingIsOrdered) {
  Tamper(path(), "INSERT OR REPLACE INTO state VALUES (1, '{half')");
  ExpectReportsAndNoOrders(" cannot be understood");
}

TEST_F(UnreadableStoreTest, F16ADirectoryThatCannotBeMadeIsNamedAndNothingIsOrdered) {
  std::filesystem::remove_all(directory_);
  std::ofstream{directory_} << "a file";
  ExpectReportsAndNoOrders(": unable to open database file");
}

TEST_F(ControlServiceTest, RequestStatusReturnsWhenAllHaveAnswered) {
  WaitHealthy();
  std::thread answering([&] {
    agents_["node2"]->WaitHeard([](const v1::Message& m) { return m.has_request_status(); });
    Tell();
  });
  const auto context = Context();
  v1::RequestStatusRequest request;
  request.set_dbserver("node2");
  v1::RequestStatusResponse response;
  const absl::Time start = absl::Now();
  EXPECT_TRUE(stub_->RequestStatus(context.get(), request, &response).ok());
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  EXPECT_EQ(response.silent_size(), 0);
  answering.join();
}

}  // namespace
}  // namespace minder
