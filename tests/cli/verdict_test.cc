#include "cli/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minder {
namespace {

using ::testing::HasSubstr;

CallResult Result(absl::StatusCode code, const std::string& message, bool connected = true) {
  return {.status = absl::Status(code, message), .detail = {}, .connected = connected};
}

Verdict JudgeIt(const CallResult& result) { return Judge(result, "a:1", absl::Seconds(5)); }

TEST(Judge, EveryStatusHasItsExitCode) {
  using Code = absl::StatusCode;
  EXPECT_EQ(JudgeIt(Result(Code::kOk, "")).code, ExitCode::kOk);
  EXPECT_EQ(JudgeIt(Result(Code::kUnavailable, "")).code, ExitCode::kUnreachable);
  EXPECT_EQ(JudgeIt(Result(Code::kDeadlineExceeded, "", false)).code, ExitCode::kUnreachable);
  EXPECT_EQ(JudgeIt(Result(Code::kDeadlineExceeded, "", true)).code, ExitCode::kTimedOut);
  EXPECT_EQ(JudgeIt(Result(Code::kFailedPrecondition, "")).code, ExitCode::kRefused);
  EXPECT_EQ(JudgeIt(Result(Code::kAborted, "")).code, ExitCode::kRefused);
  for (const Code code : {Code::kNotFound, Code::kInternal, Code::kPermissionDenied, Code::kUnimplemented,
                          Code::kInvalidArgument, Code::kResourceExhausted, Code::kUnknown}) {
    EXPECT_EQ(JudgeIt(Result(code, "")).code, ExitCode::kError) << absl::StatusCodeToString(code);
    EXPECT_NE(JudgeIt(Result(code, "")).message, "") << absl::StatusCodeToString(code);
  }
}

TEST(Judge, ARefusalNamesReasonRuleAndCure) {
  CallResult refusal = Result(absl::StatusCode::kFailedPrecondition, "node3 is the last serving node");
  refusal.detail.set_reason("LAST_SERVING_NODE");
  refusal.detail.set_rule("D2");
  refusal.detail.set_cure("bring another one back first");
  EXPECT_EQ(JudgeIt(refusal).message,
            "node3 is the last serving node (LAST_SERVING_NODE, rule D2); bring another one back first");
  refusal.detail.clear_reason();
  refusal.detail.clear_cure();
  EXPECT_EQ(JudgeIt(refusal).message, "node3 is the last serving node (rule D2)");
}

TEST(Judge, UnavailableWithADetailIsTheArbitratorsOwnWord) {
  CallResult starting = Result(absl::StatusCode::kUnavailable, "waiting for reports");
  starting.detail.set_reason("STARTING");
  EXPECT_EQ(JudgeIt(starting).message, "waiting for reports (STARTING)");
  EXPECT_EQ(JudgeIt(starting).code, ExitCode::kUnreachable);
}

TEST(Judge, WordsOfTheServerAreMadePrintable) {
  EXPECT_EQ(JudgeIt(Result(absl::StatusCode::kInternal, "a\nb\x1b[2J")).message, "a\\nb\\x1b[2J");
}

TEST(Judge, ConnectionErrorsAreCutToWhatAHumanNeeds) {
  const CallResult refused =
      Result(absl::StatusCode::kUnavailable,
             "failed to connect to all addresses; last error: UNKNOWN: Connection refused", false);
  EXPECT_THAT(JudgeIt(refused).message, HasSubstr("the arbitrator at a:1 (UNKNOWN: Connection refused); see"));
}

TEST(JudgeHealth, OnlyHealthyIsHealthy) {
  v1::StatusSummaryResponse summary;
  EXPECT_EQ(JudgeHealth(summary), ExitCode::kNotHealthy);
  summary.set_diagnosis(v1::DIAGNOSIS_DEGRADED);
  EXPECT_EQ(JudgeHealth(summary), ExitCode::kNotHealthy);
  summary.set_diagnosis(v1::DIAGNOSIS_HEALTHY);
  EXPECT_EQ(JudgeHealth(summary), ExitCode::kOk);
}

}  // namespace
}  // namespace minder
