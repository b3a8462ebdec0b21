//===- Diagnostics.h - One error, where it is -------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// What the compiler says when something is wrong: the first error with its
// notes, and no other. A pass that fails in one layer fails in all of them.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TOOLS_TRANSMAMBA_COMPILE_DIAGNOSTICS_H
#define TRANSMAMBA_TOOLS_TRANSMAMBA_COMPILE_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"

namespace transmamba {

class CompilerDiagnostics : public mlir::SourceMgrDiagnosticHandler {
public:
  /// What is said: `quiet` leaves remarks out; `verbose` adds the errors after
  /// the first and the operations they are at.
  CompilerDiagnostics(llvm::SourceMgr &sources, mlir::MLIRContext *context,
                      bool quiet, bool verbose);

  bool hadError() const { return errors != 0; }

private:
  void handle(mlir::Diagnostic &diagnostic);

  bool quiet, verbose;
  unsigned errors = 0;
};

} // namespace transmamba

#endif // TRANSMAMBA_TOOLS_TRANSMAMBA_COMPILE_DIAGNOSTICS_H
