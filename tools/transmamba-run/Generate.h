//===- Generate.h - Text from byte-level models -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_GENERATE_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_GENERATE_H

#include "Model.h"

#include <cstdint>
#include <string>

namespace transmamba::run {

struct GenerateOptions {
  std::string prompt;
  int64_t tokens = 0;
  /// 0 takes the most likely token each time.
  double temperature = 0;
  /// Samples among that many most likely tokens; 0 among all.
  int64_t topK = 0;
  uint64_t seed = 0;
};

/// Runs prefill on the prompt and decode for each further byte. The prompt and
/// the text go to stdout as they come, the speed to stderr at the end.
void generate(Model &model, const GenerateOptions &options);

} // namespace transmamba::run

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_RUN_GENERATE_H
