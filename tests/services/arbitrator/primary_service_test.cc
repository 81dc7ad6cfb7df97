// A human's verbs about primary components: real gRPC and a real store; agents say what the story tells them.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/core/explain.h"
#include "common/core/party.h"
#include "common/core/proto_time.h"
#include "common/rpc/channel.h"
#include "minder/v1/services.grpc.pb.h"
#include "tests/core/scenario.h"
#include "tests/rpc/endpoint.h"
#include "tests/services/arbitrator/running_arbitrator.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A store whose disk can be filled.
class FillableStore : public Store {
 public:
  FillableStore(std::unique_ptr<Store> store, const std::atomic<bool>& full, const std::atomic<bool>& takes_no_grant)
      : store_(std::move(store)), full_(full), takes_no_grant_(takes_no_grant) {}
  absl::StatusOr<v1::DurableState> Load() override { return store_->Load(); }
  absl::Status Save(const v1::DurableState& state,
                    const google::protobuf::RepeatedPtrField<v1::AuditRecord>& records) override {
    return full_ || (takes_no_grant_ && state.has_grant()) ? absl::ResourceExhaustedError("no space left")
                                                           : store_->Save(state, records);
  }
  absl::StatusOr<v1::HistoryResponse> History(std::uint32_t limit, std::uint64_t before) override {
    return store_->History(limit, before);
  }

 private:
  std::unique_ptr<Store> store_;
  const std::atomic<bool>& full_;
  const std::atomic<bool>& takes_no_grant_;
};

class PrimaryServiceTest : public ::testing::Test {
 protected:
  PrimaryServiceTest() {
    std::string name = ::testing::TempDir() + "minder-primary-XXXXXX";
    directory_ = mkdtemp(name.data());
    Tell({"cluster a1:dc1 b1:dc2"});
    v1::Configuration config = story_.config();
    config.mutable_promotion()->set_mode(v1::Promotion::MODE_MANUAL);
    *config.mutable_timings()->mutable_resend_after() = ToProto(absl::Milliseconds(200));
    *config.mutable_timings()->mutable_fresh_for() = ToProto(absl::Hours(1));  // nobody is silent by mere time
    auto store = std::make_unique<FillableStore>(OpenSqliteStore(directory_, config.cluster()).value(), disk_full_,
                                                 takes_no_grant_);
    arbitrator_ = std::make_unique<RunningArbitrator>(config, std::move(store));
    stub_ = v1::ControlService::NewStub(MakeChannel(absl::StrFormat("127.0.0.1:%d", arbitrator_->port())));
    for (const auto& node : config.dbservers()) {
      agents_[node.name()] = std::make_unique<Endpoint>(DbserverParty(config, node.name()), ArbitratorParty(config));
      agents_[node.name()]->Dial(arbitrator_->port());
    }
    Say();
    WaitFor([](const v1::ExplainResponse& e) { return e.state().durable().has_confirmed(); });
  }
  ~PrimaryServiceTest() override {
    agents_.clear();
    arbitrator_.reset();
    std::filesystem::remove_all(directory_);
  }

