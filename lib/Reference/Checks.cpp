//===- Checks.cpp - Sizes and rows ----------------------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"

using namespace transmamba::reference;

llvm::Error transmamba::reference::requireRows(const char *what,
                                               const IntTensor *perRow,
                                               int64_t rows) {
  if (!perRow)
    return llvm::Error::success();
  if (llvm::Error error = requireShape(what, *perRow, {rows}))
    return error;
  for (int64_t row = 0; row < rows; ++row)
    if ((*perRow)[row] < 0)
      return fail(llvm::Twine(what) + "[" + llvm::Twine(row) + "] is " +
                  llvm::Twine((*perRow)[row]) + ", which is negative");
  return llvm::Error::success();
}

llvm::Expected<int64_t>
transmamba::reference::groupedHeads(llvm::ArrayRef<int64_t> counts) {
  int64_t heads = *std::max_element(counts.begin(), counts.end());
  for (int64_t own : counts)
    if (own <= 0 || heads % own != 0)
      return fail(llvm::Twine(own) + " heads do not divide " +
                  llvm::Twine(heads));
  return heads;
}
