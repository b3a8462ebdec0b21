//===- Reports.h - What is written and compared -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_INTERPRET_REPORTS_H
#define TRANSMAMBA_INTERPRET_REPORTS_H

#include "transmamba/Reference/Session.h"
#include "llvm/Support/raw_ostream.h"

namespace transmamba::interpret {

/// Writes a tensor as .npy: float64, or int64.
llvm::Error writeTensor(const std::string &path, const reference::Value &value);

/// Writes every state and the positions to `directory`, which is made.
llvm::Error dumpState(const std::string &directory,
                      const reference::Session &session);

/// Prints shape and range of a tensor, and its elements if `all`.
void printTensor(llvm::raw_ostream &stream, llvm::StringRef name,
                 const reference::Value &value, bool all);

/// How far a tensor is from what the interpreter says.
struct Difference {
  /// |other - value| / |value| in the Frobenius norm; infinite where one has a
  /// NaN that the other has not.
  double relative = 0;
  double largest = 0;
  int64_t largestAt = 0;
};
llvm::Expected<Difference> compare(const reference::Value &value,
                                   const reference::Value &other);

} // namespace transmamba::interpret

#endif // TRANSMAMBA_INTERPRET_REPORTS_H
