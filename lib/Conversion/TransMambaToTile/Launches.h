//===- Launches.h - What the conversions to launches share ------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_LAUNCHES_H
#define TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_LAUNCHES_H

#include "Tile/IR/Target.h"
#include "Tile/IR/TileOps.h"
#include "TransMamba/IR/TransMambaOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinOps.h"
#include "transmamba/Analysis/Work.h"
#include "transmamba/Conversion/TransMambaToTile/Config.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"

namespace transmamba {

/// The module that gets kernels, and what it says of sizes.
class Launches {
public:
  Launches(mlir::ModuleOp module, const tile::Target &target,
           bool batchInvariant, bool groups);

  /// Puts a kernel into the module, unless there is one like it.
  mlir::StringAttr insert(tile::KernelOp kernel);

  /// What kernels are made for.
  const tile::Target &target;
  /// Of the model's entry points, at most, where the module says it.
  int64_t maxBatch = 1, maxSequence = 1;
  bool hasBounds = false;
  /// Operations that went with another one.
  llvm::DenseSet<mlir::Operation *> erased;
  /// A row gives the same bits in any batch.
  bool batchInvariant;
  /// What belongs together becomes launches of a group.
  bool groups;
  int64_t numGroups = 0;
  /// Operations that became launches, different kernels.
  int64_t numLaunches = 0, numKernels = 0;

private:
  mlir::ModuleOp module;
  /// By the name that they would like to have.
  llvm::StringMap<mlir::SmallVector<tile::KernelOp>> kernels;
};

/// Bulk copies take rows of multiples of 16 bytes.
inline bool hasAlignedRows(mlir::RankedTensorType type) {
  int64_t columns = type.getShape().back();
  return !mlir::ShapedType::isDynamic(columns) && columns > 0 &&
         columns % 8 == 0;
}

inline bool isHalf(mlir::Type type) {
  return mlir::isa<mlir::BFloat16Type, mlir::Float16Type>(type);
}

/// Hands the group of launches of an operation, if any, on to its launch.
void setGroup(tile::LaunchOp launch, mlir::Operation *op);

/// Integer attribute of attention: results of tokens from there on are written
/// by another launch.
inline constexpr llvm::StringLiteral kAttentionEndAttrName = "tile.end";

/// The configuration that an operation asks for; null if none.
mlir::FailureOr<mlir::DictionaryAttr> getConfig(mlir::Operation *op);

/// Writes down what a launch has to do at least.
void setWork(tile::LaunchOp launch, const Work &work, WorkBuilder &builder);

/// Replaces a product by a launch where a kernel can compute it.
mlir::LogicalResult convertGemm(mlir::linalg::MatmulOp op, Launches &launches);

/// Likewise attention.
mlir::LogicalResult convertAttention(AttentionOp op, Launches &launches);

/// Likewise a scan, the state that a sequence leaves, and the hybrid mixer,
/// which leaves attention to be converted.
mlir::LogicalResult convertScan(SSDScanOp op, Launches &launches);
mlir::LogicalResult convertMemory(ConvertMemoryOp op, Launches &launches);
mlir::LogicalResult convertSwitch(SwitchOp op, Launches &launches);

} // namespace transmamba

#endif // TRANSMAMBA_LIB_CONVERSION_TRANSMAMBATOTILE_LAUNCHES_H
