#include "cli/command_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/version.h"

namespace minder {
namespace {

struct VerbRow {
  Verb verb;
  const char* name;
  const char* help;  // empty for a verb that is not shown
};

constexpr std::array<VerbRow, 19> kVerbs = {{
    {Verb::kStatusSummary, "status_summary", "Show the diagnosis and every dbserver, as the arbitrator knows them"},
    {Verb::kRequestStatus, "request_status", "Have one dbserver, or all, report now, and show the reports"},
    {Verb::kExplain, "explain", "Show the decision of now, its facts, and the command that would override it"},
    {Verb::kHistory, "history", "Show the audit trail, and whether it is whole"},
    {Verb::kDrain, "drain", "Take a dbserver out of service without hurting anyone; waits until it is drained"},
    {Verb::kUndrain, "undrain", "Let a drained dbserver serve again; waits until balancers give it sessions"},
    {Verb::kMakePrimary, "make_primary", "Promote a group of dbservers; waits until it is the primary component"},
    {Verb::kDeclareDead, "declare_dead", "Take your word as proof that a dbserver is dead"},
    {Verb::kRecover, "recover", "Recover from a full stop: start the dbserver that holds most, then the others"},
    {Verb::kAcknowledge, "acknowledge", "After split brain: say which side stays"},
    {Verb::kRelease, "release", "After split brain: let a dbserver go on with the data that it has"},
    {Verb::kPause, "pause", "Keep the arbitrator's hands off primary components for a while"},
    {Verb::kResume, "resume", "End a pause"},
    {Verb::kWatch, "watch", "Print a line for every change, until interrupted"},
    {Verb::kCapture, "capture", "Print all that the decision rests on, as JSON for explain --file"},
    {Verb::kRules, "rules", "Print the rule table; needs no arbitrator"},
    {Verb::kVersion, "version", "Print the version of minderctl"},
    {Verb::kCompletion, "completion", "Print the completion script for bash, zsh or fish"},
    {Verb::kNodes, "__nodes", ""},
}};

constexpr char kFooter[] =
    "Settings: flags, then MINDER_ARBITRATOR, MINDER_OUTPUT and MINDER_TIMEOUT, then\n"
    "~/.config/minder/minderctl.yaml, then /etc/minder/minderctl.yaml (keys arbitrator, output, timeout).\n"
    "Exit codes: 0 ok, 1 error, 2 usage, 3 unreachable, 4 refused by a rule, 5 not healthy, 6 timed out,\n"
    "130 interrupted.";

// Has CLI11 parse `name`'s value with one of our parsers, whose errors say how to write it.
template <typename T>
CLI::Option* AddParsed(CLI::App& app, const std::string& name, absl::StatusOr<T> (*parse)(const std::string&),
                       std::optional<T>& target, const std::string& help) {
  const auto store = [parse, &target, name](const std::string& text) {
    auto value = parse(text);
    if (!value.ok()) throw CLI::ValidationError(name.substr(name.find("--")), std::string(value.status().message()));
    target = *std::move(value);
  };
  return app.add_option_function<std::string>(name, store, help)->type_name("")->trigger_on_parse();
}

void AddGlobalFlags(CLI::App& app, CommandLine& line) {
  AddParsed(app, "--arbitrator", &ParseAddress, line.flags.arbitrator, "HOST:PORT of the arbitrator");
  AddParsed(app, "-o,--output", &ParseFormat, line.flags.output, "table (default), wide, json or yaml");
  AddParsed(app, "--timeout", &ParsePositiveDuration, line.flags.timeout,
            "How long the arbitrator may take to answer (default 5s)");
  app.add_flag("--no-color", line.no_color, "No colour; so does NO_COLOR in the environment");
}

void AddDryRun(CLI::App& app, CommandLine& line) { app.add_flag("--dry-run", line.dry_run, "Only show the plan"); }

void AddOrderFlags(CLI::App& app, const std::string& default_deadline, CommandLine& line) {
  app.add_option("NODE", line.node, "Name of the dbserver")->required()->type_name("");
  AddParsed(app, "--deadline", &ParsePositiveDuration, line.deadline,
            "How long to wait for the end (default " + default_deadline + "); the order itself stays in force");
  AddDryRun(app, line);
}

void AddReason(CLI::App& app, CommandLine& line) {
  app.add_option("--reason", line.reason, "Why, for the record")->type_name("");
}

void AddMakePrimaryFlags(CLI::App& app, CommandLine& line) {
  app.alias("make-primary");
  app.add_option("GROUP", line.node, "Names of the members joined with +, or one of them")->required()->type_name("");
  app.add_flag("--force", line.force, "Promote without what is not proven about the others");
  app.add_option("--confirm", line.confirm, "With --force: digest of the state that you were shown")->type_name("");
  AddReason(app, line);
  AddParsed(app, "--deadline", &ParsePositiveDuration, line.deadline,
            "How long to wait for the end (default 30s); the promotion itself goes on");
  AddDryRun(app, line);
}

void AddAcknowledgeFlags(CLI::App& app, CommandLine& line) {
  app.add_option("--keep", line.keep, "Members of the side that stays joined with +, or one of them")
      ->required()
      ->type_name("");
  app.add_option("--confirm", line.confirm, "Digest of the state that you were shown")->type_name("");
  AddReason(app, line);
  AddDryRun(app, line);
}

void AddNodeWordFlags(CLI::App& app, CommandLine& line) {
  app.add_option("NODE", line.node, "Name of the dbserver")->required()->type_name("");
  app.add_option("--confirm", line.confirm, "Its name again")->type_name("");
  AddReason(app, line);
  AddDryRun(app, line);
}

void AddRecoverFlags(CLI::App& app, CommandLine& line) {
  app.add_option("--without", line.without, "Give up this dbserver: it is stopped, and what it alone holds is lost")
      ->type_name("")
      ->allow_extra_args(false)
      ->delimiter(',');
  app.add_option("--confirm", line.confirm, "Digest of the plan that you were shown")->type_name("");
  AddReason(app, line);
  AddParsed(app, "--deadline", &ParsePositiveDuration, line.deadline,
            "How long to wait for the end (default 5m); the recovery itself goes on");
  AddDryRun(app, line);
}

void AddPauseFlags(CLI::App& app, CommandLine& line) {
  AddParsed(app, "--for", &ParsePositiveDuration, line.duration, "How long (default 1h)");
  AddReason(app, line);
  AddDryRun(app, line);
}

void AddVerbFlags(Verb verb, CLI::App& app, CommandLine& line) {
  switch (verb) {
    case Verb::kStatusSummary:
      app.alias("status")->alias("status-summary");
      app.add_flag("--watch", line.watch, "Show it again after every change");
      return;
    case Verb::kRequestStatus:
      app.alias("request-status");
      app.add_option("NODE", line.node, "Name of the dbserver; all without it")->type_name("");
      return;
    case Verb::kDrain:
      return AddOrderFlags(app, "10m", line);
    case Verb::kUndrain:
      return AddOrderFlags(app, "1m", line);
    case Verb::kWatch:
      AddParsed(app, "--deadline", &ParsePositiveDuration, line.deadline, "Stop after this time (default: never)");
      return;
    case Verb::kCompletion:
      app.add_option("SHELL", line.shell, "bash, zsh or fish")
          ->required()
          ->type_name("")
          ->check(CLI::IsMember({"bash", "zsh", "fish"}));
      return;
    case Verb::kExplain:
      app.add_option("--file", line.file, "Decide anew what `minderctl capture` wrote; - reads stdin")->type_name("");
      return;
    case Verb::kHistory:
      app.add_option("--limit", line.limit, "How many of the newest entries (default 100)")
          ->type_name("")
          ->check(CLI::PositiveNumber);
      return;
    case Verb::kMakePrimary:
      return AddMakePrimaryFlags(app, line);
    case Verb::kDeclareDead:
      app.alias("declare-dead");
      return AddNodeWordFlags(app, line);
    case Verb::kRelease:
      return AddNodeWordFlags(app, line);
    case Verb::kAcknowledge:
      return AddAcknowledgeFlags(app, line);
    case Verb::kRecover:
      return AddRecoverFlags(app, line);
    case Verb::kPause:
      return AddPauseFlags(app, line);
    case Verb::kResume:
      return AddDryRun(app, line);
    case Verb::kRules:
      app.add_flag("--mermaid", line.mermaid, "As a mermaid flowchart");
      return;
    case Verb::kCapture:
    case Verb::kVersion:
    case Verb::kNodes:
      return;
  }
}

void AddVerbs(CLI::App& app, CommandLine& line) {
  for (const VerbRow& row : kVerbs) {
    CLI::App* verb = app.add_subcommand(row.name, row.help);
    verb->fallthrough();
    if (*row.help == '\0') verb->group("");
    verb->callback([&line, value = row.verb] { line.verb = value; });
    AddVerbFlags(row.verb, *verb, line);
  }
}

// CLI11 says "The following argument was not expected" of a mistyped verb.
std::string UsageText(const CLI::App& app, const CLI::ParseError& error) {
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (error.get_name() == "ArgumentMismatch") text = text.substr(0, text.find(':')) + " needs a value";
  if (app.get_subcommands().empty() && error.get_exit_code() != static_cast<int>(CLI::ExitCodes::ValidationError)) {
    const std::vector<std::string> rest = app.remaining();
    const bool verb_missing = rest.empty() || rest.front().rfind('-', 0) == 0;
    if (!verb_missing) text = absl::StrFormat("there is no verb '%s'", rest.front());
    if (rest.empty() && error.get_name() == "RequiredError") text = "a verb is missing";
    text += absl::StrFormat("; the verbs are %s", absl::StrJoin(PublicVerbs(), ", "));
  }
  return text + "; see minderctl --help";
}

// What no parser of a single value can see.
std::optional<Answer> FindMistake(const CommandLine& line) {
  const auto mistake = [](const std::string& text) { return Answer{ExitCode::kUsage, text}; };
  const bool is_word = line.verb == Verb::kDeclareDead || line.verb == Verb::kRelease;
  const bool names_node = line.verb == Verb::kDrain || line.verb == Verb::kUndrain || is_word;
  if (names_node && line.node.empty()) return mistake("NODE is empty; name a dbserver");
  if (line.verb == Verb::kMakePrimary) {
    if (line.node.empty()) return mistake("GROUP is empty; name a dbserver, or members joined with +");
    if (!line.force && !line.confirm.empty()) return mistake("--confirm goes with --force");
  }
  if (line.verb == Verb::kAcknowledge && line.keep.empty()) return mistake("--keep is empty; name a side");
  const bool needs_reason = (line.verb == Verb::kMakePrimary && line.force) || !line.without.empty() || is_word ||
                            line.verb == Verb::kAcknowledge || line.verb == Verb::kPause;
  if (needs_reason && line.reason.empty()) return mistake("--reason=WHY is missing; it is kept on the record");
  if (is_word && !line.confirm.empty() && line.confirm != line.node)
    return mistake(absl::StrFormat("--confirm names '%s', and not '%s'", line.confirm, line.node));
  return std::nullopt;
}

}  // namespace

std::variant<CommandLine, Answer> ParseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  CLI::App app("Looks after a MariaDB Galera cluster: what a human asks of the minder arbitrator.", "minderctl");
  app.set_version_flag("--version", std::string("minderctl ") + kVersion);
  app.footer(kFooter);
  app.require_subcommand(1);
  AddGlobalFlags(app, line);
  AddVerbs(app, line);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 wants them reversed
  } catch (const CLI::CallForHelp&) {
    return Answer{ExitCode::kOk, app.help()};
  } catch (const CLI::CallForVersion&) {
    return Answer{ExitCode::kOk, VersionText()};
  } catch (const CLI::ParseError& error) {
    return Answer{ExitCode::kUsage, UsageText(app, error)};
  }
  if (auto mistake = FindMistake(line)) return *mistake;
  return line;
}

std::vector<std::string> PublicVerbs() {
  std::vector<std::string> names;
  for (const VerbRow& row : kVerbs) {
    if (*row.help != '\0') names.emplace_back(row.name);
  }
  return names;
}

std::string VersionText() { return absl::StrFormat("minderctl %s\n", kVersion); }

}  // namespace minder
