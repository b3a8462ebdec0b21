// RUN: transmamba-opt %s --pass-pipeline="builtin.module(gpu.module(transmamba-math-to-nvvm))" --split-input-file --verify-diagnostics | FileCheck %s

// test/Unit/Conversion/KernelToGPU measures the errors; here: which
// instructions come out, and that no library is called.

gpu.module @exponentials {
  // CHECK-LABEL: func @exp
  // CHECK-COUNT-1: "llvm.nvvm.ex2.approx.ftz.f"
  // CHECK-NOT:   math.
  func.func @exp(%x: f32) -> f32 {
    %r = math.exp %x : f32
    return %r : f32
  }
  // bf16 by way of f32.
  // CHECK-LABEL: func @exp_bf16
  // CHECK:       arith.extf
  // CHECK:       "llvm.nvvm.ex2.approx.ftz.f"
  // CHECK:       arith.truncf
  func.func @exp_bf16(%x: bf16) -> bf16 {
    %r = math.exp %x : bf16
    return %r : bf16
  }
}

// -----

gpu.module @instructions {
  // CHECK-LABEL: func @instructions
  // CHECK:       "llvm.sqrt.f32"
  // CHECK:       "llvm.nvvm.rsqrt.approx.f"
  // CHECK:       "llvm.fma.f32"
  // CHECK:       "llvm.maxnum.f32"
  // CHECK:       "llvm.floor.f64"
  func.func @instructions(%x: f32, %y: f64) -> (f32, f64) {
    %a = math.sqrt %x : f32
    %b = math.rsqrt %a : f32
    %c = math.fma %a, %b, %x : f32
    %d = arith.maxnumf %c, %x : f32
    %e = math.floor %y : f64
    return %d, %e : f32, f64
  }
  // The kernel's own arithmetic may be contracted.
  // CHECK-LABEL: func @contract
  // CHECK:       arith.mulf {{.*}} fastmath<contract>
  // CHECK:       arith.addf {{.*}} fastmath<contract>
  func.func @contract(%x: f32) -> f32 {
    %a = arith.mulf %x, %x : f32
    %b = arith.addf %a, %x : f32
    return %b : f32
  }
}

// -----

gpu.module @unknown {
  func.func @wide(%x: f64) -> f64 {
    // expected-error@below {{'math.exp' op has no lowering in GPU kernels for this type}}
    %r = math.exp %x : f64
    return %r : f64
  }
}
