//===- Passes.td - Kernel to GPU passes --------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_CONVERSION_KERNELTOGPU_PASSES_TD
#define TRANSMAMBA_CONVERSION_KERNELTOGPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def KernelToGPU : Pass<"transmamba-kernel-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Turn kernels of linalg ops into GPU kernels";
  let description = [{
    Moves every function with the attribute `transmamba.kernel` into
    `gpu.module @kernels` as a `gpu.func`, one workgroup a thread block:

    * the parallel iterations of a linalg op are spread over the threads, the
      dimension that is contiguous in the output first;
    * `memref.alloca` becomes shared memory (static up to 48 KB, dynamic above);
    * a barrier stands between two ops where one thread may touch what another
      thread wrote or will write;
    * `transmamba.dispatch` becomes `gpu.launch_func`.

    ```mlir
    func.func private @k(%x: index, %y: index, %z: index, %p: memref<f32>)
        attributes {transmamba.kernel} {
      %v = memref.reinterpret_cast %p to offset: [0], sizes: [256], strides: [1]
          : memref<f32> to memref<256xf32>
      linalg.generic ... outs(%v : memref<256xf32>)
      return
    }
    ```
    becomes
    ```mlir
    gpu.module @kernels {
      gpu.func @k(%p: memref<f32>) kernel
          attributes {known_block_size = array<i32: 256, 1, 1>} {
        %tid = gpu.thread_id x
        scf.for %i = %tid to %c256 step %c256 { ... }
        gpu.return
      }
    }
    ```
  }];
  let options = [
    Option<"blockSize", "block-size", "int64_t", /*default=*/"0",
           "Threads a block: a power of two from 32 to 1024; 0 chooses for each kernel">
  ];
  let statistics = [
    Statistic<"numBarriers", "barriers", "Barriers inserted">,
    Statistic<"numBlocked", "register-blocked", "Ops with several outputs a thread">,
    Statistic<"numCooperative", "cooperative-reductions", "Ops whose reductions are shared by the lanes of a warp">,
    Statistic<"numRowChains", "row-chains", "Chains of ops that keep their rows in registers">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

#endif // TRANSMAMBA_CONVERSION_KERNELTOGPU_PASSES_TD
