//===- Passes.td - NVPTX target passes ---------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TARGET_NVPTX_PASSES_TD
#define TRANSMAMBA_TARGET_NVPTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def MathToNVVM : Pass<"transmamba-math-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Expand math functions without a device library";
  let description = [{
    Rewrites the `math` ops of GPU kernels to arithmetic and to LLVM intrinsics
    that are single instructions. Functions of f32 are accurate to a few units
    in the last place over their whole range (lib/Target/NVPTX/README.md has the
    measured errors); bf16 and f16 go by way of f32. A function that has no
    lowering here is an error: upstream would call libdevice, which only a CUDA
    installation has.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"
  ];
}

def FinalizeKernels : Pass<"transmamba-finalize-nvvm-kernels", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Fix the launch bounds of NVVM kernels and reject undefined functions";
  let description = [{
    A kernel with a known block size gets `nvvm.reqntid`, which ptxas needs to
    plan registers (`nvvm.maxntid` is only a bound), and `nvvm.minctasm`, the
    blocks that share a multiprocessor: 1024 threads, or as many as its shared
    memory has room for. Left to itself ptxas would spill for more. A function that is declared
    but not defined is an error with its name: ptxas would report a line of PTX.
  }];
}

def GpuModuleToBinary : Pass<"transmamba-gpu-module-to-binary", "::mlir::ModuleOp"> {
  let summary = "Compile gpu.module to PTX, and to a cubin where ptxas is found";
  let description = [{
    Replaces every `gpu.module` of NVVM kernels by a `gpu.binary` with the PTX
    and, if there is one, the cubin. The kernel table of an object carries what
    ptxas reports: registers, shared and spilled bytes.
  }];
  let options = [
    Option<"chip", "chip", "std::string", /*default=*/"\"sm_90a\"",
           "GPU: sm_80, sm_90a, ...">,
    Option<"features", "features", "std::string", /*default=*/"",
           "PTX version as +ptxNN; empty: the oldest that fits the chip">,
    Option<"optLevel", "O", "int", /*default=*/"3", "Optimization level">,
    Option<"ptxas", "ptxas", "std::string", /*default=*/"",
           "Path of ptxas; empty: search PATH, CUDA_HOME and /usr/local/cuda; none: PTX only">
  ];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect"];
}

#endif // TRANSMAMBA_TARGET_NVPTX_PASSES_TD
