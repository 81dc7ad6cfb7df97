#ifndef MINDER_COMMON_CONFIG_NEAREST_H_
#define MINDER_COMMON_CONFIG_NEAREST_H_

#include <string>
#include <vector>

namespace minder {

// " (did you mean X?)" with the candidate that is at most two edits away from `word`, the nearest one, the first of
// equals; "" when none is.
std::string DidYouMean(const std::string& word, const std::vector<std::string>& candidates);

// The candidate that DidYouMean names; "" for none.
std::string Nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace minder

#endif  // MINDER_COMMON_CONFIG_NEAREST_H_
