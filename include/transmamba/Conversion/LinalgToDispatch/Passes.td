//===- Passes.td - From tensors to kernels -----------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_LINALGTODISPATCH_PASSES
#define TRANSMAMBA_CONVERSION_LINALGTODISPATCH_PASSES

include "mlir/Pass/PassBase.td"

def HoistParameters : Pass<"transmamba-hoist-parameters", "::mlir::ModuleOp"> {
  let summary = "Turn parameters into arguments of the entry points";
  let description = [{
    Every `transmamba.get_parameter` of an entry point becomes one more argument,
    marked `transmamba.parameter = "name"`: from here on a weight is a buffer
    like any other, which the caller of the entry point binds.

    ```mlir
    %w = transmamba.get_parameter @norm : tensor<192xf32>
    // ->
    func.func @prefill(..., %w: tensor<192xf32> {transmamba.parameter = "norm"})
    ```
  }];
}

def TileToWorkgroups : Pass<"transmamba-tile-to-workgroups",
                            "::mlir::ModuleOp"> {
  let summary = "Tile what is left of linalg into workgroups, with producers";
  let description = [{
    Every linalg operation at the top of an entry point becomes an
    `scf.forall`, one iteration a workgroup. Producers that are used nowhere else, and of
    which no tile would be computed twice, move into the loop of their consumer: a matmul
    under its pointwise epilogue, a row reduction under its normalisation.
  }];
  let options = [
    Option<"matmulRows", "matmul-rows", "int64_t", "64",
           "Rows of a matmul's tile">,
    Option<"matmulColumns", "matmul-columns", "int64_t", "64",
           "Columns of a matmul's tile">,
    Option<"tileElements", "tile-elements", "int64_t", "8192",
           "Elements of a tile of any other operation, about">,
    Option<"reducedRows", "reduced-rows", "int64_t", "1",
           "Rows at least that a tile has whose rows are reduced">
  ];
  let statistics = [
    Statistic<"numKernels", "workgroup loops", "Loops formed">,
    Statistic<"numFused", "fused producers",
              "Operations moved into the loop of their consumer">
  ];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect",
                           "::transmamba::TransMambaDialect"];
}

def OutlineKernels : Pass<"transmamba-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Outline workgroup loops to kernels";
  let description = [{
    After bufferization: every `scf.forall` at the top of an entry point becomes a function
    marked `transmamba.kernel` and a `transmamba.dispatch`; copies between buffers become
    kernels too. Kernels with the same body are one function. Views and constants move into the kernel, so that what is left of the
    entry point is allocations, index arithmetic and dispatches. Scratch memory of a workgroup gets a static size.
  }];
  let statistics = [
    Statistic<"numKernels", "kernels", "Different kernels">,
    Statistic<"numDispatches", "dispatches", "Dispatches">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::transmamba::TransMambaDialect"
  ];
}

def MergeKernels : Pass<"transmamba-merge-kernels", "::mlir::ModuleOp"> {
  let summary = "Make one kernel of those that differ in index constants";
  let description = [{
    Layers differ in numbers such as the TransPoint and the capacity of a cache. Kernels that are the same but for
    `arith.constant` values of type index become one, which gets the values in which they differ as arguments. So do sizes in
    the type of a buffer, as long as no view of it has another type for that.

    A number stays where the code is worth more with it: the step of a loop, and a divisor inside a loop or a
    linalg operation. Kernels that differ in such a number stay apart.

    ```mlir
    func.func private @scan_0(%x: index, ...) { %c16 = arith.constant 16 : index  %n = arith.minsi %a, %c16 : index  ... }
    func.func private @scan_1(%x: index, ...) { %c64 = arith.constant 64 : index  %n = arith.minsi %a, %c64 : index  ... }
    // ->
    func.func private @scan_0(%x: index, ..., %p: index) { %n = arith.minsi %a, %p : index  ... }
    ```
  }];
  let statistics = [
    Statistic<"numMerged", "merged kernels", "Kernels that became another one">,
    Statistic<"numArguments", "arguments", "Constants that became arguments">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"
  ];
}

#endif // TRANSMAMBA_CONVERSION_LINALGTODISPATCH_PASSES
