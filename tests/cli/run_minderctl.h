#ifndef MINDER_TESTS_CLI_RUN_MINDERCTL_H_
#define MINDER_TESTS_CLI_RUN_MINDERCTL_H_

#include <csignal>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/subprocess.h"

namespace minder {

struct CliResult {
  int code = -1;
  int signal = 0;
  std::string out;
  std::string err;
};

// Runs the real minderctl in a clean environment with a home directory of its own. Everything is bounded by a minute.
class MinderctlRunner {
 public:
  MinderctlRunner();
  ~MinderctlRunner();

  // One more variable, as NAME=value, for the runs to come.
  void SetEnvironment(const std::string& assignment) { environment_.push_back(assignment); }
  // Writes ~/.config/minder/minderctl.yaml.
  void WriteUserFile(const std::string& content);
  std::string UserFile() const { return home_ + "/.config/minder/minderctl.yaml"; }

  // Runs it to its end.
  CliResult Run(const std::vector<std::string>& arguments);

  // The same with a shell line in which "$@" is minderctl and its arguments, for redirections and terminals.
  CliResult RunInShell(const std::string& shell_line, const std::vector<std::string>& arguments);

  // Starts it; then waits until stdout or stderr contains `text`, sends `signal`, and waits for the end.
  void Start(const std::vector<std::string>& arguments);
  bool WaitForOutput(const std::string& text) const;
  void Signal(int signal) const { kill(started_.pid, signal); }
  CliResult Finish();
  pid_t pid() const { return started_.pid; }

 private:
  std::vector<std::string> Argv(const std::string& shell_line, const std::vector<std::string>& arguments) const;
  CliResult Collect(ExitStatus exit) const;
  std::string OutPath() const { return home_ + "/out"; }
  std::string ErrPath() const { return home_ + "/err"; }

  std::string home_;
  std::vector<std::string> environment_;
  Spawned started_;
};

}  // namespace minder

#endif  // MINDER_TESTS_CLI_RUN_MINDERCTL_H_
