//===- EntryBuilder.h - Model to an entry point -----------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// Builds one function from the model: the same operations stand for many
// tokens with lengths (prefill), one token at a position (decode), or many
// tokens without state (forward).
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_ENTRYBUILDER_H
#define TRANSMAMBA_LIB_IMPORT_ENTRYBUILDER_H

#include "Model.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

namespace transmamba::graph {

class EntryBuilder {
public:
  EntryBuilder(mlir::ModuleOp module, const Model &model, Entry entry);

  /// Adds the function; fails, with an error, on what is no operation of an
  /// expanded model.
  mlir::LogicalResult build();

private:
  using Value = mlir::Value;
  using OpFoldResult = mlir::OpFoldResult;

  // Types and sizes of the entry.
  mlir::Type getElement(Element element);
  mlir::RankedTensorType getType(const GraphTensor &type);
  mlir::RankedTensorType getType(llvm::ArrayRef<int64_t> shape,
                                 mlir::Type element);
  llvm::SmallVector<OpFoldResult> getSizes(const GraphTensor &type);
  OpFoldResult getTokens();
  bool isDecode() const { return entry == Entry::Decode; }
  /// Whether a tensor has a token dimension in this entry.
  bool hasTokens(const GraphTensor &type) const {
    return type.hasTokens || entry == Entry::Forward;
  }

  // The function.
  void addArgument(mlir::StringRef name, mlir::Type type,
                   llvm::ArrayRef<mlir::StringRef> dims, mlir::StringRef role,
                   mlir::Location loc);
  void createFunction();
  mlir::LogicalResult buildOp(const ModelOp &op);
  void buildReturn();

  // Values.
  Value getInput(const ModelOp &op, unsigned number) {
    return values[op.inputs[number]];
  }
  const GraphTensor &getInputType(const ModelOp &op, unsigned number) const {
    return model.tensors[op.inputs[number]];
  }
  mlir::RankedTensorType getOutputType(const ModelOp &op, unsigned number = 0) {
    return getType(model.tensors[op.outputs[number]]);
  }
  void setOutput(const ModelOp &op, Value value, unsigned number = 0) {
    values[op.outputs[number]] = value;
  }
  Value getConstant(int64_t value);
  Value getZero();
  Value getParameter(unsigned number);
  /// The parameter that an attribute names, or null.
  Value getParameter(const ModelOp &op, llvm::StringRef attribute);
  mlir::FloatAttr getFloat(std::optional<double> value);
  mlir::IntegerAttr getInteger(std::optional<int64_t> value);
  mlir::UnitAttr getUnit(bool value);

  // Each token by itself (BuildTensorOps.cpp).
  void buildEmbedding(const ModelOp &op);
  void buildLinear(const ModelOp &op);
  void buildNorm(const ModelOp &op);
  void buildPointwise(const ModelOp &op);
  void buildCast(const ModelOp &op);
  void buildSlices(const ModelOp &op);
  void buildHeads(const ModelOp &op);
  void buildLastToken(const ModelOp &op);
  Value buildRows(Value tensor);
  Value buildSlice(Value tensor, mlir::RankedTensorType type,
                   llvm::ArrayRef<OpFoldResult> offsets,
                   llvm::ArrayRef<OpFoldResult> sizes);

  // Tokens that see each other (BuildSequenceOps.cpp).
  void buildConv(const ModelOp &op);
  void buildRope(const ModelOp &op);
  void buildAttention(const ModelOp &op);
  void buildSSDScan(const ModelOp &op);
  void buildSelectiveScan(const ModelOp &op);
  void buildHybridMixer(const ModelOp &op);
  void buildHybridPrefill(const ModelOp &op);
  void buildHybridDecode(const ModelOp &op);
  Value rotate(const ModelOp &op, Value tensor);
  Value repeatHeads(Value q, int64_t heads);
  Value buildCachedAttention(const ModelOp &op, Value q, Value k, Value v,
                             unsigned state, int64_t heads);
  Value joinHeads(Value tensor);
  Value gate(const ModelOp &op, Value tensor, Value z);
  /// Tokens [start, start + count) of a tensor.
  Value sliceTokens(Value tensor, OpFoldResult start, Value count);

  mlir::OpBuilder builder;
  const Model &model;
  Entry entry;
  mlir::Location loc;
  mlir::func::FuncOp function;

  struct Argument {
    std::string name;
    mlir::Type type;
    llvm::SmallVector<mlir::NamedAttribute> attributes;
    mlir::Location loc;
  };
  llvm::SmallVector<Argument> arguments;

  /// By the numbers of the model.
  llvm::SmallVector<Value> values, states;
  /// Rows, tokens (null in decode: one), rows times tokens.
  Value batch, tokens, rows;
  Value lengths, positions;
  llvm::DenseMap<int64_t, Value> constants;
  Value zero;
  llvm::DenseMap<unsigned, Value> parameters;
};

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_ENTRYBUILDER_H
