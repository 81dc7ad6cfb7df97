#include "cli/order.h"

#include <optional>
#include <string>

#include "absl/strings/str_format.h"
#include "cli/persistent_call.h"
#include "cli/print_order.h"
#include "cli/text.h"

namespace minder {
namespace {

struct DrainTraits {
  using Request = v1::DrainRequest;
  using Response = v1::DrainResponse;
  static constexpr auto kCall = &ControlClient::Drain;
  static constexpr char kVerb[] = "drain";
  static constexpr char kOpposite[] = "undrain";
  static constexpr absl::Duration kDeadline = absl::Minutes(10);
  static bool IsDone(const Response& response) { return response.state() == v1::DRAIN_STATE_DRAINED; }
};

struct UndrainTraits {
  using Request = v1::UndrainRequest;
  using Response = v1::UndrainResponse;
  static constexpr auto kCall = &ControlClient::Undrain;
  static constexpr char kVerb[] = "undrain";
  static constexpr char kOpposite[] = "drain";
  static constexpr absl::Duration kDeadline = absl::Minutes(1);
  static bool IsDone(const Response& response) { return response.done(); }
};

template <typename Traits>
class Order {
 public:
  Order(const CommandLine& line, const Session& session)
      : session_(session),
        node_(Printable(line.node)),
        deadline_(line.deadline.value_or(Traits::kDeadline)),
        call_(session, deadline_, absl::StrFormat("the %s of %s goes on", Traits::kVerb, node_)) {
    request_.set_dbserver(line.node);
    request_.set_request_id(NewRequestId());
    request_.set_validate_only(line.dry_run);
  }

  ExitCode ShowPlan() {
    const CallResult result =
        Call({.first_answer = session_.timeout, .total = session_.timeout}, [](const Response&) {});
    if (!result.status.ok()) return Fail(session_, result);
    if (!last_) return EndedEarly();
    return Show(session_, *last_, absl::StrFormat("%s %s would:\n", Traits::kVerb, node_) + RenderPlan(last_->plan()));
  }

  ExitCode Follow() {
    const CallResult result = call_.Run([this](const StreamLimits& limits) {
      CallResult attempt = Call(limits, [this](const Response& response) { Tell(response); });
      if (last_ && Traits::IsDone(*last_)) attempt.status = absl::OkStatus();  // however the stream ended after that
      return attempt;
    });
    if (last_ && Traits::IsDone(*last_)) return Show(session_, *last_, RenderDone(*last_));
    if (session_.guard.interrupted()) return Interrupted(result);
    if (absl::IsDeadlineExceeded(result.status) && result.answered) return DeadlineOver();
    return result.status.ok() ? EndedEarly() : Fail(session_, result);
  }

 private:
  using Response = typename Traits::Response;

  template <typename Tell>
  CallResult Call(const StreamLimits& limits, const Tell& tell) {
    return (session_.client.*Traits::kCall)(request_, limits, [&](const Response& response) {
      tell(response);
      last_ = response;
      return !Traits::IsDone(response) || request_.validate_only();
    });
  }

  void Tell(const Response& response) {
    call_.Answered();
    if (!last_ && !response.plan().empty()) {
      session_.output.Progress(absl::StrFormat("%s %s:\n", Traits::kVerb, node_) + RenderPlan(response.plan()));
    }
    const bool old = last_ && ProgressKey(*last_) == ProgressKey(response);
    if (old || Traits::IsDone(response)) return;
    session_.output.Progress(RenderProgress(response));
  }

  ExitCode Interrupted(const CallResult& result) {
    const std::string undo =
        absl::StrFormat("'minderctl status_summary' shows it, 'minderctl %s %s' stops it", Traits::kOpposite, node_);
    if (result.answered) {
      session_.output.Message(absl::StrFormat("interrupted; the %s of %s goes on: %s", Traits::kVerb, node_, undo));
    } else if (result.connected) {
      session_.output.Message(
          absl::StrFormat("interrupted; the %s of %s may have been ordered: %s", Traits::kVerb, node_, undo));
    } else {
      session_.output.Message("interrupted before the arbitrator was reached; nothing was ordered");
    }
    return ExitCode::kInterrupted;
  }

  ExitCode DeadlineOver() {
    session_.output.Message(
        absl::StrFormat("the %s of %s is not complete after %s (%s); it stays in force: 'minderctl %s %s' waits again, "
                        "'minderctl %s %s' "
                        "stops it",
                        Traits::kVerb, node_, absl::FormatDuration(deadline_), StillOpen(*last_), Traits::kVerb, node_,
                        Traits::kOpposite, node_));
    session_.output.Progress(RenderBlockers(*last_));
    if (session_.format == Format::kJson || session_.format == Format::kYaml) Show(session_, *last_, "");
    return ExitCode::kTimedOut;
  }

  ExitCode EndedEarly() {
    session_.output.Message(
        absl::StrFormat("the arbitrator ended the %s of %s before it was complete (%s); see 'minderctl status_summary'",
                        Traits::kVerb, node_, last_ ? StillOpen(*last_) : "it said nothing"));
    return ExitCode::kError;
  }

  const Session& session_;
  const std::string node_;  // Printable
  const absl::Duration deadline_;
  PersistentCall call_;
  typename Traits::Request request_;
  std::optional<Response> last_;
};

template <typename Traits>
ExitCode RunOrder(const CommandLine& line, const Session& session) {
  Order<Traits> order(line, session);
  return line.dry_run ? order.ShowPlan() : order.Follow();
}

}  // namespace

ExitCode RunDrain(const CommandLine& line, const Session& session) { return RunOrder<DrainTraits>(line, session); }
ExitCode RunUndrain(const CommandLine& line, const Session& session) { return RunOrder<UndrainTraits>(line, session); }

}  // namespace minder
