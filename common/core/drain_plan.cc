#include "common/core/drain_plan.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/check.h"

namespace minder {
namespace {

const NodeFacts& NodeOf(const Facts& facts, const std::string& dbserver) {
  const NodeFacts* node = FindNode(facts, dbserver);
  MINDER_CHECK(node != nullptr);
  return *node;
}

const v1::Backend* BackendOf(const BalancerFacts& balancer, const std::string& dbserver) {
  if (balancer.report == nullptr) return nullptr;
  const auto it = std::ranges::find(balancer.report->backends(), dbserver, &v1::Backend::dbserver);
  return it == balancer.report->backends().end() ? nullptr : &*it;
}

// Why a balancer's word does not count now; empty when it does.
std::string WhyMute(const BalancerFacts& balancer) {
  if (balancer.fresh) return "";
  if (balancer.report == nullptr) return "its agent has not reported";
  if (!balancer.report->reachable()) return absl::StrFormat("its agent cannot read it: %s", balancer.report->error());
  return absl::StrFormat("its agent has been silent for %s",
                         absl::FormatDuration(absl::Trunc(balancer.age, absl::Seconds(1))));
}

std::uint64_t WeightOf(const NodeFacts& node) {
  return node.report != nullptr && node.report->has_provider_options() ? node.report->provider_options().pc_weight()
                                                                       : 1;
}

std::string BalancerNames(const Facts& facts) {
  return absl::StrJoin(facts.balancers, ", ",
                       [](std::string* out, const BalancerFacts& b) { out->append(b.config->name()); });
}

}  // namespace

Refusal RefuseDrain(const Facts& facts, const std::string& dbserver) {
  std::vector<std::string> others;
  std::uint64_t drained_weight = 0;
  std::uint64_t all_weight = 0;
  for (const NodeFacts& node : facts.nodes) {
    const bool is_target = node.config->name() == dbserver;
    if (!is_target && node.serving) others.push_back(node.config->name());
    if (node.primary != v1::TERNARY_YES && !is_target) continue;
    all_weight += WeightOf(node);
    if (is_target || node.drain != nullptr) drained_weight += WeightOf(node);
  }
  if (others.empty()) {
    return {.reason = "LAST_SERVING_NODE",
            .rule = "D10",
            .message = absl::StrFormat(
                "%s is the last serving node: no other is known to be Primary, Synced and not drained", dbserver),
            .cure = "bring another node back, or undrain one; minderctl status_summary shows them"};
  }
  if (2 * drained_weight > all_weight) {
    return {.reason = "MAJORITY_OF_PRIMARY_COMPONENT",
            .rule = "D20",
            .message = absl::StrFormat("with %s, drained nodes would hold %d of %d votes of the primary component",
                                       dbserver, drained_weight, all_weight),
            .cure = "undrain another node first"};
  }
  return {};
}

std::vector<std::string> BalancersToWaitFor(const Facts& facts, const std::string& dbserver,
                                            const std::string& drain_id) {
  std::vector<std::string> waiting;
  for (const BalancerFacts& balancer : facts.balancers) {
    const std::string& name = balancer.config->name();
    const v1::Backend* backend = BackendOf(balancer, dbserver);
    if (const std::string mute = WhyMute(balancer); !mute.empty()) {
      waiting.push_back(absl::StrFormat("%s: %s", name, mute));
    } else if (std::ranges::find(balancer.report->drains_applied(), drain_id) ==
               balancer.report->drains_applied().end()) {
      waiting.push_back(absl::StrFormat("%s: has not confirmed yet", name));
    } else if (backend == nullptr || backend->actual() == v1::BACKEND_STATE_UP ||
               backend->actual() == v1::BACKEND_STATE_UNSPECIFIED) {
      waiting.push_back(absl::StrFormat("%s: still gives it sessions", name));
    }
  }
  return waiting;
}

std::vector<std::string> BalancersNotUp(const Facts& facts, const std::string& dbserver) {
  std::vector<std::string> waiting;
  for (const BalancerFacts& balancer : facts.balancers) {
    const v1::Backend* backend = BackendOf(balancer, dbserver);
    if (const std::string mute = WhyMute(balancer); !mute.empty()) {
      waiting.push_back(absl::StrFormat("%s: %s", balancer.config->name(), mute));
    } else if (backend == nullptr || backend->actual() != v1::BACKEND_STATE_UP) {
      waiting.push_back(absl::StrFormat("%s: %s", balancer.config->name(),
                                        backend == nullptr ? "does not know it" : backend->reason()));
    }
  }
  return waiting;
}

v1::DrainResponse DrainProgress(const Facts& facts, const std::string& dbserver) {
  const NodeFacts& node = NodeOf(facts, dbserver);
  v1::DrainResponse progress;
  progress.set_dbserver(dbserver);
  if (node.drain != nullptr) progress.set_drain_id(node.drain->drain_id());
  for (std::string& why : BalancersToWaitFor(facts, dbserver, progress.drain_id())) {
    progress.add_waiting_for(std::move(why));
  }
  progress.set_state(v1::DRAIN_STATE_WAITING_FOR_BALANCERS);
  if (!node.fresh) {
    progress.add_waiting_for(absl::StrFormat("%s: its agent is silent", dbserver));
    return progress;
  }
  const v1::DbStatusReport& report = *node.report;
  *progress.mutable_blockers() = report.open_transactions();
  progress.set_open_transactions(report.open_transaction_count());
  progress.set_connections(report.connections());
  // The agent's word counts only for this drain, and only while no balancer has turned back.
  if (report.drain().drain_id() == progress.drain_id() && progress.waiting_for().empty()) {
    progress.set_state(std::max(report.drain().state(), v1::DRAIN_STATE_WAITING_FOR_BALANCERS));
  }
  return progress;
}

v1::UndrainResponse UndrainProgress(const Facts& facts, const std::string& dbserver) {
  const NodeFacts& node = NodeOf(facts, dbserver);
  v1::UndrainResponse progress;
  progress.set_dbserver(dbserver);
  progress.set_state(node.fresh ? node.report->drain().state() : v1::DRAIN_STATE_UNSPECIFIED);
  if (!node.fresh) progress.add_waiting_for(absl::StrFormat("%s: its agent is silent", dbserver));
  if (progress.state() > v1::DRAIN_STATE_SERVING) {
    progress.add_waiting_for(absl::StrFormat("%s: its agent has not ended the drain yet", dbserver));
  }
  for (std::string& why : BalancersNotUp(facts, dbserver)) progress.add_waiting_for(std::move(why));
  progress.set_done(progress.waiting_for().empty());
  return progress;
}

std::vector<std::string> DrainSteps(const Facts& facts, const std::string& dbserver) {
  const NodeFacts& node = NodeOf(facts, dbserver);
  const std::uint32_t open = node.fresh ? node.report->open_transaction_count() : 0;
  return {absl::StrFormat("record the drain of %s at the arbitrator", dbserver),
          facts.balancers.empty()
              ? "no balancer is configured"
              : absl::StrFormat("no new sessions from %s; read back from each", BalancerNames(facts)),
          absl::StrFormat("wait for the transactions that are open then (%d now)", open),
          absl::StrFormat("SET GLOBAL read_only=1 on %s, and wait until no transaction is open", dbserver)};
}

std::vector<std::string> UndrainSteps(const Facts& facts, const std::string& dbserver) {
  return {absl::StrFormat("record the end of the drain of %s at the arbitrator", dbserver),
          absl::StrFormat("read_only on %s as it was before", dbserver),
          facts.balancers.empty() ? "no balancer is configured"
                                  : absl::StrFormat("new sessions from %s again", BalancerNames(facts))};
}

}  // namespace minder
