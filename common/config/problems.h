#ifndef MINDER_COMMON_CONFIG_PROBLEMS_H_
#define MINDER_COMMON_CONFIG_PROBLEMS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace minder {

// Something wrong with one key. The path names it as "dbservers[0].manage.unit", "" for the whole.
struct Problem {
  std::string path;
  std::string message;
};

// Gathers everything that is wrong with one file, so that a human mends it in one go.
class ProblemList {
 public:
  // Says where a key is, for problems that are found later.
  void SetLine(const std::string& path, int line) { lines_[path] = line; }

  // A problem at a line.
  void Add(int line, Problem problem);

  // A problem at the line of its key, or of the nearest key above that is there. Dropped when its key or one above has
  // a problem already: what follows from a first mistake only hides it.
  void AddFollowing(const Problem& problem);

  // Counts `path` as having a problem, which was told under another name.
  void Silence(const std::string& path) { silent_.insert(path); }

  // OK, or INVALID_ARGUMENT with one line "FILE:LINE: KEY: message" for each, by line; after 50 only how many more
  // there are.
  absl::Status ToStatus(const std::string& file) const;

 private:
  int LineOf(std::string path) const;

  std::multimap<int, Problem> problems_;
  std::map<std::string, int> lines_;
  std::set<std::string> silent_;
};

// The path of the key above: "dbservers[0]" for "dbservers[0].name", "dbservers" for "dbservers[0]", "" for
// "dbservers".
std::string PathAbove(const std::string& path);

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_PROBLEMS_H_
