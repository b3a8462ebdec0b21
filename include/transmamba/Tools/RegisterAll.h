//===- RegisterAll.h - What every tool on MLIR knows ------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_REGISTERALL_H
#define TRANSMAMBA_TOOLS_REGISTERALL_H

#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/StringRef.h"

namespace transmamba {

/// All dialects, upstream and own, with the external models and translations
/// that the compiler uses.
void registerAllDialects(mlir::DialectRegistry &registry);

/// All passes, upstream and own, and the pipelines of `transmamba-opt`.
void registerTransMambaPasses();

/// For tools whose command line LLVM parses, before any option of their own is
/// made: `--version` says "TransMamba 0.1.0 (LLVM 22.1.8)", `--help` leaves the
/// options out that libLLVM brings along (`--help-hidden` shows them) and ends
/// with `examples`.
void setUpCommandLine(llvm::StringRef examples);

} // namespace transmamba

#endif // TRANSMAMBA_TOOLS_REGISTERALL_H
