#ifndef MINDER_CLI_OUTPUT_H_
#define MINDER_CLI_OUTPUT_H_

#include <string>

#include "absl/status/status.h"

namespace minder {

// The program's stdout and stderr: data on the one, messages on the other.
class Output {
 public:
  // `no_color` is the flag; NO_COLOR in the environment counts as well.
  explicit Output(bool no_color);

  // True when stdout is a terminal that a human looks at.
  bool terminal() const { return terminal_; }
  // True when stdout may carry colour.
  bool color() const { return color_; }

  // Writes data to stdout, at once. After an error nothing more is written.
  void Data(const std::string& text);
  // Clears the terminal, then Data.
  void Redraw(const std::string& text);
  // One line on stderr: "minderctl: ...".
  void Message(const std::string& text) const;
  // Plain lines on stderr, for progress.
  void Progress(const std::string& lines) const;

  // The first error of Data, for instance a full disk.
  const absl::Status& status() const { return status_; }

 private:
  bool terminal_ = false;
  bool color_ = false;
  absl::Status status_;
};

}  // namespace minder

#endif  // MINDER_CLI_OUTPUT_H_
