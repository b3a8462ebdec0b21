// RUN: transmamba-opt %s --pass-pipeline="builtin.module(gpu.module(transmamba-finalize-nvvm-kernels))" --split-input-file --verify-diagnostics | FileCheck %s

// The registers of a multiprocessor are for 1024 threads.
gpu.module @fixed {
  // CHECK: llvm.func @k() attributes {nvvm.kernel, nvvm.minctasm = 16 : i32, nvvm.reqntid = array<i32: 64, 1, 1>}
  llvm.func @k() attributes {nvvm.kernel, nvvm.maxntid = array<i32: 64, 1, 1>} {
    llvm.return
  }
}

// -----

// A block size that nobody knows is left alone.
gpu.module @free {
  // CHECK: llvm.func @k() attributes {nvvm.kernel} {
  llvm.func @k() attributes {nvvm.kernel} {
    llvm.return
  }
}

// -----

// Shared memory, dynamic or static, leaves room for fewer blocks: then each has more registers.
gpu.module @shared {
  llvm.mlir.global internal @storage() {addr_space = 3 : i32} : !llvm.array<49152 x i8>
  // CHECK: llvm.func @dynamic() attributes {{{.*}}nvvm.minctasm = 2 : i32
  llvm.func @dynamic() attributes {nvvm.kernel, nvvm.maxntid = array<i32: 256, 1, 1>, transmamba.dynamic_shared_memory = 100000 : i64} {
    llvm.return
  }
  // CHECK: llvm.func @largest() attributes {{{.*}}nvvm.minctasm = 1 : i32
  llvm.func @largest() attributes {nvvm.kernel, nvvm.maxntid = array<i32: 128, 1, 1>, transmamba.dynamic_shared_memory = 232448 : i64} {
    llvm.return
  }
  // CHECK: llvm.func @static() attributes {{{.*}}nvvm.minctasm = 4 : i32
  llvm.func @static() attributes {nvvm.kernel, nvvm.maxntid = array<i32: 64, 1, 1>} {
    %0 = llvm.mlir.addressof @storage : !llvm.ptr<3>
    llvm.return
  }
}

// -----

gpu.module @library {
  // expected-error@below {{calls the function __nv_expf, which is not part of the module}}
  llvm.func @__nv_expf(f32) -> f32
}
