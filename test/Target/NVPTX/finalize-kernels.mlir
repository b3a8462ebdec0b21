// RUN: transmamba-opt %s --pass-pipeline="builtin.module(gpu.module(transmamba-finalize-nvvm-kernels))" --split-input-file --verify-diagnostics | FileCheck %s

gpu.module @fixed {
  // CHECK: llvm.func @k() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 64, 1, 1>}
  llvm.func @k() attributes {nvvm.kernel, nvvm.maxntid = array<i32: 64, 1, 1>} {
    llvm.return
  }
}

// -----

gpu.module @library {
  // expected-error@below {{calls the function __nv_expf, which is not part of the module}}
  llvm.func @__nv_expf(f32) -> f32
}
