#ifndef MINDER_CLI_TEXT_H_
#define MINDER_CLI_TEXT_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace minder {

// `text` made safe for a terminal: control characters, invalid UTF-8, line and paragraph separators and characters that
// turn the direction of writing are shown as \n, \x1b, \u202e. Names and notes come from peers and from mariadbd, so
// never print them without it.
std::string Printable(std::string_view text);

// Columns that a Printable text takes, counting one for each code point.
std::size_t DisplayWidth(std::string_view text);

// A length of time as humans want it: 0.3s, 42s, 5m10s, 3h02m, 4d06h.
std::string ShortDuration(absl::Duration d);

}  // namespace minder

#endif  // MINDER_CLI_TEXT_H_
