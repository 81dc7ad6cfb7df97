#include "tests/cli/run_minderctl.h"

#include <poll.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/file.h"

namespace minder {
namespace {

constexpr absl::Duration kLongest = absl::Minutes(1);

std::string ContentOf(const std::string& path) { return ReadFile(path).value_or(""); }

}  // namespace

MinderctlRunner::MinderctlRunner() {
  std::string pattern = std::filesystem::temp_directory_path() / "minderctl-test-XXXXXX";
  MINDER_CHECK(mkdtemp(pattern.data()) != nullptr);
  home_ = pattern;
}

MinderctlRunner::~MinderctlRunner() {
  if (started_.pid > 0) {
    kill(started_.pid, SIGKILL);
    Finish();
  }
  std::filesystem::remove_all(home_);
}

void MinderctlRunner::WriteUserFile(const std::string& content) {
  std::filesystem::create_directories(std::filesystem::path(UserFile()).parent_path());
  std::ofstream(UserFile()) << content;
}

CliResult MinderctlRunner::Run(const std::vector<std::string>& arguments) {
  return RunInShell("exec \"$@\" >\"$HOME/out\" 2>\"$HOME/err\"", arguments);
}

CliResult MinderctlRunner::RunInShell(const std::string& shell_line, const std::vector<std::string>& arguments) {
  const auto result = RunSubprocess(Argv(shell_line, arguments), kLongest);
  if (!result.ok()) return {.code = -1, .out = "", .err = result.status().ToString()};
  return Collect(result->exit);
}

void MinderctlRunner::Start(const std::vector<std::string>& arguments) {
  std::filesystem::remove(OutPath());  // of the run before, in which WaitForOutput would find its text
  std::filesystem::remove(ErrPath());
  auto spawned = Spawn(Argv("exec \"$@\" >\"$HOME/out\" 2>\"$HOME/err\"", arguments), "");
  MINDER_CHECK(spawned.ok());
  started_ = *std::move(spawned);
}

bool MinderctlRunner::WaitForOutput(const std::string& text) const {
  const BootClock clock;
  const BootTime until = clock.Now() + absl::Seconds(20);
  while (clock.Now() < until) {
    if ((ContentOf(OutPath()) + ContentOf(ErrPath())).find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

CliResult MinderctlRunner::Finish() {
  pollfd poll_fd{.fd = started_.pidfd.get(), .events = POLLIN, .revents = 0};
  if (poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(kLongest))) != 1) kill(started_.pid, SIGKILL);
  poll(&poll_fd, 1, -1);
  const auto exit = Reap(started_.pid);
  started_ = {};
  return exit.ok() ? Collect(*exit) : CliResult{.out = "", .err = exit.status().ToString()};
}

std::vector<std::string> MinderctlRunner::Argv(const std::string& shell_line,
                                               const std::vector<std::string>& arguments) const {
  std::vector<std::string> argv = {"env", "-i", "PATH=/usr/bin:/bin", "TZ=UTC", "HOME=" + home_};
  argv.insert(argv.end(), environment_.begin(), environment_.end());
  argv.insert(argv.end(), {"sh", "-c", shell_line, "sh", MINDERCTL});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}

CliResult MinderctlRunner::Collect(ExitStatus exit) const {
  return {.code = exit.code, .signal = exit.signal, .out = ContentOf(OutPath()), .err = ContentOf(ErrPath())};
}

}  // namespace minder
