//===- GraphParser.h - JSON to the graph ------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_GRAPHPARSER_H
#define TRANSMAMBA_LIB_IMPORT_GRAPHPARSER_H

#include "Graph.h"
#include "Source.h"
#include "mlir/IR/Diagnostics.h"

namespace transmamba::graph {

/// Names of tensors, blocks and the model: they appear in names of the IR.
bool isName(llvm::StringRef text);

/// The attributes of the model that expressions can name.
bool isModelNumber(llvm::StringRef name);

/// Reports the first error and stops.
class GraphParser {
public:
  GraphParser(const Source &source, const ImportOptions &options)
      : source(source), options(options) {}

  mlir::LogicalResult run(const JsonNode &root);
  Graph graph;

private:
  mlir::InFlightDiagnostic error(const JsonNode &node) {
    return source.error(node);
  }

  // Values.
  mlir::LogicalResult expect(const JsonNode &node, JsonNode::Kind kind,
                             llvm::StringRef what);
  mlir::LogicalResult checkKeys(const JsonNode &object,
                                llvm::ArrayRef<llvm::StringRef> known);
  mlir::FailureOr<const JsonNode *>
  require(const JsonNode &object, llvm::StringRef key, JsonNode::Kind kind);
  mlir::LogicalResult expectName(const JsonNode &node, llvm::StringRef what);
  mlir::FailureOr<int64_t> parseSize(const JsonNode &node,
                                     llvm::StringRef what);
  mlir::LogicalResult
  parseNames(const JsonNode &node, llvm::StringRef what,
             llvm::SmallVectorImpl<const JsonNode *> &names);

  // The model.
  mlir::LogicalResult parseHeader(const JsonNode &root);
  mlir::LogicalResult parseNumbers(const JsonNode &root);
  mlir::LogicalResult parseElementType(const JsonNode &root);
  mlir::LogicalResult parseScheduleOf(const JsonNode &root);
  mlir::LogicalResult parseEntries(const JsonNode &root);
  mlir::LogicalResult parseConstants(const JsonNode &root);
  mlir::LogicalResult parseInputs(const JsonNode &root);

  // Blocks and operations.
  mlir::LogicalResult parseBlocks(const JsonNode &root);
  mlir::LogicalResult parseOps(const JsonNode &object, BlockNode &block);
  mlir::LogicalResult parseOp(const JsonNode &json, OpNode &op);
  mlir::LogicalResult parseAttribute(const JsonNode &value,
                                     const AttrSpec &spec);
  mlir::LogicalResult checkTensors(const BlockNode &block,
                                   llvm::ArrayRef<const JsonNode *> inputs);
  mlir::LogicalResult checkCalls(const BlockNode &block);
  mlir::LogicalResult checkCall(const OpNode &op, const JsonNode &name);
  mlir::LogicalResult checkRepeat(const BlockNode &holder, const OpNode &op);
  mlir::LogicalResult checkArguments(const OpNode &op);
  mlir::LogicalResult checkNewName(const JsonNode &name);
  mlir::LogicalResult checkRecursion();

  const Source &source;
  const ImportOptions &options;
};

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_GRAPHPARSER_H
