//===- Graph.h - A model graph as it is written -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// What docs/graph.md describes: blocks are not expanded and expressions not
// evaluated. Every name that is used exists and every value has the right JSON
// type; shapes are the Expander's matter.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_GRAPH_H
#define TRANSMAMBA_LIB_IMPORT_GRAPH_H

#include "Json.h"
#include "OpSpec.h"
#include "transmamba/Import/ImportGraph.h"
#include <memory>

namespace transmamba::graph {

/// An operation, or a call or repetition of blocks.
struct OpNode {
  const JsonNode *json = nullptr;
  const OpSpec *spec = nullptr;
  /// Names of tensors: strings.
  llvm::SmallVector<const JsonNode *> inputs, outputs;
  /// By the numbers of `spec`; null where absent.
  llvm::SmallVector<const JsonNode *> attributes;

  const JsonNode *get(llvm::StringRef name) const {
    return attributes[spec->getAttribute(name)];
  }
};

/// The names of the blocks that a call or repetition expands.
llvm::SmallVector<const JsonNode *> getCallees(const OpNode &op);

/// A function of tensors. The graph itself is one, without parameters.
struct BlockNode {
  const JsonNode *json = nullptr;
  std::string name;
  llvm::SmallVector<const JsonNode *> inputs, outputs, parameters;
  std::vector<OpNode> ops;
};

/// An input of the model: tokens, or `width` features a token.
struct InputNode {
  const JsonNode *json = nullptr;
  std::string name;
  /// Null for tokens.
  const JsonNode *width = nullptr;
  bool isModelElement = true;
};

enum class Entry { Prefill, Decode, Forward };
llvm::StringRef getName(Entry entry);

struct Graph {
  const JsonNode *json = nullptr;
  std::string name;
  std::string tokenizer;
  std::string weights;
  const JsonNode *weightsJson = nullptr;
  /// 0 where the model has no vocabulary.
  int64_t vocabulary = 0;
  int64_t maxBatch = 0;
  int64_t maxSequence = 0;
  bool isBF16 = false;
  /// Empty if the graph has none.
  llvm::SmallVector<int64_t> schedule;
  llvm::SmallVector<Entry> entries;

  /// The members of "constants".
  const JsonNode *constants = nullptr;
  /// In the order of the text; pointers to them are kept.
  std::vector<std::unique_ptr<BlockNode>> blocks;
  llvm::StringMap<const BlockNode *> blockByName;
  std::vector<InputNode> inputs;
  /// The ops and outputs of the model.
  BlockNode main;
};

/// Reads a graph and applies the options to its attributes; reports the first
/// error. The document must outlive the graph.
mlir::FailureOr<Graph> parseGraph(const Source &source,
                                  const JsonDocument &document,
                                  const ImportOptions &options);

/// Why a TransPoint cannot be used, or nothing.
std::string checkTransPoint(int64_t point);

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_GRAPH_H
