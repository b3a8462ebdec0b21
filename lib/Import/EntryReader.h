//===- EntryReader.h - An entry point to graph operations -------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//
//
// The inverse of EntryBuilder: finds the groups of IR operations that stand for
// one operation of a graph. It does not check every detail of a group; the
// exporter imports what it has read and compares.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_IMPORT_ENTRYREADER_H
#define TRANSMAMBA_LIB_IMPORT_ENTRYREADER_H

#include "Graph.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/DenseSet.h"
#include <nlohmann/json.hpp>

namespace transmamba::graph {

/// An operation of a graph, read from the IR.
struct ReadOp {
  OpKind kind;
  llvm::SmallVector<mlir::Value> inputs, outputs;
  nlohmann::ordered_json attributes = nlohmann::ordered_json::object();
};

class EntryReader {
public:
  EntryReader(mlir::func::FuncOp function, Entry entry, bool isBF16)
      : function(function), entry(entry), isBF16(isBF16),
        module(function->getParentOfType<mlir::ModuleOp>()) {}

  /// Reads the operations in the order of the IR; reports what a graph cannot
  /// say.
  mlir::FailureOr<std::vector<ReadOp>> read();

private:
  using Value = mlir::Value;
  using Operation = mlir::Operation;
  template <typename T> using FailureOr = mlir::FailureOr<T>;
  using LogicalResult = mlir::LogicalResult;

  mlir::InFlightDiagnostic unsupported(Operation *op, llvm::StringRef why);
  LogicalResult readOp(Operation *op);
  ReadOp &add(OpKind kind, mlir::ValueRange inputs, Value output);

  // Attributes.
  LogicalResult setWeight(ReadOp &read, llvm::StringRef name, Value value,
                          Operation *user);
  void setFlag(ReadOp &read, llvm::StringRef name, bool value);
  void setInteger(ReadOp &read, llvm::StringRef name, mlir::IntegerAttr value);
  void setFloat(ReadOp &read, llvm::StringRef name, mlir::FloatAttr value);
  /// Layer and, if it is not `standard`, name of the state that an operation
  /// hands on.
  void setState(ReadOp &read, Value state, llvm::StringRef standard);

  int64_t nextAttentionLayer();

  // One operation each.
  LogicalResult readLinear(mlir::linalg::MatmulOp op);
  LogicalResult readSlice(mlir::tensor::ExtractSliceOp op);
  LogicalResult readReshape(Operation *op);
  LogicalResult readNorm(GatedRMSNormOp op);
  LogicalResult readConv(CausalConv1DOp op);
  LogicalResult readRope(RopeOp op);
  LogicalResult readAttention(AttentionOp op);
  LogicalResult readCachedAttention(CachedAttentionOp op);
  LogicalResult readScan(SSDScanOp op);
  LogicalResult readSelectiveScan(SelectiveScanOp op);

  // The hybrid mixer: many operations (HybridReader.cpp).
  LogicalResult readHybridMixers();
  LogicalResult readHybrid(Operation *op);
  Value part(Value value);
  Value skipRepeat(Value value);
  template <typename OpT> OpT consume(Value value);

  mlir::func::FuncOp function;
  Entry entry;
  bool isBF16;
  mlir::ModuleOp module;

  std::vector<ReadOp> ops;
  /// Operations that belong to a group whose last operation stands for it.
  llvm::DenseSet<Operation *> consumed;
  /// Hybrid mixers by their last operation.
  llvm::DenseMap<Operation *, ReadOp> hybrids;
  llvm::StringMap<unsigned> numStates;
};

/// The last operation of the projection that a matmul begins, and whether rows
/// and tokens are taken apart again.
mlir::Operation *getLinearResult(mlir::linalg::MatmulOp op, bool &hasTokens);

/// A collapse of rows and tokens.
bool isRowsCollapse(mlir::tensor::CollapseShapeOp op);

} // namespace transmamba::graph

#endif // TRANSMAMBA_LIB_IMPORT_ENTRYREADER_H
