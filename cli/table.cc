#include "cli/table.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "cli/text.h"
#include "common/base/check.h"

namespace minder {
namespace {

using Row = std::vector<Cell>;

std::string RenderRow(const Row& row, const std::vector<std::size_t>& widths, bool color) {
  std::string line;
  std::size_t owed = 0;  // spaces before the next text, so that no line ends in spaces
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (!row[i].text.empty()) {
      line += std::string(owed, ' ') + Paint(row[i].text, row[i].tone, color);
      owed = 0;
    }
    owed += widths[i] - DisplayWidth(row[i].text) + 2;
  }
  return line + "\n";
}

Row Prepared(Row row) {
  for (Cell& cell : row) {
    cell.text = Printable(cell.text);
    if (cell.text.empty() && &cell != &row.back()) cell.text = "-";
  }
  return row;
}

}  // namespace

std::string Paint(const std::string& text, Tone tone, bool color) {
  if (!color || tone == Tone::kPlain) return text;
  const int code = tone == Tone::kGood ? 32 : tone == Tone::kWarn ? 33 : 31;
  return absl::StrFormat("\x1b[%dm%s\x1b[0m", code, text);
}

std::string RenderTable(const std::vector<std::string>& header, const std::vector<std::vector<Cell>>& rows,
                        bool color) {
  std::vector<Row> all(1);
  for (const std::string& title : header) all.front().push_back({title});
  for (const Row& row : rows) {
    MINDER_CHECK(row.size() == header.size());
    all.push_back(Prepared(row));
  }
  std::vector<std::size_t> widths(header.size(), 0);
  for (const Row& row : all) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
  }
  std::string table;
  for (const Row& row : all) table += RenderRow(row, widths, color);
  return table;
}

}  // namespace minder
