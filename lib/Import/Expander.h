//===- Expander.h - Graph to model ------------------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_EXPANDER_H
#define TRANSMAMBA_LIB_IMPORT_EXPANDER_H

#include "Expression.h"
#include "Model.h"
#include "OpContext.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSet.h"

namespace transmamba::graph {

/// One expansion of a block: the values of its names.
struct Frame {
  const BlockNode *block = nullptr;
  llvm::StringMap<Number> parameters;
  /// Of relative names of weights.
  std::string prefix;
  llvm::StringMap<unsigned> tensors;
  /// The operation that expands the block, and where that stands.
  const OpNode *call = nullptr;
  int64_t number = 0;
  const Frame *caller = nullptr;
  /// The chain of calls; null in the main list.
  std::optional<mlir::Location> loc;
};

class Expander {
public:
  Expander(const Source &source, const Graph &graph)
      : source(source), graph(graph) {
    model.graph = &graph;
  }

  mlir::LogicalResult run();
  Model model;

private:
  friend class OpContext;

  /// An error at a value, with notes on the blocks that lead there.
  mlir::InFlightDiagnostic error(const JsonNode &node) const;
  mlir::Location locate(const JsonNode &node) const;

  // Expressions.
  std::optional<Number> lookup(llvm::StringRef name, std::string &why);
  std::optional<Number> lookupConstant(llvm::StringRef name, std::string &why);
  mlir::FailureOr<Number> evaluateNumber(const JsonNode &node);
  mlir::FailureOr<int64_t> evaluateInteger(const JsonNode &node);
  mlir::FailureOr<double> evaluateFloat(const JsonNode &node);
  /// Replaces `{expression}`; `block` is the value of `{block}`.
  mlir::FailureOr<std::string> expandText(const JsonNode &node,
                                          llvm::StringRef block = {});
  mlir::FailureOr<std::string> expandName(const JsonNode &node,
                                          llvm::StringRef block = {});

  // Blocks.
  mlir::LogicalResult checkConstants();
  mlir::LogicalResult addInputs();
  mlir::LogicalResult addOutputs();
  mlir::LogicalResult expandOps(const BlockNode &block);
  mlir::LogicalResult expandOp(const OpNode &node);
  mlir::LogicalResult evaluateAttributes(const OpNode &node, ModelOp &op);
  mlir::LogicalResult expandCall(const OpNode &node);
  mlir::LogicalResult expandRepeat(const OpNode &node);
  mlir::FailureOr<llvm::SmallVector<unsigned>>
  expandBlock(const OpNode &node, const BlockNode &block,
              llvm::ArrayRef<unsigned> inputs, int64_t number, Frame &callee);
  mlir::LogicalResult bindArguments(const OpNode &node, const BlockNode &block,
                                    Frame &callee);
  mlir::LogicalResult resolveSchedule();

  mlir::FailureOr<unsigned> addParameter(Parameter parameter);

  const Source &source;
  const Graph &graph;
  Frame *frame = nullptr;

  /// Constants that are known; one that is being evaluated has no value.
  llvm::StringMap<std::optional<Number>> constants;
  /// The parameters made of each tensor of the weights file.
  llvm::StringMap<llvm::SmallVector<unsigned, 1>> parametersBySource;
  llvm::StringSet<> symbols;
  int64_t parameterElements = 0;
  llvm::StringMap<const JsonNode *> stateOwners;
  /// Layers that have attention, and whether it ignores the schedule.
  llvm::DenseMap<int64_t, bool> attends;
  int64_t numLayers = 0;
  size_t numExpansions = 0;
};

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_EXPANDER_H