  void Tell(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) ASSERT_EQ(story_.Run(line), "") << line;
  }
  // Every agent reports what the story says.
  void Say() {
    for (const auto& [name, agent] : agents_) {
      v1::Message report;
      *report.mutable_db_status_report() = story_.Report(name);
      report.mutable_db_status_report()->set_nonce("n-" + name);
      agent->Say(report);
    }
  }
  // b1 is left without a primary component, and about a1 nothing can be said.
  void LosePrimary() {
    Tell({"nonprimary b1", "wedge a1"});
    Say();
    WaitFor([](const v1::ExplainResponse& e) { return e.decision().rule() == "R430"; });
  }

  std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return context;
  }
  v1::ExplainResponse Explained() {
    v1::ExplainResponse response;
    EXPECT_TRUE(stub_->Explain(Context().get(), {}, &response).ok());
    return response;
  }
  template <typename Condition>
  v1::ExplainResponse WaitFor(Condition condition) {
    const absl::Time until = absl::Now() + absl::Seconds(20);
    v1::ExplainResponse response = Explained();
    while (!condition(response) && absl::Now() < until) response = Explained();
    EXPECT_TRUE(condition(response)) << response.decision().DebugString();
    return response;
  }

  static v1::MakePrimaryRequest Promote(const std::string& group) {
    v1::MakePrimaryRequest request;
    request.set_group(group);
    request.set_request_id("r1");
    return request;
  }
  v1::MakePrimaryRequest Force(const std::string& confirm) {
    v1::MakePrimaryRequest request = Promote("b1");
    request.set_force(true);
    request.set_confirm(confirm);
    request.set_reason("ann: a1 burns");
    return request;
  }
  grpc::Status MakePrimary(const v1::MakePrimaryRequest& request, v1::MakePrimaryResponse* response = nullptr) {
    v1::MakePrimaryResponse ignored;
    return stub_->MakePrimary(Context().get(), request, response == nullptr ? &ignored : response);
  }
  static v1::DeclareDeadRequest Dead(const std::string& dbserver) {
    v1::DeclareDeadRequest request;
    request.set_dbserver(dbserver);
    request.set_confirm(dbserver);
    request.set_reason("ann: saw it burn");
    request.set_request_id("r2");
    return request;
  }
  grpc::Status DeclareDead(const v1::DeclareDeadRequest& request, v1::DeclareDeadResponse* response = nullptr) {
    v1::DeclareDeadResponse ignored;
    return stub_->DeclareDead(Context().get(), request, response == nullptr ? &ignored : response);
  }
  std::vector<std::string> HistoryTexts() {
    v1::HistoryResponse response;
    EXPECT_TRUE(stub_->History(Context().get(), {}, &response).ok());
    EXPECT_EQ(response.broken_at(), 0u);
    std::vector<std::string> texts;
    for (const v1::HistoryEntry& entry : response.entries()) texts.push_back(entry.record().text());
    return texts;
  }
  static v1::ErrorDetail DetailOf(const grpc::Status& status) {
    v1::ErrorDetail detail;
    EXPECT_TRUE(detail.ParseFromString(status.error_details()));
    return detail;
  }
  static void ExpectRefused(const grpc::Status& status, grpc::StatusCode code, const std::string& reason) {
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_EQ(DetailOf(status).reason(), reason) << status.error_message();
    EXPECT_FALSE(DetailOf(status).cure().empty());
  }

  std::atomic<bool> disk_full_ = false;
  std::atomic<bool> takes_no_grant_ = false;
  Scenario story_;
  std::string directory_;
  std::unique_ptr<RunningArbitrator> arbitrator_;
  std::unique_ptr<v1::ControlService::Stub> stub_;
  std::map<std::string, std::unique_ptr<Endpoint>> agents_;
};

bool IsPromotion(const v1::Message& m) { return m.has_make_primary(); }

TEST_F(PrimaryServiceTest, ForcedPromotionNeedsTheDigestOfNowAndIsOrdered) {
  LosePrimary();
  ExpectRefused(MakePrimary(Promote("b1")), grpc::StatusCode::FAILED_PRECONDITION, "NOT_PROVEN");
  const grpc::Status unconfirmed = MakePrimary(Force(""));
  ExpectRefused(unconfirmed, grpc::StatusCode::FAILED_PRECONDITION, "CONFIRM_MISSING");
  const std::string digest = Explained().digest();
  EXPECT_THAT(DetailOf(unconfirmed).cure(), HasSubstr(digest));
  ExpectRefused(MakePrimary(Force("0123456789abcdef")), grpc::StatusCode::ABORTED, "STATE_CHANGED");

  v1::MakePrimaryResponse response;
  const grpc::Status status = MakePrimary(Force(digest), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.decision().rule(), "R400");
  EXPECT_EQ(response.digest(), digest);
  EXPECT_EQ(response.decision().next().grant().epoch(), 1u);
  EXPECT_TRUE(agents_["b1"]->WaitHeard(IsPromotion));
  EXPECT_THAT(HistoryTexts(), testing::Contains(HasSubstr("b1 is to be promoted by force, says ann: a1 burns")));
}

