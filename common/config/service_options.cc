#include "common/config/service_options.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/log.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/config/file_config.h"
#include "common/config/nearest.h"
#include "common/core/party.h"

namespace minder {
namespace {

constexpr int kError = 1;
constexpr int kUsage = 2;

struct Options {
  std::string config = "/etc/minder/minder.yaml";
  std::string name;
  std::string log_level = "info";
};

std::string ProgramName(v1::PartyType type) { return absl::StrFormat("minder-%s", PartyTypeName(type)); }

// The exit code when the program is to end here.
std::optional<int> ParseCommandLine(v1::PartyType type, int argc, const char* const* argv, std::ostream& out,
                                    std::ostream& err, Options& options) {
  CLI::App app(absl::StrFormat("The %s of a minder set-up.", PartyTypeName(type)), ProgramName(type));
  app.add_option("--config", options.config, "Configuration file")
      ->envname("MINDER_CONFIG")
      ->type_name("FILE")
      ->capture_default_str();
  if (type != v1::PARTY_TYPE_ARBITRATOR) {
    app.add_option("--name", options.name,
                   absl::StrFormat("Which %s of the configuration this is", PartyTypeName(type)))
        ->type_name("NAME")
        ->required();
  }
  app.add_option("--log-level", options.log_level, "Least level that is logged")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}))
      ->type_name("LEVEL")
      ->capture_default_str();
  app.set_version_flag("--version", absl::StrFormat("%s %s", ProgramName(type), kVersion));
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    return app.exit(e, out, err) == 0 ? 0 : kUsage;
  }
}

struct Entry {
  std::string name;
  std::string listen;
};

template <typename Config>
Entry EntryOf(const Config& config) {
  return {config.name(), config.listen().empty() ? config.address() : config.listen()};
}

std::vector<Entry> EntriesOf(v1::PartyType type, const v1::Configuration& configuration) {
  std::vector<Entry> entries;
  if (type == v1::PARTY_TYPE_ARBITRATOR) entries.push_back(EntryOf(configuration.arbitrator()));
  if (type == v1::PARTY_TYPE_DBSERVER) {
    for (const auto& dbserver : configuration.dbservers()) entries.push_back(EntryOf(dbserver));
  }
  if (type == v1::PARTY_TYPE_DBCLIENT) {
    for (const auto& dbclient : configuration.dbclients()) entries.push_back(EntryOf(dbclient));
  }
  return entries;
}

absl::Status UnknownName(v1::PartyType type, const Options& options, const std::vector<Entry>& entries) {
  std::vector<std::string> names;
  for (const Entry& entry : entries) names.push_back(entry.name);
  const std::string known =
      names.empty() ? "it has none at all" : absl::StrFormat("use one of %s", absl::StrJoin(names, ", "));
  return absl::NotFoundError(absl::StrFormat("%s has no %s '%s': %s%s", options.config, PartyTypeName(type),
                                             options.name, known, DidYouMean(options.name, names)));
}

absl::StatusOr<Startup> FindSelf(v1::PartyType type, const Options& options) {
  Startup startup;
  MINDER_ASSIGN_OR_RETURN(startup.configuration, FileConfig(options.config).Load());
  const std::vector<Entry> entries = EntriesOf(type, startup.configuration);
  for (const Entry& entry : entries) {
    if (type != v1::PARTY_TYPE_ARBITRATOR && entry.name != options.name) continue;
    startup.program = ProgramName(type);
    startup.log_level = options.log_level;
    startup.self.set_type(type);
    startup.self.set_name(entry.name);
    startup.self.set_cluster(startup.configuration.cluster());
    startup.listen_address = entry.listen;
    return startup;
  }
  return UnknownName(type, options, entries);
}

}  // namespace

std::variant<Startup, int> StartService(v1::PartyType type, int argc, const char* const* argv, std::ostream& out,
                                        std::ostream& err) {
  Options options;
  if (const auto exit_code = ParseCommandLine(type, argc, argv, out, err, options)) return *exit_code;
  absl::StatusOr<Startup> startup = FindSelf(type, options);
  if (startup.ok()) return *std::move(startup);
  for (const absl::string_view line : absl::StrSplit(startup.status().message(), '\n')) {
    err << ProgramName(type) << ": " << line << "\n";
  }
  return kError;
}

int ServiceMain(v1::PartyType type, int argc, const char* const* argv, absl::Status (*run)(const Startup&)) {
  const std::variant<Startup, int> started = StartService(type, argc, argv, std::cout, std::cerr);
  if (const int* exit_code = std::get_if<int>(&started)) return *exit_code;
  const Startup& startup = std::get<Startup>(started);
  absl::Status status = StartLogging(startup.program, startup.log_level);
  if (status.ok()) status = run(startup);
  if (status.ok()) return 0;
  std::cerr << startup.program << ": " << status.message() << "\n";
  return 1;
}

}  // namespace minder
