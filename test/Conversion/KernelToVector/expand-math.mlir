// RUN: transmamba-opt %s --pass-pipeline="builtin.module(func.func(transmamba-expand-math))" | FileCheck %s
// RUN: transmamba-opt %s --pass-pipeline="builtin.module(func.func(transmamba-expand-math{fma=false}))" | FileCheck %s --check-prefix=NOFMA
// RUN: transmamba-opt %s --pass-pipeline="builtin.module(func.func(transmamba-expand-f16))" | FileCheck %s --check-prefix=F16

// CHECK-LABEL: func.func private @vector
// CHECK-NOT:     math.exp
// CHECK:         math.fma {{.*}} : vector<8xf32>
// CHECK:         arith.shli {{.*}} : vector<8xi32>
// CHECK-NOT:     math.tanh
// CHECK:         return

// NOFMA-LABEL: func.func private @vector
// NOFMA-NOT:     math.fma
// NOFMA:         return
func.func private @vector(%v: vector<8xf32>, %p: memref<vector<8xf32>>) attributes {transmamba.kernel} {
  %e = math.exp %v : vector<8xf32>
  %t = math.tanh %e : vector<8xf32>
  %f = math.fma %t, %e, %v : vector<8xf32>
  memref.store %f, %p[] : memref<vector<8xf32>>
  return
}

// A branch for angles that few programs have.
// CHECK-LABEL: func.func private @sine
// CHECK:         vector.reduction <or>
// CHECK:         scf.if
// CHECK-NOT:     math.sin
func.func private @sine(%v: vector<4xf32>, %p: memref<vector<4xf32>>) attributes {transmamba.kernel} {
  %s = math.sin %v : vector<4xf32>
  memref.store %s, %p[] : memref<vector<4xf32>>
  return
}

// By way of f32.
// CHECK-LABEL: func.func private @narrow
// CHECK:         arith.extf %{{.*}} : f16 to f32
// CHECK-NOT:     math.log
// CHECK:         arith.truncf %{{.*}} : f32 to f16
func.func private @narrow(%v: f16, %p: memref<f16>) attributes {transmamba.kernel} {
  %l = math.log %v : f16
  memref.store %l, %p[] : memref<f16>
  return
}

// F16-LABEL: func.func private @convert
// F16-NOT:     arith.extf
// F16-NOT:     arith.truncf
// F16:         arith.bitcast %{{.*}} : vector<4xi16> to vector<4xf16>
// F16-NOT:     arith.extf
// F16-NOT:     arith.truncf
// F16:         return
func.func private @convert(%v: vector<4xf16>, %p: memref<vector<4xf16>>) attributes {transmamba.kernel} {
  %w = arith.extf %v : vector<4xf16> to vector<4xf32>
  %d = arith.addf %w, %w : vector<4xf32>
  %n = arith.truncf %d : vector<4xf32> to vector<4xf16>
  memref.store %n, %p[] : memref<vector<4xf16>>
  return
}

// CHECK-LABEL: func.func @host
// CHECK:         math.exp
func.func @host(%v: f32) -> f32 {
  %e = math.exp %v : f32
  return %e : f32
}
