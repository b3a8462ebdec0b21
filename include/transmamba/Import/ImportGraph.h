//===- ImportGraph.h - JSON model graphs to the dialect ---------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The format is described in docs/graph.md. Errors are reported through the
// diagnostic engine of the context, one for a graph, located in the JSON file.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_IMPORT_IMPORTGRAPH_H
#define TRANSMAMBA_IMPORT_IMPORTGRAPH_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <optional>
#include <string>
#include <vector>

namespace transmamba {

/// What a caller may decide in place of the graph. Absent: as the graph says.
struct ImportOptions {
  /// "f32" or "bf16".
  std::optional<std::string> elementType;
  /// A published schedule ("V9") or TransPoints separated by commas.
  std::optional<std::string> schedule;
  std::optional<int64_t> maxBatch;
  std::optional<int64_t> maxSequence;
  /// Some of "prefill", "decode", "forward"; empty: as the graph says.
  std::vector<std::string> entries;
  /// A safetensors file, relative to the working directory.
  std::optional<std::string> weights;
  /// Compare every weight with the safetensors file: its presence, type and
  /// shape.
  bool checkWeights = false;
};

/// Module attribute: the weights file of the graph, relative to the graph.
constexpr llvm::StringLiteral kWeightsAttr = "transmamba.weights";

/// The TransPoints of a published schedule ("V9"), of "transformer" or of a
/// list "0,128"; nothing, and why, for any other text.
std::optional<llvm::SmallVector<int64_t>>
parseScheduleText(llvm::StringRef text, int64_t maxSequence,
                  std::string &error);

/// Registers the dialects that an imported module consists of.
void registerImportDialects(mlir::DialectRegistry &registry);

/// Imports the graph in a buffer, whose identifier is the path that locations
/// name. Null if the graph is not valid.
mlir::OwningOpRef<mlir::ModuleOp>
importGraph(llvm::MemoryBufferRef buffer, mlir::MLIRContext *context,
            const ImportOptions &options = {});

/// Imports the graph in a file.
mlir::OwningOpRef<mlir::ModuleOp>
importGraphFile(llvm::StringRef path, mlir::MLIRContext *context,
                const ImportOptions &options = {});

/// Writes a module as a graph without blocks: the form that `importGraph`
/// gives back as it was. An error is located at what a graph cannot say.
mlir::LogicalResult exportGraph(mlir::ModuleOp module, llvm::raw_ostream &os);

/// Registers `--import-json` and `--export-json` with mlir-translate.
void registerGraphTranslations();

} // namespace transmamba

#endif // TRANSMAMBA_IMPORT_IMPORTGRAPH_H
