#include "common/core/explain.h"

#include "absl/strings/str_format.h"
#include "common/core/decide.h"
#include "common/core/promotion.h"
#include "common/core/proto_time.h"
#include "common/core/recovery_plan.h"
#include "common/core/requests.h"
#include "common/core/split_brain.h"

namespace minder {
namespace {

// What is proven for a promotion, and what is not.
void AddProofs(const Facts& facts, v1::ExplainResponse& response) {
  const PromotionPlan& plan = facts.promotion;
  if (!plan.group.empty()) response.add_present(absl::StrFormat("%s is fit to be promoted", NameOf(plan.group)));
  for (const Other& other : plan.others) {
    if (other.proof != Other::Proof::kMissing) response.add_present(other.detail);
  }
  for (const std::string& missing : plan.missing) response.add_missing(missing);
}

}  // namespace

v1::ExplainResponse Explain(const v1::Configuration& config, const v1::ArbitratorState& state, BootTime now) {
  v1::ExplainResponse response;
  const Facts facts = GatherFacts(config, state, now);
  *response.mutable_decision() = Decide(config, state, facts, now);
  *response.mutable_state() = state;
  response.set_digest(DigestOf(config, state, facts));
  *response.mutable_decided_at() = ToProto(ToSinceBoot(now));
  *response.mutable_configuration() = config;
  response.set_command(OverrideCommand(config, state, now, facts, response.decision()));
  for (std::string& line : ExplainSplitBrain(facts, response.decision().next()))
    response.add_split_brain(std::move(line));
  if (facts.recovery.applies) {
    *response.mutable_recovery() = Describe(facts.recovery);
  } else if (facts.somebody_primary.value != v1::TERNARY_YES) {
    AddProofs(facts, response);
  }
  return response;
}

v1::ExplainResponse Replay(const v1::ExplainResponse& captured) {
  return Explain(captured.configuration(), captured.state(), SinceBoot(FromProto(captured.decided_at())));
}

}  // namespace minder
