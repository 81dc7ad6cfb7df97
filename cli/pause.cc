#include "cli/pause.h"

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "cli/confirm.h"
#include "common/core/proto_time.h"

namespace minder {
namespace {

constexpr absl::Duration kUsualPause = absl::Hours(1);

}  // namespace

ExitCode RunPause(const CommandLine& line, const Session& session) {
  v1::PauseRequest request;
  request.set_request_id(NewRequestId());
  request.set_validate_only(line.dry_run);
  *request.mutable_duration() = ToProto(line.duration.value_or(kUsualPause));
  request.set_reason(Signed(line.reason));
  v1::PauseResponse response;
  const CallResult result = session.client.Pause(request, session.timeout, response);
  if (!result.status.ok()) return FailOrder(session, result);
  const std::string until = absl::FormatTime("%Y-%m-%d %H:%M:%S", FromProto(response.until()), absl::LocalTimeZone());
  return Show(session, response,
              line.dry_run ? absl::StrFormat("would be paused until %s\n", until)
                           : absl::StrFormat("paused until %s: nothing is ordered about primary components\n"
                                             "To end it: minderctl resume\n",
                                             until));
}

ExitCode RunResume(const CommandLine& line, const Session& session) {
  v1::ResumeRequest request;
  request.set_request_id(NewRequestId());
  request.set_validate_only(line.dry_run);
  v1::ResumeResponse response;
  const CallResult result = session.client.Resume(request, session.timeout, response);
  if (!result.status.ok()) return FailOrder(session, result);
  return Show(session, response,
              line.dry_run ? "would be resumed\n" : "resumed\nTo look at what it does now: minderctl explain\n");
}

}  // namespace minder
