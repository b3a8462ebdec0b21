//===- Table.h - Columns of text --------------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_INSPECT_TABLE_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_INSPECT_TABLE_H

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace transmamba::inspect {

/// Rows of text, printed in columns as wide as their widest cell.
class Table {
public:
  /// `right` says which columns are aligned to the right.
  Table(std::vector<std::string> header, std::vector<bool> right)
      : right(std::move(right)) {
    rows.push_back(std::move(header));
  }

  /// Adds a row with a cell for each column.
  void add(std::vector<std::string> row) { rows.push_back(std::move(row)); }

  std::string str() const {
    std::vector<size_t> widths(right.size(), 0);
    for (const std::vector<std::string> &row : rows)
      for (size_t i = 0; i < row.size(); ++i)
        widths[i] = std::max(widths[i], row[i].size());
    std::string text;
    for (const std::vector<std::string> &row : rows) {
      std::string line;
      for (size_t i = 0; i < row.size(); ++i) {
        std::string padding(widths[i] - row[i].size(), ' ');
        line += "  " + (right[i] ? padding + row[i] : row[i] + padding);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

private:
  std::vector<bool> right;
  std::vector<std::vector<std::string>> rows;
};

} // namespace transmamba::inspect

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_INSPECT_TABLE_H
