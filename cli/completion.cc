#include "cli/completion.h"

#include "cli/completion_scripts.h"

namespace minder {

std::string CompletionScript(const std::string& shell) {
  if (shell == "bash") return kBashCompletion;
  if (shell == "zsh") return kZshCompletion;
  if (shell == "fish") return kFishCompletion;
  return "";
}

}  // namespace minder
