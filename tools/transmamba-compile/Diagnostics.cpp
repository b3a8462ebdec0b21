//===- Diagnostics.cpp - One error, where it is ---------------------------===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#include "Diagnostics.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace transmamba;

CompilerDiagnostics::CompilerDiagnostics(llvm::SourceMgr &sources,
                                         MLIRContext *context, bool quiet,
                                         bool verbose)
    : SourceMgrDiagnosticHandler(sources, context), quiet(quiet),
      verbose(verbose) {
  context->printOpOnDiagnostic(verbose);
  setHandler([this](Diagnostic &diagnostic) { handle(diagnostic); });
}

static StringRef severityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Remark:
    return "remark";
  case DiagnosticSeverity::Note:
    break;
  }
  return "note";
}

/// What an error without a line is about: a file as a whole, or else the
/// program.
static std::optional<StringRef> placeWithoutLine(Location location) {
  if (isa<UnknownLoc>(location))
    return "transmamba-compile";
  auto file = dyn_cast<FileLineColLoc>(location);
  if (file && file.getLine() == 0)
    return file.getFilename().getValue();
  return std::nullopt;
}

void CompilerDiagnostics::handle(Diagnostic &diagnostic) {
  DiagnosticSeverity severity = diagnostic.getSeverity();
  if (severity == DiagnosticSeverity::Remark && quiet)
    return;
  if (severity == DiagnosticSeverity::Error && errors++ != 0 && !verbose)
    return;
  std::optional<StringRef> place = placeWithoutLine(diagnostic.getLocation());
  if (!place)
    return emitDiagnostic(diagnostic);
  llvm::errs() << *place << ": " << severityName(severity) << ": "
               << diagnostic.str() << "\n";
  for (Diagnostic &note : diagnostic.getNotes())
    emitDiagnostic(note);
}
