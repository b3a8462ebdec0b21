//===- OpSpec.h - The operations of a graph ---------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// One table says which operations a graph may have, with their inputs, outputs
// and attributes. The parser, the exporter and docs/graph.md follow it.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_OPSPEC_H
#define TRANSMAMBA_LIB_IMPORT_OPSPEC_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace transmamba::graph {

enum class OpKind {
  Embedding,
  Linear,
  RMSNorm,
  CausalConv1D,
  Activate,
  Slice,
  Split,
  SplitHeads,
  JoinHeads,
  Rope,
  HybridMixer,
  Attention,
  SSDScan,
  SelectiveScan,
  GatedRMSNorm,
  Add,
  Multiply,
  Cast,
  LastToken,
  Call,
  Repeat,
};

enum class AttrKind {
  /// An integer, or an expression over constants and parameters.
  Integer,
  /// A list of those.
  Integers,
  /// A number, or an expression.
  Float,
  Boolean,
  /// One of `choices`.
  Choice,
  /// The name of a weight, with `{i}`; relative if it starts with a dot.
  Weight,
  /// A text with `{i}`.
  Text,
  /// The name of a block.
  Block,
  /// The names of blocks.
  Blocks,
  /// A name that expressions can use.
  Identifier,
  /// An object of expressions.
  Arguments,
};

struct AttrSpec {
  llvm::StringLiteral name;
  AttrKind kind;
  bool required = false;
  llvm::ArrayRef<llvm::StringLiteral> choices = {};
};

struct OpSpec {
  llvm::StringLiteral name;
  OpKind kind;
  unsigned minInputs, maxInputs;
  unsigned minOutputs, maxOutputs;
  llvm::ArrayRef<AttrSpec> attributes;

  /// The number of an attribute in the table.
  unsigned getAttribute(llvm::StringRef name) const;
};

/// All operations.
llvm::ArrayRef<OpSpec> getOpSpecs();
/// The operation of that name, or null.
const OpSpec *findOpSpec(llvm::StringRef name);
const OpSpec &getOpSpec(OpKind kind);

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_OPSPEC_H
