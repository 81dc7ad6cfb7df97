#ifndef MINDER_CLI_COMPLETION_H_
#define MINDER_CLI_COMPLETION_H_

#include <string>

namespace minder {

// The completion script (deploy/completion) for "bash", "zsh" or "fish"; empty for another shell.
std::string CompletionScript(const std::string& shell);

}  // namespace minder

#endif  // MINDER_CLI_COMPLETION_H_
