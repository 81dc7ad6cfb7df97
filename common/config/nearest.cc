#include "common/config/nearest.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_format.h"

namespace minder {
namespace {

constexpr std::size_t kMostEdits = 2;
constexpr std::size_t kLongestWord = 64;

// Levenshtein distance, one row of the table at a time.
std::size_t Edits(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Nearest(const std::string& word, const std::vector<std::string>& candidates) {
  if (word.size() > kLongestWord) return "";
  std::string nearest;
  std::size_t least = kMostEdits + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t edits = Edits(word, candidate);
    if (edits >= least || edits >= candidate.size()) continue;
    least = edits;
    nearest = candidate;
  }
  return nearest;
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(word, candidates);
  return nearest.empty() ? "" : absl::StrFormat(" (did you mean %s?)", nearest);
}

}  // namespace minder
