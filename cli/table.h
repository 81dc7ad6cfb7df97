#ifndef MINDER_CLI_TABLE_H_
#define MINDER_CLI_TABLE_H_

#include <string>
#include <vector>

namespace minder {

// How good a piece of text is; becomes a colour.
enum class Tone { kPlain, kGood, kWarn, kBad };

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

// `text` in the colour of `tone`; just `text` when not `color`.
std::string Paint(const std::string& text, Tone tone, bool color);

// Columns aligned to the left, two spaces between them, one line a row. Cells are made Printable; an empty one is shown
// as "-", but for the last column, which is left empty. Each row has as many cells as `header`.
std::string RenderTable(const std::vector<std::string>& header, const std::vector<std::vector<Cell>>& rows, bool color);

}  // namespace minder

#endif  // MINDER_CLI_TABLE_H_
