//===- Source.h - Locations in a graph file ---------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_SOURCE_H
#define TRANSMAMBA_LIB_IMPORT_SOURCE_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include <string>
#include <vector>

namespace transmamba::graph {

struct JsonNode;

/// Text of a file made fit to print in a message: no control characters, and
/// not longer than a line.
std::string printable(llvm::StringRef text);

/// "0.5", "1e-05".
std::string printNumber(double number);

/// ", did you mean 'x'?" if one of the names is near, else nothing.
std::string suggest(llvm::StringRef name,
                    llvm::ArrayRef<llvm::StringRef> known);

/// The text of a graph and the locations in it. Messages read
/// `file.json:12:7: error: /blocks/mixer/ops/3: what, why, what to do`.
class Source {
public:
  Source(mlir::MLIRContext *context, llvm::StringRef path,
         llvm::StringRef text);

  mlir::MLIRContext *getContext() const { return context; }
  llvm::StringRef getPath() const { return path; }
  llvm::StringRef getText() const { return text; }

  /// Line and column of an offset.
  mlir::FileLineColLoc locate(size_t offset) const;
  /// Line and column of a value, named with its JSON pointer.
  mlir::Location locate(const JsonNode &node) const;

  mlir::InFlightDiagnostic error(const JsonNode &node) const;
  mlir::InFlightDiagnostic errorAt(size_t offset,
                                   llvm::StringRef pointer = {}) const;

private:
  mlir::MLIRContext *context;
  std::string path;
  llvm::StringRef text;
  std::vector<size_t> lineStarts;
};

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_SOURCE_H
