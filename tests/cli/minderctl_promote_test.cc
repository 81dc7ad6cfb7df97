// make_primary, declare_dead, pause and resume: the real program against a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <mutex>

#include "google/protobuf/util/json_util.h"
#include "tests/cli/fake_arbitrator.h"
#include "tests/cli/run_minderctl.h"

namespace minder {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// stdin is a terminal on which $ANSWER is typed.
constexpr char kOnTerminal[] =
    "cmd=$1; shift; printf '%s\\n' \"$ANSWER\" | script -qec \"$cmd $*\" /dev/null >\"$HOME/out\" 2>\"$HOME/err\"";

// Whom minderctl takes for the human, when sudo says that it is ann.
std::string Who() { return getuid() == 0 ? "ann" : getpwuid(getuid())->pw_name; }

class Promote : public ::testing::Test {
 protected:
  Promote() {
    control_.make_primary = [this](const v1::MakePrimaryRequest& request, v1::MakePrimaryResponse* response) {
      const std::lock_guard lock(mutex_);
      promotions_.push_back(request);
      response->set_digest("d1g3st");
      *response->mutable_decision() = Decided();
      return promotion_status_;
    };
    control_.explain = [this](const v1::ExplainRequest&, v1::ExplainResponse* response) {
      const std::lock_guard lock(mutex_);
      *response->mutable_decision() = Decided();
      *response->mutable_state()->mutable_durable() = Decided().next();
      response->mutable_state()->mutable_durable()->mutable_grant()->set_state(states_.front());
      if (states_.size() > 1) states_.erase(states_.begin());
      return grpc::Status::OK;
    };
    control_.history = [](const v1::HistoryRequest&, v1::HistoryResponse* response) {
      v1::AuditRecord& record = *response->add_entries()->mutable_record();
      record.set_kind("grant");
      record.set_epoch(3);
      record.set_text("b1: its mariadbd refused");
      return grpc::Status::OK;
    };
    control_.declare_dead = [this](const v1::DeclareDeadRequest& request, v1::DeclareDeadResponse* response) {
      const std::lock_guard lock(mutex_);
      deaths_.push_back(request);
      response->mutable_death()->set_dbserver(request.dbserver());
      response->mutable_death()->set_gcomm_uuid("a1-2");
      response->mutable_death()->set_proof("declared dead by " + request.reason());
      *response->mutable_decision() = Decided();
      response->mutable_decision()->set_command("minderctl make_primary b1");
      return grpc::Status::OK;
    };
    arbitrator_.Start();
    minderctl_.SetEnvironment("MINDER_ARBITRATOR=" + arbitrator_.address());
    minderctl_.SetEnvironment("SUDO_USER=ann");
  }

  static v1::Decision Decided() {
    v1::Decision decision;
    decision.set_diagnosis(v1::DIAGNOSIS_GRANT_PENDING);
    decision.set_rule("R030");
    decision.set_reason("b1 is ordered to make b1 primary");
    decision.mutable_next()->set_epoch(3);
    v1::Grant& grant = *decision.mutable_next()->mutable_grant();
    grant.set_epoch(3);
    grant.add_group("b1");
    grant.add_group("b2");
    grant.add_evidence("forced by ann: fire, although a1 may be in a primary component");
    return decision;
  }
  std::vector<v1::MakePrimaryRequest> Promotions() {
    const std::lock_guard lock(mutex_);
    return promotions_;
  }
  std::vector<v1::DeclareDeadRequest> Deaths() {
    const std::lock_guard lock(mutex_);
    return deaths_;
  }

