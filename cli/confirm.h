#ifndef MINDER_CLI_CONFIRM_H_
#define MINDER_CLI_CONFIRM_H_

#include <string>

#include "cli/exit_code.h"
#include "cli/session.h"

namespace minder {

// Has a human type `name` on the terminal before something dangerous is done. kUsage, at once, when stdin is no
// terminal, with `flag` as what to write instead; kError for anything else that was typed, kInterrupted on a signal.
ExitCode AskToType(const Session& session, const std::string& name, const std::string& flag);

// The human's name and, when there is one, the reason: "ann: the other site is down". The name is what the system says,
// and no proof of anything.
std::string Signed(const std::string& reason);

}  // namespace minder

#endif  // MINDER_CLI_CONFIRM_H_
