//===- Passes.td - Hot operations to tile kernels ----------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_PASSES_TD
#define TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertTransMambaToTile
    : Pass<"convert-transmamba-to-tile", "::mlir::ModuleOp"> {
  let summary = "Turn hot operations into launches of tile kernels";
  let description = [{
    Of 16-bit floats, on tensors:

    * `linalg.matmul` with sums in f32 that start from zero or from a vector of
      columns, and the elementwise operations that follow: activations,
      arithmetic with matrices, with numbers of rows or columns and with constants,
      and roundings, up to the last value that alone is read by others. Two products
      of one left operand may meet in one kernel, and both may be columns of one
      product. Roundings on the way are left out;
    * `transmamba.attention` of heads of 32, 64, 96, 128 or 256, with a positive
      scale. Queries, keys and values may be columns of one tensor;
    * `transmamba.ssd_scan` of several tokens from the start of a sequence, of states
      of 32, 64, 96 or 128 rows and columns. Where there are fewer rows and heads than
      the device has room for, the tokens are cut into segments: a kernel computes what
      each leaves, and all are scanned at once, each from what those before it have left.
      How many there are depends on the number of rows, and with it the rounding, unless
      `batch-invariant` is set: then they are those of the largest batch;
    * `transmamba.convert_memory`, by the first of these kernels alone;
    * `transmamba.switch` from the start of a sequence, where both fit: it becomes
      attention over the tokens before the TransPoint, and a scan of those from it on.
      The tokens before it are segments that only leave a state.

    Each becomes a `tile.launch` of a `tile.kernel`, built for its shape and for a
    configuration that a cost function chooses for the machine (`Config.h`), or the
    attribute `tile.config` of the operation gives. The module says which machine it is
    for (`tile.chip`). Where no configuration has registers enough, the operation stays. Operations of the same shape and configuration share a
    kernel. What has another type or shape stays as it is.

    ```mlir
    func.func @f(%a: tensor<?x128xbf16>, %b: tensor<128x768xbf16>, %zeros: tensor<?x768xf32>) -> tensor<?x768xf32> {
      %zero = arith.constant 0.0 : f32
      %c = linalg.fill ins(%zero : f32) outs(%zeros : tensor<?x768xf32>) -> tensor<?x768xf32>
      %d = linalg.matmul {tile.config = {block_m = 128 : i64, block_n = 256 : i64}}
          ins(%a, %b : tensor<?x128xbf16>, tensor<128x768xbf16>) outs(%c : tensor<?x768xf32>) -> tensor<?x768xf32>
      return %d : tensor<?x768xf32>
    }
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"\"\"",
           "The machine: sm_90a, or sm_80 and what came after; the default is the "
           "`tile.chip` of the module, or else sm_90a">,
    Option<"groups", "groups", "bool", "false",
           "Choose kernels of one mixer that can become one launch">,
    Option<"batchInvariant", "batch-invariant", "bool", /*default=*/"false",
           "A row gives the same bits in any batch">
  ];
  let statistics = [
    Statistic<"numLaunches", "launches", "Operations that became launches">,
    Statistic<"numKernels", "kernels", "Different kernels">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::scf::SCFDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect", "::transmamba::tile::TileDialect"
  ];
}

#endif // TRANSMAMBA_CONVERSION_TRANSMAMBATOTILE_PASSES_TD
