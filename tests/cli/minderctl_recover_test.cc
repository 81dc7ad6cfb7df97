#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <mutex>

#include "tests/cli/fake_arbitrator.h"
#include "tests/cli/run_minderctl.h"

namespace minder {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RecoverVerb : public ::testing::Test {
 protected:
  RecoverVerb() {
    control_.recover = [this](const v1::RecoverRequest& request, v1::RecoverResponse* response) {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      response->set_digest("d1g3st");
      *response->mutable_plan() = plan_;
      return status_;
    };
    control_.explain = [this](const v1::ExplainRequest&, v1::ExplainResponse* response) {
      const std::lock_guard lock(mutex_);
      const v1::RecoveryState state = states_.front();
      if (states_.size() > 1) states_.erase(states_.begin());
      const bool over = state == v1::RECOVERY_STATE_UNSPECIFIED;
      response->mutable_decision()->set_diagnosis(over ? v1::DIAGNOSIS_HEALTHY : v1::DIAGNOSIS_FULL_STOP);
      response->mutable_decision()->set_reason(over ? "all Synced" : "b1 is to be started first");
      if (over) return grpc::Status::OK;
      v1::Recovery& recovery = *response->mutable_state()->mutable_durable()->mutable_recovery();
      recovery.set_state(state);
      recovery.set_refused("two histories");
      return grpc::Status::OK;
    };
    v1::RecoveryNode& node = *plan_.add_nodes();
    node.set_dbserver("b1");
    node.set_state("stopped");
    node.mutable_position()->set_uuid("5a1e");
    node.mutable_position()->set_seqno(102);
    plan_.set_source("b1");
    plan_.add_steps("start b1 as the first node: nobody holds more");
    plan_.add_warnings("b1 crashed with innodb_flush_log_at_trx_commit=2");
    arbitrator_.Start();
    minderctl_.SetEnvironment("MINDER_ARBITRATOR=" + arbitrator_.address());
  }
  std::vector<v1::RecoverRequest> Requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  std::mutex mutex_;  // guards all that the scripts touch
  grpc::Status status_;
  v1::RecoveryPlan plan_;
  std::vector<v1::RecoveryState> states_ = {v1::RECOVERY_STATE_COLLECTING, v1::RECOVERY_STATE_STARTING,
                                            v1::RECOVERY_STATE_UNSPECIFIED};
  std::vector<v1::RecoverRequest> requests_;
  ScriptedControl control_;
  FakeArbitrator arbitrator_{control_};
  MinderctlRunner minderctl_;
};

TEST_F(RecoverVerb, DryRunShowsPositionsSourceAndWarnings) {
  const CliResult result = minderctl_.Run({"recover", "--dry-run"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("d1g3st"), HasSubstr("5a1e:102"), HasSubstr("start b1 as the first node"),
                                HasSubstr("flush_log_at_trx_commit=2")));
  ASSERT_EQ(Requests().size(), 1u);
  EXPECT_TRUE(Requests()[0].validate_only());
}

TEST_F(RecoverVerb, DryRunOfWhatCannotBeDoneSaysWhatIsMissingAndIsRefused) {
  plan_.add_missing("b2: its agent is silent");
  plan_.set_cure("minderctl recover --without=b2 --reason=WHY");
  const CliResult result = minderctl_.Run({"recover", "--dry-run"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.out, AllOf(HasSubstr("b2: its agent is silent"), HasSubstr("--without=b2")));
}

TEST_F(RecoverVerb, ConfirmedItIsFollowedToItsEnd) {
  const CliResult result =
      minderctl_.Run({"recover", "--without=b2,a1", "--without", "a2", "--reason=fire", "--confirm=d1g3st"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("the cluster is up again"));
  EXPECT_THAT(result.err, HasSubstr("b1 is to be started first"));
  ASSERT_EQ(Requests().size(), 1u);
  EXPECT_THAT(Requests()[0].without(), ElementsAre("b2", "a1", "a2"));
  EXPECT_EQ(Requests()[0].confirm(), "d1g3st");
  EXPECT_THAT(Requests()[0].reason(), HasSubstr("fire"));
}

TEST_F(RecoverVerb, WhatCannotGoOnIsRefused) {
  states_ = {v1::RECOVERY_STATE_COLLECTING, v1::RECOVERY_STATE_REFUSED};
  const CliResult result = minderctl_.Run({"recover", "--confirm=d1g3st"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("two histories"));
}

TEST_F(RecoverVerb, NotOverInTimeGoesOn) {
  states_ = {v1::RECOVERY_STATE_COLLECTING};
  const CliResult result = minderctl_.Run({"recover", "--confirm=d1g3st", "--deadline=300ms"});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.err, HasSubstr("goes on"));
}

TEST_F(RecoverVerb, WithoutATerminalItHasToBeConfirmedByAFlag) {
  const CliResult result = minderctl_.Run({"recover"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("5a1e:102"), HasSubstr("--confirm=d1g3st")));
  ASSERT_EQ(Requests().size(), 1u);
  EXPECT_TRUE(Requests()[0].validate_only()) << "only the plan was asked for";
}

TEST_F(RecoverVerb, ToGiveUpADbserverNeedsAReason) {
  const CliResult result = minderctl_.Run({"recover", "--without=b2"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("--reason=WHY"));
  EXPECT_TRUE(Requests().empty());
}

TEST_F(RecoverVerb, ARefusalIsShownWithItsCure) {
  status_ =
      Refusal(grpc::StatusCode::FAILED_PRECONDITION, "a1 serves", "PRIMARY_EXISTS", "R100", "minderctl status_summary");
  const CliResult result = minderctl_.Run({"recover", "--confirm=d1g3st"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, AllOf(HasSubstr("PRIMARY_EXISTS"), HasSubstr("minderctl status_summary")));
}

}  // namespace
}  // namespace minder