  std::mutex mutex_;  // guards all that the scripts touch
  grpc::Status promotion_status_;
  std::vector<v1::GrantState> states_ = {v1::GRANT_STATE_FREEZING, v1::GRANT_STATE_ORDERED, v1::GRANT_STATE_DONE};
  std::vector<v1::MakePrimaryRequest> promotions_;
  std::vector<v1::DeclareDeadRequest> deaths_;
  ScriptedControl control_;
  FakeArbitrator arbitrator_{control_};
  MinderctlRunner minderctl_;
};

TEST_F(Promote, WaitsUntilTheGroupIsPrimaryAndSaysWhatToTypeNext) {
  const CliResult result = minderctl_.Run({"make_primary", "b1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "b1+b2 is the primary component, at epoch 3\nTo look at it: minderctl status_summary\n");
  EXPECT_THAT(result.err, HasSubstr("make b1+b2 primary, at epoch 3, on state d1g3st:\n  forced by ann"));
  EXPECT_THAT(result.err, HasSubstr("GRANT_PENDING (rule R030, epoch 3): b1 is ordered"));
  ASSERT_THAT(Promotions(), SizeIs(1));
  EXPECT_EQ(Promotions()[0].group(), "b1");
  EXPECT_EQ(Promotions()[0].reason(), Who());
  EXPECT_FALSE(Promotions()[0].force());
  EXPECT_EQ(Promotions()[0].request_id().size(), 32u);
}

TEST_F(Promote, GivenUpIsRefusedWithTheReasonOnRecord) {
  states_ = {v1::GRANT_STATE_ORDERED, v1::GRANT_STATE_ABANDONED};
  const CliResult result = minderctl_.Run({"make_primary", "b1"});
  EXPECT_EQ(result.code, 4);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("b1+b2 was not made primary: b1: its mariadbd refused"));
}

TEST_F(Promote, TheDeadlineEndsTheWaitingAndNotThePromotion) {
  states_ = {v1::GRANT_STATE_ORDERED};
  const CliResult result = minderctl_.Run({"make_primary", "b1", "--deadline", "500ms", "-o", "json"});
  EXPECT_EQ(result.code, 6);
  EXPECT_THAT(result.err, HasSubstr("b1+b2 is not primary after 500ms"));
  EXPECT_THAT(result.err, HasSubstr("goes on"));
  v1::MakePrimaryResponse read;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(result.out, &read).ok()) << result.out;
}

TEST_F(Promote, AnInterruptSaysThatItGoesOn) {
  states_ = {v1::GRANT_STATE_ORDERED};
  minderctl_.Start({"make_primary", "b1"});
  ASSERT_TRUE(minderctl_.WaitForOutput("GRANT_PENDING"));
  minderctl_.Signal(SIGINT);
  const CliResult result = minderctl_.Finish();
  EXPECT_EQ(result.code, 130);
  EXPECT_THAT(result.err, HasSubstr("the promotion of b1+b2 goes on"));
}

TEST_F(Promote, SurvivesARestartOfTheArbitrator) {
  states_ = {v1::GRANT_STATE_ORDERED};
  minderctl_.Start({"make_primary", "b1"});
  ASSERT_TRUE(minderctl_.WaitForOutput("GRANT_PENDING"));
  arbitrator_.Stop();
  ASSERT_TRUE(minderctl_.WaitForOutput("does not answer any more"));
  states_ = {v1::GRANT_STATE_DONE};
  arbitrator_.Start();
  const CliResult result = minderctl_.Finish();
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("the arbitrator is back"));
}

TEST_F(Promote, DryRunShowsThePlanAndFollowsNothing) {
  const CliResult result = minderctl_.Run({"make_primary", "b1", "--force", "--reason=fire", "--dry-run"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("would make b1+b2 primary, at epoch 3, on state d1g3st:\n  forced by ann: fire"));
  ASSERT_THAT(Promotions(), SizeIs(1));
  EXPECT_TRUE(Promotions()[0].validate_only());
}

TEST_F(Promote, RefusalsExitWith4) {
  promotion_status_ =
      Refusal(grpc::StatusCode::ABORTED, "the state is other by now", "STATE_CHANGED", "", "look again");
  const CliResult result = minderctl_.Run({"make_primary", "b1", "--force", "--reason=fire", "--confirm=old"});
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("the state is other by now (STATE_CHANGED); look again"));
}

TEST_F(Promote, ForceWithTheDigestAsksNobody) {
  const CliResult result = minderctl_.Run({"make_primary", "b1", "--force", "--reason=fire", "--confirm=d1g3st"});
  EXPECT_EQ(result.code, 0) << result.err;
  ASSERT_THAT(Promotions(), SizeIs(1));
  EXPECT_EQ(Promotions()[0].confirm(), "d1g3st");
  EXPECT_EQ(Promotions()[0].reason(), Who() + ": fire");
  EXPECT_TRUE(Promotions()[0].force());
}

