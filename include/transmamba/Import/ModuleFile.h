//===- ModuleFile.h - Models in MLIR ----------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_IMPORT_MODULEFILE_H
#define TRANSMAMBA_IMPORT_MODULEFILE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/SourceMgr.h"

namespace transmamba {

/// Reads a module from a file, or from standard input ("-"), whose text becomes
/// the main buffer of `sources`. Errors go to the diagnostics of the context,
/// among them that of a file that cannot be read, and of text that nests so
/// deep that the parser, which recurses, would overflow the stack.
mlir::OwningOpRef<mlir::ModuleOp> parseModuleFile(llvm::StringRef path,
                                                  llvm::SourceMgr &sources,
                                                  mlir::MLIRContext *context);

} // namespace transmamba

#endif // TRANSMAMBA_IMPORT_MODULEFILE_H
