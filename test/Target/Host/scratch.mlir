// RUN: transmamba-opt %s --pass-pipeline="builtin.module(func.func(transmamba-host-kernel-scratch))" | FileCheck %s

// CHECK-LABEL: func.func private @k
// CHECK-NEXT:    %[[A:.*]] = memref.alloca() {alignment = 64 : i64} : memref<4x4xf32>
// CHECK-NEXT:    %[[B:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8xbf16>
// CHECK:         scf.for
// CHECK-NOT:       memref.alloc
// CHECK:           memref.store %{{.*}}, %[[A]]
// CHECK:           memref.store %{{.*}}, %[[B]]
// CHECK-NOT:       memref.dealloc
func.func private @k(%x: index, %y: index, %z: index, %n: index) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f = arith.constant 0.0 : f32
  %h = arith.constant 0.0 : bf16
  scf.for %i = %c0 to %n step %c1 {
    %a = memref.alloca() : memref<4x4xf32>
    %b = memref.alloc() : memref<8xbf16>
    memref.store %f, %a[%c0, %c1] : memref<4x4xf32>
    memref.store %h, %b[%c0] : memref<8xbf16>
    memref.dealloc %b : memref<8xbf16>
  }
  return
}