TEST_F(PrimaryServiceTest, ARepeatedRequestIsTheSameRequest) {
  LosePrimary();
  const v1::MakePrimaryRequest request = Force(Explained().digest());
  v1::MakePrimaryResponse first;
  ASSERT_TRUE(MakePrimary(request, &first).ok());
  WaitFor([](const v1::ExplainResponse& e) { return e.state().durable().grant().epoch() == 1; });
  v1::MakePrimaryResponse second;
  ASSERT_TRUE(MakePrimary(request, &second).ok());
  EXPECT_EQ(second.SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(Explained().state().durable().epoch(), 1u);
  v1::MakePrimaryRequest other = request;
  other.set_request_id("r9");
  ExpectRefused(MakePrimary(other), grpc::StatusCode::FAILED_PRECONDITION, "GRANT_OPEN");
}

TEST_F(PrimaryServiceTest, ValidateOnlyShowsThePlanAndRecordsNothing) {
  LosePrimary();
  const std::vector<std::string> before = HistoryTexts();
  v1::MakePrimaryRequest request = Force("");
  request.set_validate_only(true);
  v1::MakePrimaryResponse response;
  ASSERT_TRUE(MakePrimary(request, &response).ok());
  EXPECT_THAT(response.decision().next().grant().group(), ElementsAre("b1"));
  EXPECT_EQ(response.digest(), Explained().digest());
  EXPECT_EQ(HistoryTexts(), before);
  EXPECT_EQ(Explained().state().durable().epoch(), 0u);
}

TEST_F(PrimaryServiceTest, WhoIsNotConfiguredIsNamed) {
  ExpectRefused(MakePrimary(Promote("b1+c9")), grpc::StatusCode::NOT_FOUND, "UNKNOWN_DBSERVER");
  ExpectRefused(MakePrimary(Promote("")), grpc::StatusCode::NOT_FOUND, "UNKNOWN_DBSERVER");
}

TEST_F(PrimaryServiceTest, ARecoveryIsPlannedConfirmedRecordedAndOrdered) {
  v1::RecoverRequest request;
  request.set_validate_only(true);
  v1::RecoverResponse plan;
  ExpectRefused(stub_->Recover(Context().get(), request, &plan), grpc::StatusCode::FAILED_PRECONDITION,
                "PRIMARY_EXISTS");

  Tell({"stop a1 b1", "no-view a1 b1", "stopped-at a1 100", "stopped-at b1 101"});
  Say();
  WaitFor([](const v1::ExplainResponse& e) { return e.decision().rule() == "R330"; });
  ASSERT_TRUE(stub_->Recover(Context().get(), request, &plan).ok());
  EXPECT_EQ(plan.plan().source(), "b1");
  EXPECT_EQ(plan.decision().rule(), "R305");
  EXPECT_FALSE(Explained().state().durable().has_recovery()) << "only planned";

  request.set_validate_only(false);
  request.set_request_id("r3");
  v1::RecoverResponse response;
  ExpectRefused(stub_->Recover(Context().get(), request, &response), grpc::StatusCode::FAILED_PRECONDITION,
                "CONFIRM_MISSING");
  request.set_confirm("0123456789abcdef");
  ExpectRefused(stub_->Recover(Context().get(), request, &response), grpc::StatusCode::ABORTED, "STATE_CHANGED");
  request.set_confirm(plan.digest());
  request.set_reason("ann: the lights are on again");
  const grpc::Status status = stub_->Recover(Context().get(), request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const auto clears = [](const v1::Message& m) { return m.recover().action() == v1::Recover::ACTION_CLEAR; };
  EXPECT_TRUE(agents_["a1"]->WaitHeard(clears));
  EXPECT_TRUE(agents_["a1"]->WaitHeard([](const v1::Message& m) { return m.has_freeze(); }));
  EXPECT_TRUE(agents_["b1"]->WaitHeard(clears));
  EXPECT_THAT(HistoryTexts(), testing::Contains(HasSubstr("the cluster is to be recovered, says ann: the lights")));
}

TEST_F(PrimaryServiceTest, ARecoverySaysWhatIsMissingAndWhomAHumanMayGiveUp) {
  Tell({"stop a1 b1", "no-view a1 b1", "stopped-at a1 100", "history b1 2", "stopped-at b1 100"});
  story_.Report("b1").mutable_stopped()->mutable_grastate()->set_uuid("5a1e0000-0000-0000-0000-000000000002");
  Say();
  WaitFor([](const v1::ExplainResponse& e) { return e.decision().rule() == "R340"; });
  v1::RecoverRequest request;
  request.set_validate_only(true);
  v1::RecoverResponse plan;
  ASSERT_TRUE(stub_->Recover(Context().get(), request, &plan).ok());
  EXPECT_THAT(plan.plan().missing(), ElementsAre(HasSubstr("more than one history")));
  EXPECT_THAT(plan.plan().cure(), HasSubstr("--without=NODE"));
  request.add_without("c9");
  ExpectRefused(stub_->Recover(Context().get(), request, &plan), grpc::StatusCode::NOT_FOUND, "UNKNOWN_DBSERVER");
  request.set_without(0, "b1");
  ExpectRefused(stub_->Recover(Context().get(), request, &plan), grpc::StatusCode::INVALID_ARGUMENT, "REASON_MISSING");
  request.set_reason("ann: b1 is the old one");
  ASSERT_TRUE(stub_->Recover(Context().get(), request, &plan).ok());
  EXPECT_EQ(plan.plan().source(), "a1");
  EXPECT_THAT(plan.plan().missing(), IsEmpty());
}

TEST_F(PrimaryServiceTest, AHumansWordIsProofUntilTheDeadIsSeen) {
  Tell({"nonprimary b1", "crash a1", "agent-restarted a1"});
  Say();
  WaitFor([](const v1::ExplainResponse& e) { return e.decision().rule() == "R410"; });
  v1::DeclareDeadRequest dry = Dead("a1");
  dry.set_validate_only(true);
  dry.clear_confirm();
  v1::DeclareDeadResponse response;
  ASSERT_TRUE(DeclareDead(dry, &response).ok());
  EXPECT_THAT(response.decision().reason(), HasSubstr("declared dead by ann: saw it burn"));
  EXPECT_THAT(Explained().state().durable().deaths(), IsEmpty());

  for (int i = 0; i < 2; ++i) {
    const grpc::Status status = DeclareDead(Dead("a1"), &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.death().dbserver(), "a1");
  }
  const v1::ExplainResponse after =
      WaitFor([](const v1::ExplainResponse& e) { return e.state().durable().deaths_size() == 1; });
  EXPECT_THAT(after.present(), testing::Contains(HasSubstr("E3: a1: declared dead by ann: saw it burn")));
  EXPECT_EQ(std::ranges::count(HistoryTexts(), "a1 is declared dead: ann: saw it burn"), 1);
}

TEST_F(PrimaryServiceTest, ADeathIsRefusedWithoutNameReasonOrWhenItIsSeenToRun) {
  ExpectRefused(DeclareDead(Dead("a1")), grpc::StatusCode::FAILED_PRECONDITION, "SEEN_RUNNING");
  ExpectRefused(DeclareDead(Dead("c9")), grpc::StatusCode::FAILED_PRECONDITION, "NOT_A_MEMBER");
  Tell({"nonprimary b1", "crash a1"});
  Say();
  WaitFor([](const v1::ExplainResponse& e) { return e.decision().rule() == "R410"; });
  v1::DeclareDeadRequest request = Dead("a1");
  request.clear_confirm();
  ExpectRefused(DeclareDead(request), grpc::StatusCode::FAILED_PRECONDITION, "CONFIRM_MISSING");
  request = Dead("a1");
  request.clear_reason();
  ExpectRefused(DeclareDead(request), grpc::StatusCode::INVALID_ARGUMENT, "REASON_MISSING");
}

TEST_F(PrimaryServiceTest, AWhileOfPauseAndItsEnd) {
  v1::PauseRequest request;
  v1::PauseResponse response;
  request.set_request_id("p1");
  *request.mutable_duration() = ToProto(absl::Hours(1));
  ExpectRefused(stub_->Pause(Context().get(), request, &response), grpc::StatusCode::INVALID_ARGUMENT,
                "REASON_MISSING");
  request.set_reason("ann: maintenance");
  request.set_validate_only(true);
  ASSERT_TRUE(stub_->Pause(Context().get(), request, &response).ok());
  EXPECT_FALSE(Explained().state().durable().has_pause());
  request.set_validate_only(false);
  ASSERT_TRUE(stub_->Pause(Context().get(), request, &response).ok());
  EXPECT_NEAR(response.until().seconds(), absl::ToUnixSeconds(absl::Now() + absl::Hours(1)), 60);
  const v1::ExplainResponse paused =
      WaitFor([](const v1::ExplainResponse& e) { return e.decision().diagnosis() == v1::DIAGNOSIS_PAUSED; });
  EXPECT_EQ(paused.command(), "minderctl resume");
  v1::StatusSummaryResponse summary;
  ASSERT_TRUE(stub_->StatusSummary(Context().get(), {}, &summary).ok());
  EXPECT_EQ(summary.command(), "minderctl resume");
  ExpectRefused(MakePrimary(Promote("b1")), grpc::StatusCode::FAILED_PRECONDITION, "PAUSED");

  v1::ResumeResponse resumed;
  v1::ResumeRequest resume;
  resume.set_validate_only(true);
  ASSERT_TRUE(stub_->Resume(Context().get(), resume, &resumed).ok());
  EXPECT_TRUE(Explained().state().durable().has_pause());
  resume.set_validate_only(false);
  ASSERT_TRUE(stub_->Resume(Context().get(), resume, &resumed).ok());
  ASSERT_TRUE(stub_->Resume(Context().get(), resume, &resumed).ok());
  WaitFor([](const v1::ExplainResponse& e) { return e.decision().diagnosis() != v1::DIAGNOSIS_PAUSED; });
  EXPECT_EQ(std::ranges::count(HistoryTexts(), "resumed"), 1);
  resume.set_request_id("r1");
  for (int i = 0; i < 2; ++i) {  // the same wish once more ends no later pause
    request.set_request_id(absl::StrCat("again", i));
    ASSERT_TRUE(stub_->Pause(Context().get(), request, &response).ok());
    ASSERT_TRUE(stub_->Resume(Context().get(), resume, &resumed).ok());
    EXPECT_EQ(Explained().state().durable().has_pause(), i == 1);
  }

  for (const absl::Duration duration : {absl::ZeroDuration(), -absl::Seconds(1), absl::Hours(24 * 31)}) {
    *request.mutable_duration() = ToProto(duration);
    ExpectRefused(stub_->Pause(Context().get(), request, &response), grpc::StatusCode::INVALID_ARGUMENT,
                  "BAD_DURATION");
  }
}

TEST_F(PrimaryServiceTest, WhatIsExplainedCanBeReplayed) {
  LosePrimary();
  const v1::ExplainResponse live = Explained();
  EXPECT_EQ(Replay(live).SerializeAsString(), live.SerializeAsString());
  EXPECT_THAT(live.missing(), ElementsAre(HasSubstr("a1 may be in a primary component")));
}

TEST_F(PrimaryServiceTest, HistoryIsNewestFirstAndLimited) {
  v1::PauseRequest pause;
  *pause.mutable_duration() = ToProto(absl::Hours(1));
  v1::PauseResponse paused;
  for (const char* reason : {"one", "two", "three"}) {
    pause.set_reason(reason);
    ASSERT_TRUE(stub_->Pause(Context().get(), pause, &paused).ok());
  }
  v1::HistoryRequest request;
  request.set_limit(2);
  v1::HistoryResponse response;
  ASSERT_TRUE(stub_->History(Context().get(), request, &response).ok());
  ASSERT_EQ(response.entries_size(), 2);
  EXPECT_EQ(response.entries(0).record().text(), "paused by three");
  EXPECT_EQ(response.entries(1).record().text(), "paused by two");
}

TEST_F(PrimaryServiceTest, WhatCannotBeRecordedIsNotOrderedAndEverybodyCanSeeWhy) {
  Tell({"nonprimary a1", "nonprimary b1"});
  Say();
  WaitFor([](const v1::ExplainResponse& e) { return e.decision().rule() == "R410"; });
  const auto context = Context();
  const auto watch = stub_->Watch(context.get(), {});
  v1::WatchResponse change;
  ASSERT_TRUE(watch->Read(&change));
  disk_full_ = true;
  ExpectRefused(MakePrimary(Promote("b1")), grpc::StatusCode::INTERNAL, "NOT_RECORDED");
  EXPECT_THAT(Explained().missing(), testing::Contains(HasSubstr("no space left")));

  Tell({"primary a1 b1"});  // to be recorded as the last primary component
  Say();
  while (change.summary().diagnosis() != v1::DIAGNOSIS_HEALTHY && watch->Read(&change)) {
  }
  EXPECT_EQ(change.summary().diagnosis(), v1::DIAGNOSIS_HEALTHY) << "those who watch are told all the same";
  EXPECT_THAT(change.summary().reason(), HasSubstr("no space left"));
  const auto drain_context = Context();
  v1::DrainRequest drain;
  drain.set_dbserver("b1");
  const auto drains = stub_->Drain(drain_context.get(), drain);
  for (v1::DrainResponse progress; drains->Read(&progress);) {
  }
  ExpectRefused(drains->Finish(), grpc::StatusCode::INTERNAL, "NOT_RECORDED");
  disk_full_ = false;
  Say();
  WaitFor([](const v1::ExplainResponse& e) { return e.missing().empty() && e.state().durable().epoch() == 0; });
  EXPECT_THAT(agents_["b1"]->Heard(), Not(testing::Contains(testing::Truly(IsPromotion))));
}

TEST_F(PrimaryServiceTest, AnOrderWaitsUntilItIsRecorded) {
  LosePrimary();
  takes_no_grant_ = true;
  ASSERT_TRUE(MakePrimary(Force(Explained().digest())).ok());
  WaitFor([](const v1::ExplainResponse& e) { return e.missing_size() > 0 && e.state().durable().has_request(); });
  EXPECT_FALSE(Explained().state().durable().has_grant());
  EXPECT_THAT(agents_["b1"]->Heard(), Not(testing::Contains(testing::Truly(IsPromotion))));
  takes_no_grant_ = false;
  Say();
  EXPECT_TRUE(agents_["b1"]->WaitHeard(IsPromotion));
}

TEST_F(PrimaryServiceTest, ASplitBrainIsEndedByTheDigestOfNowAndReleasesOneByOne) {
  v1::AcknowledgeRequest acknowledge;
  acknowledge.set_keep("a1");
  acknowledge.set_reason("ann: has the orders");
  v1::AcknowledgeResponse acknowledged;
  const auto keep = [&] { return stub_->Acknowledge(Context().get(), acknowledge, &acknowledged); };
  ExpectRefused(keep(), grpc::StatusCode::FAILED_PRECONDITION, "NO_SPLIT_BRAIN");
  Tell({"primary a1", "primary b1"});
  WaitFor([this](const v1::ExplainResponse& e) {
    Say();  // again and again, as agents do: the second time shows that both are primary at the same time
    return e.state().durable().has_split_brain();
  });
  for (const auto& [name, agent] : agents_)
    EXPECT_TRUE(agent->WaitHeard([](const v1::Message& m) { return m.has_hold_down(); })) << name;
  const std::string split_id = Explained().state().durable().split_brain().id();
  for (const char* name : {"a1", "b1"}) story_.Report(name).mutable_hold()->set_split_id(split_id);
  Say();
  WaitFor([](const v1::ExplainResponse& e) { return e.state().dbservers(1).report().has_hold(); });

  ExpectRefused(keep(), grpc::StatusCode::FAILED_PRECONDITION, "CONFIRM_MISSING");
  acknowledge.set_confirm("0123456789abcdef");
  ExpectRefused(keep(), grpc::StatusCode::ABORTED, "STATE_CHANGED");
  acknowledge.set_validate_only(true);
  ASSERT_TRUE(keep().ok());
  EXPECT_FALSE(Explained().state().durable().split_brain().sides(0).kept()) << "nothing was done";
  acknowledge.set_validate_only(false);
  acknowledge.set_confirm(acknowledged.digest());
  ASSERT_TRUE(keep().ok());
  EXPECT_THAT(acknowledged.steps(), testing::Contains(HasSubstr("b1 is to be rebuilt")));
  EXPECT_TRUE(agents_["a1"]->WaitHeard(
      [](const v1::Message& m) { return m.hold_down().action() == v1::HoldDown::ACTION_RELEASE; }));

  v1::ReleaseRequest release;
  release.set_dbserver("b1");
  release.set_reason("ann: restored");
  v1::ReleaseResponse released;
  const auto let_go = [&] { return stub_->Release(Context().get(), release, &released); };
  ExpectRefused(let_go(), grpc::StatusCode::FAILED_PRECONDITION, "STILL_PRIMARY");
  Tell({"stop b1"});
  Say();
  WaitFor([](const v1::ExplainResponse& e) { return e.decision().rule() == "R200"; });
  ExpectRefused(let_go(), grpc::StatusCode::FAILED_PRECONDITION, "CONFIRM_MISSING");
  release.set_confirm("b1");
  ASSERT_TRUE(let_go().ok());
  EXPECT_TRUE(agents_["b1"]->WaitHeard(
      [](const v1::Message& m) { return m.hold_down().action() == v1::HoldDown::ACTION_RELEASE; }));
  EXPECT_THAT(HistoryTexts(),
              testing::AllOf(testing::Contains(HasSubstr("the side of a1 stays, says ann: has the orders")),
                             testing::Contains(HasSubstr("b1 is released with the data that it has"))));
}

}  // namespace
}  // namespace minder
