// acknowledge and release: the real program against a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "tests/cli/fake_arbitrator.h"
#include "tests/cli/run_minderctl.h"

namespace minder {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class EndSplitBrain : public ::testing::Test {
 protected:
  EndSplitBrain() {
    control_.acknowledge = [this](const v1::AcknowledgeRequest& request, v1::AcknowledgeResponse* response) {
      const std::lock_guard lock(mutex_);
      acknowledgements_.push_back(request);
      response->set_digest("d1g3st");
      response->add_steps("b1 is to be rebuilt");
      response->mutable_decision()->set_diagnosis(v1::DIAGNOSIS_DEGRADED);
      return status_;
    };
    control_.release = [this](const v1::ReleaseRequest& request, v1::ReleaseResponse* response) {
      const std::lock_guard lock(mutex_);
      releases_.push_back(request);
      response->mutable_decision()->set_diagnosis(v1::DIAGNOSIS_HEALTHY);
      return status_;
    };
    arbitrator_.Start();
    minderctl_.SetEnvironment("MINDER_ARBITRATOR=" + arbitrator_.address());
  }
  CliResult RunWithoutTerminal(const std::vector<std::string>& arguments) {
    return minderctl_.RunInShell("exec \"$@\" </dev/null >\"$HOME/out\" 2>\"$HOME/err\"", arguments);
  }

  std::mutex mutex_;  // guards all that the scripts touch
  grpc::Status status_;
  std::vector<v1::AcknowledgeRequest> acknowledgements_;
  std::vector<v1::ReleaseRequest> releases_;
  ScriptedControl control_;
  FakeArbitrator arbitrator_{control_};
  MinderctlRunner minderctl_;
};

TEST_F(EndSplitBrain, AcknowledgeWithTheDigestSaysWhatIsToBeDone) {
  const CliResult result = minderctl_.Run({"acknowledge", "--keep=a1+a2", "--reason=orders", "--confirm=d1g3st"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("a1+a2 stays:\n  b1 is to be rebuilt\nthen DEGRADED"),
                                HasSubstr("What is still to be done: minderctl explain\n")));
  ASSERT_THAT(acknowledgements_, SizeIs(1));
  EXPECT_EQ(acknowledgements_[0].keep(), "a1+a2");
  EXPECT_EQ(acknowledgements_[0].confirm(), "d1g3st");
  EXPECT_THAT(acknowledgements_[0].reason(), HasSubstr(": orders"));
  EXPECT_FALSE(acknowledgements_[0].validate_only());
}

TEST_F(EndSplitBrain, AcknowledgeWithoutATerminalAndAFlagShowsThePlanAndFails) {
  const CliResult result = RunWithoutTerminal({"acknowledge", "--keep=a1", "--reason=orders"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("b1 is to be rebuilt"), HasSubstr("--confirm=d1g3st")));
  ASSERT_THAT(acknowledgements_, SizeIs(1));
  EXPECT_TRUE(acknowledgements_[0].validate_only());
}

TEST_F(EndSplitBrain, ReleaseIsConfirmedByTheName) {
  const CliResult asked = RunWithoutTerminal({"release", "b1", "--reason=restored"});
  EXPECT_EQ(asked.code, 2);
  EXPECT_THAT(asked.err, AllOf(HasSubstr("b1 would go on with the data that it has"), HasSubstr("--confirm=b1")));
  const CliResult result = minderctl_.Run({"release", "b1", "--reason=restored", "--confirm=b1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("b1 is released, with the data that it has\nthen HEALTHY"));
  ASSERT_THAT(releases_, SizeIs(2));
  EXPECT_TRUE(releases_[0].validate_only());
  EXPECT_EQ(releases_[1].confirm(), "b1");
}

TEST_F(EndSplitBrain, MistakesAreUsage) {
  EXPECT_EQ(minderctl_.Run({"acknowledge", "--reason=x"}).code, 2);
  EXPECT_EQ(minderctl_.Run({"acknowledge", "--keep=", "--reason=x"}).code, 2);
  EXPECT_EQ(minderctl_.Run({"acknowledge", "--keep=a1"}).code, 2);
  EXPECT_EQ(minderctl_.Run({"release", "b1"}).code, 2);
  EXPECT_EQ(minderctl_.Run({"release", "b1", "--reason=x", "--confirm=b2"}).code, 2);
  EXPECT_THAT(acknowledgements_, SizeIs(0));
}

TEST_F(EndSplitBrain, RefusalsExitWith4) {
  status_ = Refusal(grpc::StatusCode::FAILED_PRECONDITION, "there is none", "NO_SPLIT_BRAIN", "R020", "look");
  EXPECT_EQ(minderctl_.Run({"acknowledge", "--keep=a1", "--reason=x", "--confirm=d"}).code, 4);
  EXPECT_EQ(minderctl_.Run({"release", "b1", "--reason=x", "--confirm=b1"}).code, 4);
}

}  // namespace
}  // namespace minder
