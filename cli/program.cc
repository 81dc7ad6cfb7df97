#include "cli/program.h"

#include <cstdlib>
#include <variant>

#include "absl/status/statusor.h"
#include "cli/call_guard.h"
#include "cli/command_line.h"
#include "cli/completion.h"
#include "cli/control_client.h"
#include "cli/offline.h"
#include "cli/order.h"
#include "cli/output.h"
#include "cli/pause.h"
#include "cli/promote.h"
#include "cli/query.h"
#include "cli/recover.h"
#include "cli/session.h"
#include "cli/settings.h"
#include "cli/split_brain.h"
#include "cli/text.h"

namespace minder {
namespace {

constexpr absl::Duration kDefaultTimeout = absl::Seconds(5);

const char* GetEnvironment(const char* name) { return std::getenv(name); }

ExitCode Complain(const Output& output, ExitCode code, const std::string& what) {
  output.Message(Printable(what));
  return code;
}

// Merges all sources into `settings`, the strongest first. A broken file is an error even when a stronger source
// overrules all of it.
ExitCode GatherSettings(const Settings& flags, const Output& output, Settings& settings) {
  settings = flags;
  const auto environment = SettingsFromEnvironment(GetEnvironment);
  if (!environment.ok()) return Complain(output, ExitCode::kUsage, std::string(environment.status().message()));
  settings = Merge(settings, *environment);
  for (const std::string& path : {UserSettingsPath(GetEnvironment), std::string(kSystemSettingsPath)}) {
    if (path.empty()) continue;
    const auto file = SettingsFromFile(path);
    if (!file.ok()) return Complain(output, ExitCode::kError, std::string(file.status().message()));
    settings = Merge(settings, *file);
  }
  return ExitCode::kOk;
}

ExitCode ComplainOfNoArbitrator(const Output& output) {
  return Complain(
      output, ExitCode::kUsage,
      "no arbitrator is named; use --arbitrator HOST:PORT, MINDER_ARBITRATOR, or 'arbitrator: HOST:PORT' in "
      "~/.config/minder/minderctl.yaml or " +
          std::string(kSystemSettingsPath));
}

ExitCode Dispatch(const CommandLine& line, const Session& session) {
  switch (line.verb) {
    case Verb::kStatusSummary:
      return RunStatusSummary(line, session);
    case Verb::kRequestStatus:
      return RunRequestStatus(line, session);
    case Verb::kDrain:
      return RunDrain(line, session);
    case Verb::kUndrain:
      return RunUndrain(line, session);
    case Verb::kExplain:
      return RunExplain(session);
    case Verb::kHistory:
      return RunHistory(line, session);
    case Verb::kMakePrimary:
      return RunMakePrimary(line, session);
    case Verb::kDeclareDead:
      return RunDeclareDead(line, session);
    case Verb::kRecover:
      return RunRecover(line, session);
    case Verb::kAcknowledge:
      return RunAcknowledge(line, session);
    case Verb::kRelease:
      return RunRelease(line, session);
    case Verb::kPause:
      return RunPause(line, session);
    case Verb::kResume:
      return RunResume(line, session);
    case Verb::kCapture:
      return RunCapture(session);
    case Verb::kWatch:
      return RunWatch(line, session);
    case Verb::kNodes:
      return RunNodes(session);
    case Verb::kRules:
    case Verb::kVersion:
    case Verb::kCompletion:
      break;  // done without the arbitrator
  }
  return ExitCode::kUsage;
}

ExitCode AskArbitrator(const CommandLine& line, Output& output) {
  Settings settings;
  if (const ExitCode code = GatherSettings(line.flags, output, settings); code != ExitCode::kOk) return code;
  if (!settings.arbitrator) return ComplainOfNoArbitrator(output);
  CallGuard guard;  // before gRPC starts its threads
  ControlClient client(*settings.arbitrator, guard);
  const Session session = {.client = client,
                           .guard = guard,
                           .output = output,
                           .address = *settings.arbitrator,
                           .format = settings.output.value_or(Format::kTable),
                           .timeout = settings.timeout.value_or(kDefaultTimeout)};
  return Dispatch(line, session);
}

// The verbs that need no arbitrator, and so none to be named.
ExitCode RunOffline(const CommandLine& line, Output& output) {
  Settings settings;
  if (const ExitCode code = GatherSettings(line.flags, output, settings); code != ExitCode::kOk) return code;
  const Format format = settings.output.value_or(Format::kTable);
  return line.verb == Verb::kRules ? RunRules(line, output, format) : RunReplay(line, output, format);
}

ExitCode Run(const CommandLine& line, Output& output) {
  switch (line.verb) {
    case Verb::kVersion:
      output.Data(VersionText());
      return ExitCode::kOk;
    case Verb::kCompletion:
      output.Data(CompletionScript(line.shell));
      return ExitCode::kOk;
    case Verb::kRules:
      return RunOffline(line, output);
    case Verb::kExplain:
      return line.file.empty() ? AskArbitrator(line, output) : RunOffline(line, output);
    default:
      return AskArbitrator(line, output);
  }
}

ExitCode Give(const Answer& answer, Output& output) {
  if (answer.code != ExitCode::kOk) return Complain(output, answer.code, answer.text);
  output.Data(answer.text);
  return ExitCode::kOk;
}

}  // namespace

int RunMinderctl(const std::vector<std::string>& arguments) {
  const auto parsed = ParseCommandLine(arguments);
  const auto* line = std::get_if<CommandLine>(&parsed);
  Output output(line != nullptr && line->no_color);
  const ExitCode code = line != nullptr ? Run(*line, output) : Give(std::get<Answer>(parsed), output);
  if (output.status().ok()) return static_cast<int>(code);
  return static_cast<int>(Complain(output, ExitCode::kError, std::string(output.status().message())));
}

}  // namespace minder
