//===- Arguments.h - Tensors on the command line ----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_ARGUMENTS_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_ARGUMENTS_H

#include "transmamba/Package/Manifest.h"
#include "transmamba/Package/Npy.h"

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace transmamba::run {

/// `name=value` of an option.
struct NamedValue {
  std::string name;
  std::string value;
};

/// Takes `name=value` apart; `option` is named in errors.
NamedValue parseNamedValue(const std::string &text, const char *option);

/// `[STEP:]name=@file`: a file for an output of a step. Steps count from 1; 0
/// is the last one.
struct StepFile {
  size_t step = 0;
  std::string name;
  std::string file;
};

StepFile parseStepFile(const std::string &text, const char *option);

/// `entry:name=value,name=value`: a call of an entry point.
struct Step {
  std::string entry;
  std::vector<NamedValue> inputs;
};

Step parseStep(const std::string &text);

/// The tensor that `value` describes for the input: `@file.npy`, a list of
/// numbers (`1,2,3` or `[[1,2],[3,4]]`), `zeros[2,3]` or `random[2,3]`. It is
/// converted to the input's type.
package::NpyArray makeTensor(const package::Input &input,
                             const std::string &value, std::mt19937_64 &random);

} // namespace transmamba::run

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_ARGUMENTS_H
