//===- Arguments.h - Steps and values of the command line -------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_INTERPRET_ARGUMENTS_H
#define TRANSMAMBA_INTERPRET_ARGUMENTS_H

#include "transmamba/Reference/Session.h"

#include <string>
#include <vector>

namespace transmamba::interpret {

/// `NAME=TEXT` of the command line.
struct NamedText {
  std::string name;
  std::string text;
};

/// One call: `ENTRY` or `ENTRY:NAME=VALUE,NAME=VALUE,...`.
struct Step {
  std::string entry;
  std::vector<NamedText> inputs;
};

/// Takes `NAME=VALUE` apart.
llvm::Expected<NamedText> parseNamedText(llvm::StringRef text);

/// Takes a step apart. A piece between commas that has no `=` belongs to the
/// value before it: `lengths=8,5` is one input.
llvm::Expected<Step> parseStep(llvm::StringRef text);

/// The inputs of a step: `@FILE.npy`, or numbers, `1,2,3` for a list and
/// `1,2,3;4,5,6` for a matrix.
llvm::Expected<reference::NamedValues>
readInputs(const Step &step, const reference::Session &session);

/// Reads an .npy file.
llvm::Expected<reference::Value> readTensor(const std::string &path);

} // namespace transmamba::interpret

#endif // TRANSMAMBA_INTERPRET_ARGUMENTS_H
