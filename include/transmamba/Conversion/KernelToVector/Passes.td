//===- Passes.td - Kernel to vector code passes ------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_KERNELTOVECTOR_PASSES_TD
#define TRANSMAMBA_CONVERSION_KERNELTOVECTOR_PASSES_TD

include "mlir/Pass/PassBase.td"

def KernelToVector : Pass<"transmamba-kernel-to-vector", "::mlir::func::FuncOp"> {
  let summary = "Turn the linalg ops of CPU kernels into loops over vectors";
  let description = [{
    Rewrites every linalg op and `memref.copy` of a function with the attribute
    `transmamba.kernel` to `scf` loops over one-dimensional `vector` code. Other
    functions are left alone. Four strategies, the first that fits is taken:

    * contraction: a register-blocked micro-kernel, its accumulators in
      registers for the whole of `k`, or a dot product kernel where only `k` is
      contiguous;
    * reduction: vector accumulators along the innermost reduced dimension;
    * pointwise: vectors along the most contiguous parallel dimension; reduced
      dimensions become inner loops over accumulators in registers;
    * scalar loops for everything else.

    Nothing outside of the operands is read or written: a ragged edge is
    handled by masked vectors.
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "unsigned", /*default=*/"256",
           "Width of a vector register: 128, 256 or 512">,
    Option<"useFma", "fma", "bool", /*default=*/"true",
           "The target has fused multiply-add">
  ];
  let statistics = [
    Statistic<"numContractions", "contractions", "Ops that became a contraction micro-kernel">,
    Statistic<"numReductions", "reductions", "Ops vectorised along a reduced dimension">,
    Statistic<"numPointwise", "pointwise", "Ops vectorised along a parallel dimension">,
    Statistic<"numScalar", "scalar", "Ops that became scalar loops">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def ExpandMath : Pass<"transmamba-expand-math", "::mlir::func::FuncOp"> {
  let summary = "Expand math functions of kernels inline";
  let description = [{
    CPU kernels may not call a math library. Expands the functions of the `math`
    dialect on f32 (scalars and vectors; f16 and bf16 by way of f32) to
    arithmetic with an error of at most about two units in the last place,
    including infinities, NaN, zeros and denormals.
  }];
  let options = [
    Option<"useFma", "fma", "bool", /*default=*/"true",
           "The target has fused multiply-add">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def ExpandF16 : Pass<"transmamba-expand-f16", "::mlir::func::FuncOp"> {
  let summary = "Expand conversions from and to f16 in kernels";
  let description = [{
    For targets that have no instructions for f16: `arith.extf` and
    `arith.truncf` become integer arithmetic that rounds to nearest even.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // TRANSMAMBA_CONVERSION_KERNELTOVECTOR_PASSES_TD
