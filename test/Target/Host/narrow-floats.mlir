// RUN: transmamba-opt %s --pass-pipeline="builtin.module(transmamba-host-narrow-floats)" | FileCheck %s
// RUN: transmamba-opt %s --pass-pipeline="builtin.module(transmamba-host-narrow-floats{f16})" | FileCheck %s --check-prefix=F16

// CHECK-LABEL: llvm.func @f
// CHECK:         llvm.mlir.constant(16256 : i16) : i16
// CHECK:         llvm.mlir.constant(dense<16256> : vector<4xi16>) : vector<4xi16>
// CHECK:         llvm.getelementptr {{.*}} -> !llvm.ptr, i16
// CHECK:         llvm.load {{.*}} -> i16
// CHECK:         llvm.load {{.*}} -> f16
// F16-LABEL: llvm.func @f
// F16-NOT:     f16
// F16:         llvm.return
llvm.func @f(%p: !llvm.ptr, %i: i64) {
  %one = llvm.mlir.constant(1.0 : bf16) : bf16
  %ones = llvm.mlir.constant(dense<1.0> : vector<4xbf16>) : vector<4xbf16>
  %q = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, bf16
  llvm.store %one, %q : bf16, !llvm.ptr
  llvm.store %ones, %q : vector<4xbf16>, !llvm.ptr
  %v = llvm.load %q : !llvm.ptr -> bf16
  %h = llvm.load %q : !llvm.ptr -> f16
  llvm.store %v, %p : bf16, !llvm.ptr
  llvm.store %h, %p : f16, !llvm.ptr
  llvm.return
}
