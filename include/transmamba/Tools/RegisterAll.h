//===- RegisterAll.h - What every tool on MLIR knows ------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_REGISTERALL_H
#define TRANSMAMBA_TOOLS_REGISTERALL_H

#include "mlir/IR/DialectRegistry.h"

namespace transmamba {

/// All dialects, upstream and own, with the external models and translations
/// that the compiler uses.
void registerAllDialects(mlir::DialectRegistry &registry);

/// All passes, upstream and own, and the pipelines of `transmamba-opt`.
void registerTransMambaPasses();

/// Makes `--version` begin with "TransMamba 0.1.0 (LLVM 22.1.8)". For tools
/// whose command line LLVM parses.
void registerVersionPrinter();

} // namespace transmamba

#endif // TRANSMAMBA_TOOLS_REGISTERALL_H
