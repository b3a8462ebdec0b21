//===- Passes.td - CPU target passes -----------------------*- tablegen -*-===//
//
// Part of the TransMamba compiler. See LICENSE.
//
//===----------------------------------------------------------------------===//

#ifndef TRANSMAMBA_TARGET_HOST_PASSES_TD
#define TRANSMAMBA_TARGET_HOST_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerCpuKernels : Pass<"transmamba-lower-cpu-kernels", "::mlir::func::FuncOp"> {
  let summary = "The cpu phase for each kernel: linalg to scalar and vector code";
  let description = [{
    Runs `transmamba-kernel-to-vector`, `transmamba-expand-math` and upstream's
    expansions of narrow floats with the options of a processor level. Functions
    that are no kernels, the host program above all, are not touched.
  }];
  let options = [
    Option<"cpu", "cpu", "std::string", /*default=*/"\"x86-64-v3\"",
           "Processor level: x86-64-v2, x86-64-v3, x86-64-v4 or native">
  ];
}

def HostKernelScratch : Pass<"transmamba-host-kernel-scratch", "::mlir::func::FuncOp"> {
  let summary = "Check the signature of a kernel and put its scratch on the stack";
  let description = [{
    Moves the static `memref.alloca` and `memref.alloc` of a kernel to its entry,
    so that a loop does not grow the stack, and drops `memref.dealloc`. Scratch of
    dynamic size, or of more than `limit` bytes in all, is an error.
  }];
  let options = [
    Option<"limit", "limit", "int64_t", /*default=*/"1 << 20",
           "Most scratch that a kernel may have, in bytes">
  ];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def HostNarrowFloats : Pass<"transmamba-host-narrow-floats", "::mlir::ModuleOp"> {
  let summary = "Keep bf16 (and f16) as integers in the llvm dialect";
  let description = [{
    After phase cpu nothing computes on bf16, and on f16 only conversions where
    the processor has them. LLVM however splits a masked access to a vector of
    them to scalars, which it may pass through f32 with a library call. Replaces
    the type by i16 everywhere.
  }];
  let options = [
    Option<"includeF16", "f16", "bool", /*default=*/"false",
           "Replace f16 too: its conversions have been expanded">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def HostKernelABI : Pass<"transmamba-host-kernel-abi", "::mlir::ModuleOp"> {
  let summary = "Give kernels the C interface of the package format";
  let description = [{
    Runs on kernels in the `llvm` dialect with bare pointers. A kernel
    `@k(%x, %y, %z, %arg0, ...)` becomes the body of

    ```mlir
    llvm.func @k(%args: !llvm.ptr, %x: i64, %y: i64, %z: i64) {
      %arg0 = llvm.load %args[0]
      ...
      llvm.call @k.body(%x, %y, %z, %arg0, ...)
      llvm.return
    }
    ```

    The body is internal and always inlined. It stays a function of its own in
    the IR because that is where `llvm.noalias` on a buffer can be said.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // TRANSMAMBA_TARGET_HOST_PASSES_TD
