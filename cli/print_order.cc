#include "cli/print_order.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/text.h"
#include "common/core/names.h"

namespace minder {
namespace {

std::string Count(std::uint64_t count, const std::string& noun) {
  return absl::StrFormat("%d %s%s", count, noun, count == 1 ? "" : "s");
}

std::string Joined(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return Printable(absl::StrJoin(texts, ", "));
}

std::string RenderBlocker(const v1::OpenTransaction& blocker) {
  const absl::Duration age = absl::Seconds(blocker.age().seconds());
  const std::string statement = blocker.statement().empty() ? "(idle in transaction)" : Printable(blocker.statement());
  return absl::StrFormat("  connection %d  %s  open %s  %s\n", blocker.connection_id(), Printable(blocker.user()),
                         ShortDuration(age), statement);
}

std::string Phase(const v1::DrainResponse& response) {
  const std::string transactions = Count(response.open_transactions(), "open transaction");
  switch (response.state()) {
    case v1::DRAIN_STATE_SERVING:
      return "waiting for its agent to take the order";
    case v1::DRAIN_STATE_WAITING_FOR_BALANCERS:
      if (response.waiting_for().empty()) return "every balancer has confirmed; waiting for the node's agent";
      return absl::StrFormat("waiting for %s; %s", Joined(response.waiting_for()), transactions);
    case v1::DRAIN_STATE_WAITING_FOR_TRANSACTIONS:
      return absl::StrFormat("no balancer gives it new sessions; waiting for %s", transactions);
    case v1::DRAIN_STATE_READ_ONLY:
      return response.open_transactions() == 0 ? "read-only; the last writes are running out"
                                               : absl::StrFormat("read-only; waiting for the last %s", transactions);
    case v1::DRAIN_STATE_DRAINED:
      return "drained";
    default:
      return absl::StrFormat("drain state %s", ShortName(response.state()));
  }
}

}  // namespace

std::string RenderBlockers(const v1::DrainResponse& response) {
  std::string lines;
  for (const v1::OpenTransaction& blocker : response.blockers()) lines += RenderBlocker(blocker);
  const int unlisted = static_cast<int>(response.open_transactions()) - response.blockers_size();
  if (unlisted > 0 && response.blockers_size() > 0) lines += absl::StrFormat("  and %d more\n", unlisted);
  return lines;
}

std::string RenderBlockers(const v1::UndrainResponse&) { return ""; }

std::string RenderPlan(const google::protobuf::RepeatedPtrField<std::string>& plan) {
  std::string lines;
  for (int i = 0; i < plan.size(); ++i) lines += absl::StrFormat("  %d. %s\n", i + 1, Printable(plan.Get(i)));
  return lines;
}

std::string RenderProgress(const v1::DrainResponse& response) {
  return absl::StrFormat("%s: %s\n", Printable(response.dbserver()), Phase(response)) + RenderBlockers(response);
}

std::string RenderProgress(const v1::UndrainResponse& response) {
  const std::string node = Printable(response.dbserver());
  if (response.done()) return node + ": serves\n";
  if (!response.waiting_for().empty()) {
    return absl::StrFormat("%s: waiting for %s\n", node, Joined(response.waiting_for()));
  }
  return absl::StrFormat("%s: drain state %s; waiting for its agent\n", node, ShortName(response.state()));
}

std::string ProgressKey(const v1::DrainResponse& response) {
  v1::DrainResponse timeless = response;
  for (v1::OpenTransaction& blocker : *timeless.mutable_blockers()) blocker.clear_age();
  return RenderProgress(timeless);
}

std::string ProgressKey(const v1::UndrainResponse& response) { return RenderProgress(response); }

std::string StillOpen(const v1::DrainResponse& response) {
  std::vector<std::string> open;
  if (!response.waiting_for().empty()) open.push_back("waiting for " + Joined(response.waiting_for()));
  if (response.open_transactions() > 0)
    open.push_back("still open: " + Count(response.open_transactions(), "transaction"));
  return open.empty() ? "it is " + ShortName(response.state()) : absl::StrJoin(open, "; ");
}

std::string StillOpen(const v1::UndrainResponse& response) {
  if (!response.waiting_for().empty()) return "waiting for " + Joined(response.waiting_for());
  return "it is " + ShortName(response.state());
}

std::string RenderDone(const v1::DrainResponse& response) {
  const std::string node = Printable(response.dbserver());
  const std::string rest =
      response.connections() == 0
          ? ""
          : absl::StrFormat("; %s still there, idle", Count(response.connections(), "connection") +
                                                          (response.connections() == 1 ? " is" : " are"));
  return absl::StrFormat(
      "%s drained: no balancer gives it new sessions, no transaction is open%s\n"
      "When it may serve again: minderctl undrain %s\n",
      node, rest, node);
}

std::string RenderDone(const v1::UndrainResponse& response) {
  return absl::StrFormat(
      "%s undrained: every balancer gives it sessions\n"
      "To look at it: minderctl status_summary\n",
      Printable(response.dbserver()));
}

}  // namespace minder
