//===- TileToNVVM.h - Tile kernels to NVVM ----------------------*- C++ -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TILETONVVM_TILETONVVM_H
#define TRANSMAMBA_CONVERSION_TILETONVVM_TILETONVVM_H

#include "Tile/IR/Target.h"
#include "Tile/IR/TileOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"

namespace transmamba {

/// Attribute of a converted kernel: an array with one dictionary a parameter.
///
///   {kind = "map", argument = 0, box = [32, 128], swizzle = 64}
///       a tensor map over the tensor `argument`, innermost dimension first,
///       trailing sizes of the box that are 1 left out; on sm_90a alone
///   {kind = "pointer", argument = 0}          the address of the tensor
///   {kind = "size", argument = 0, dim = 1}    a size of the tensor, i64
///   {kind = "scalar", argument = 4}           the argument as it is; an index
///                                             is an i64
inline constexpr llvm::StringLiteral kTileParametersAttrName =
    "tile.parameters";

/// What a launch has to hand over to the function that a kernel becomes.
struct TileKernelInterface {
  /// As `tile.parameters` says it.
  mlir::ArrayAttr parameters;
  int64_t threads;
  int64_t sharedBytes;
};

/// Known before the kernel is converted, for the chip of its module
/// (`tile.chip`). Fails, with an error, where the kernel asks for what the
/// target does not have.
mlir::FailureOr<TileKernelInterface> describeTileKernel(tile::KernelOp kernel);

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "transmamba/Conversion/TileToNVVM/Passes.h.inc"

} // namespace transmamba

#endif // TRANSMAMBA_CONVERSION_TILETONVVM_TILETONVVM_H