TEST_F(Promote, ForceWithoutATerminalAndAFlagShowsThePlanAndFails) {
  const CliResult result = minderctl_.RunInShell("exec \"$@\" </dev/null >\"$HOME/out\" 2>\"$HOME/err\"",
                                                 {"make_primary", "b1", "--force", "--reason=fire"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("make b1+b2 primary, at epoch 3, on state d1g3st"));
  EXPECT_THAT(result.err, HasSubstr("nothing was done; confirm it with --confirm=d1g3st"));
  ASSERT_THAT(Promotions(), SizeIs(1));
  EXPECT_TRUE(Promotions()[0].validate_only());
}

TEST_F(Promote, ForceOnATerminalWantsTheWholeGroupTyped) {
  minderctl_.SetEnvironment("ANSWER=b1+b2");
  const CliResult yes = minderctl_.RunInShell(kOnTerminal, {"make_primary", "b1", "--force", "--reason=fire"});
  EXPECT_THAT(yes.out, HasSubstr("Type b1+b2 to go on: "));
  EXPECT_THAT(yes.out, HasSubstr("b1+b2 is the primary component"));
  EXPECT_EQ(yes.code, 0) << yes.out;
  ASSERT_THAT(Promotions(), SizeIs(2));
  EXPECT_FALSE(Promotions()[1].validate_only());
  EXPECT_EQ(Promotions()[1].confirm(), "d1g3st");

  minderctl_.SetEnvironment("ANSWER=y");
  const CliResult no = minderctl_.RunInShell(kOnTerminal, {"make_primary", "b1", "--force", "--reason=fire"});
  EXPECT_EQ(no.code, 1);
  EXPECT_THAT(no.out, HasSubstr("not confirmed; nothing was done"));
  ASSERT_THAT(Promotions(), SizeIs(3));
  EXPECT_TRUE(Promotions()[2].validate_only());
}

TEST_F(Promote, ADeathIsConfirmedByItsName) {
  const CliResult result = minderctl_.Run({"declare_dead", "a1", "--reason=burnt", "--confirm=a1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out,
              HasSubstr("a1 (gcomm uuid a1-2) counts as dead: declared dead by " + Who() + ": burnt\nthen GRANT_"));
  EXPECT_THAT(result.out, HasSubstr("What to type next: minderctl make_primary b1\n"));
  ASSERT_THAT(Deaths(), SizeIs(1));
  EXPECT_EQ(Deaths()[0].confirm(), "a1");
  EXPECT_FALSE(Deaths()[0].validate_only());

  minderctl_.SetEnvironment("ANSWER=a1");
  EXPECT_EQ(minderctl_.RunInShell(kOnTerminal, {"declare_dead", "a1", "--reason=burnt"}).code, 0);
  ASSERT_THAT(Deaths(), SizeIs(3));
  EXPECT_EQ(Deaths()[2].confirm(), "a1");
}

TEST_F(Promote, ADeathWithoutATerminalAndAFlagIsNotDeclared) {
  const CliResult result = minderctl_.RunInShell("exec \"$@\" </dev/null >\"$HOME/out\" 2>\"$HOME/err\"",
                                                 {"declare_dead", "a1", "--reason=burnt"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("a1 (gcomm uuid a1-2) would count as dead"));
  EXPECT_THAT(result.err, HasSubstr("--confirm=a1"));
  const CliResult dry = minderctl_.Run({"declare_dead", "a1", "--reason=burnt", "--dry-run"});
  EXPECT_EQ(dry.code, 0);
  EXPECT_THAT(dry.out, HasSubstr("would count as dead"));
  for (const auto& request : Deaths()) EXPECT_TRUE(request.validate_only());
}

TEST_F(Promote, PauseAndResumeSayUntilWhenAndWhatNext) {
  std::vector<v1::PauseRequest> pauses;
  control_.pause = [&](const v1::PauseRequest& request, v1::PauseResponse* response) {
    const std::lock_guard lock(mutex_);
    pauses.push_back(request);
    response->mutable_until()->set_seconds(1'700'000'000);
    return grpc::Status::OK;
  };
  std::vector<bool> resumes;
  control_.resume = [&](const v1::ResumeRequest& request, v1::ResumeResponse*) {
    const std::lock_guard lock(mutex_);
    resumes.push_back(request.validate_only());
    return grpc::Status::OK;
  };
  const CliResult usual = minderctl_.Run({"pause", "--reason=maintenance"});
  EXPECT_EQ(usual.code, 0) << usual.err;
  EXPECT_EQ(usual.out,
            "paused until 2023-11-14 22:13:20: nothing is ordered about primary components\n"
            "To end it: minderctl resume\n");
  EXPECT_THAT(minderctl_.Run({"pause", "--for=2h", "--reason=x", "--dry-run"}).out, HasSubstr("would be paused until"));
  ASSERT_THAT(pauses, SizeIs(2));
  EXPECT_EQ(pauses[0].duration().seconds(), 3600);
  EXPECT_EQ(pauses[0].reason(), Who() + ": maintenance");
  EXPECT_EQ(pauses[1].duration().seconds(), 7200);
  EXPECT_TRUE(pauses[1].validate_only());
  EXPECT_THAT(minderctl_.Run({"resume"}).out, HasSubstr("resumed\nTo look at what it does now: minderctl explain\n"));
  EXPECT_EQ(minderctl_.Run({"resume", "--dry-run"}).out, "would be resumed\n");
  EXPECT_THAT(resumes, ElementsAre(false, true));
}

}  // namespace
}  // namespace minder
