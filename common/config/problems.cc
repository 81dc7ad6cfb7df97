#include "common/config/problems.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace minder {
namespace {

constexpr std::size_t kMostShown = 50;

std::string Line(const std::string& file, int line, const Problem& problem) {
  if (problem.path.empty()) return absl::StrFormat("%s:%d: %s", file, line, problem.message);
  return absl::StrFormat("%s:%d: %s: %s", file, line, problem.path, problem.message);
}

}  // namespace

std::string PathAbove(const std::string& path) {
  const auto end = path.find_last_of(".[");
  return end == std::string::npos ? "" : path.substr(0, end);
}

void ProblemList::Add(int line, Problem problem) {
  silent_.insert(problem.path);
  problems_.emplace(line, std::move(problem));
}

void ProblemList::AddFollowing(const Problem& problem) {
  for (std::string path = problem.path; !path.empty(); path = PathAbove(path)) {
    if (silent_.contains(path)) return;
  }
  problems_.emplace(LineOf(problem.path), problem);
}

int ProblemList::LineOf(std::string path) const {
  while (true) {
    if (const auto it = lines_.find(path); it != lines_.end()) return it->second;
    if (path.empty()) return 1;
    path = PathAbove(path);
  }
}

absl::Status ProblemList::ToStatus(const std::string& file) const {
  if (problems_.empty()) return absl::OkStatus();
  std::vector<std::string> lines;
  for (const auto& [line, problem] : problems_) {
    if (lines.size() == kMostShown) break;
    lines.push_back(Line(file, line, problem));
  }
  if (problems_.size() > kMostShown) {
    lines.push_back(absl::StrFormat("%s: and %d more", file, problems_.size() - kMostShown));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

}  // namespace minder
