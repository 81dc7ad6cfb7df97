#ifndef MINDER_COMMON_CONFIG_SERVICE_OPTIONS_H_
#define MINDER_COMMON_CONFIG_SERVICE_OPTIONS_H_

#include <ostream>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "minder/v1/config.pb.h"
#include "minder/v1/party.pb.h"

namespace minder {

// All that a service knows when it starts.
struct Startup {
  std::string program;    // "minder-dbserver"
  std::string log_level;  // as StartLogging takes it
  v1::Configuration configuration;
  v1::Party self;              // one of the configuration's parties
  std::string listen_address;  // host:port to listen on
};

// Parses the command line of the service of this type (arbitrator, dbserver or dbclient), loads the configuration and
// finds the party's own entry in it. Otherwise the exit code for main to return, everything being said on `out` and
// `err`: 0 after --help and --version, 2 for wrong usage, 1 when the configuration cannot be used or has no such party.
//
//   --config FILE     default /etc/minder/minder.yaml, or the environment's MINDER_CONFIG
//   --name NAME       which of the dbservers or dbclients this is; required, and not known to the arbitrator, of which
//   there is one
//   --log-level LEVEL trace, debug, info (default), warn, error
//   --version
std::variant<Startup, int> StartService(v1::PartyType type, int argc, const char* const* argv, std::ostream& out,
                                        std::ostream& err);

// The whole of a service's main: starts on stdout and stderr, begins to log, runs, and gives the exit code; an error of
// `run` is one line on stderr and code 1.
int ServiceMain(v1::PartyType type, int argc, const char* const* argv, absl::Status (*run)(const Startup&));

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_SERVICE_OPTIONS_H_
