#ifndef MINDER_CLI_COMMAND_LINE_H_
#define MINDER_CLI_COMMAND_LINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "cli/exit_code.h"
#include "cli/settings.h"

namespace minder {

enum class Verb {
  kStatusSummary,
  kRequestStatus,
  kExplain,
  kHistory,
  kDrain,
  kUndrain,
  kMakePrimary,
  kDeclareDead,
  kRecover,
  kAcknowledge,
  kRelease,
  kPause,
  kResume,
  kWatch,
  kCapture,
  kRules,
  kVersion,
  kCompletion,
  kNodes,
};

// A command as it was typed.
struct CommandLine {
  Verb verb = Verb::kStatusSummary;
  std::string node;     // the dbserver; request_status: empty for all; make_primary: or members joined with "+"
  std::string shell;    // completion
  std::string file;     // explain: a capture, "-" for stdin; empty for the live decision
  std::string keep;     // acknowledge: the side that stays
  std::string confirm;  // make_primary, recover, acknowledge: the digest; declare_dead, release: the dbserver again
  std::string reason;
  std::vector<std::string> without;  // recover: dbservers to give up
  std::uint32_t limit = 0;           // history: newest entries; 0 leaves it to the arbitrator
  std::optional<absl::Duration> deadline;
  std::optional<absl::Duration> duration;  // pause
  bool force = false;
  bool mermaid = false;
  bool dry_run = false;
  bool watch = false;
  bool no_color = false;
  Settings flags;
};

// A command line that is answered without doing anything: help, version, or a mistake.
struct Answer {
  ExitCode code = ExitCode::kOk;
  std::string text;  // for stdout when code is kOk, otherwise one line for stderr without the program's name
};

// Reads the arguments that follow the program's name.
std::variant<CommandLine, Answer> ParseCommandLine(const std::vector<std::string>& arguments);

// The verbs that help shows, for the tests of the completion scripts.
std::vector<std::string> PublicVerbs();

// "minderctl 0.1.0" and a newline.
std::string VersionText();

}  // namespace minder

#endif  // MINDER_CLI_COMMAND_LINE_H_
