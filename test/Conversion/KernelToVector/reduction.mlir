// RUN: transmamba-opt %s -split-input-file --pass-pipeline="builtin.module(func.func(transmamba-kernel-to-vector{vector-bits=256},canonicalize,cse))" | FileCheck %s

// Along the contiguous dimension: four vectors of partial results that start
// with the neutral element, a masked rest, then the lanes.

// CHECK-LABEL: func.func private @rows
// CHECK-DAG:     %[[NEUTRAL:.*]] = arith.constant dense<0xFF800000> : vector<8xf32>
// CHECK:         scf.for
// CHECK:           scf.for {{.*}} iter_args(%{{.*}} = %[[NEUTRAL]], %{{.*}} = %[[NEUTRAL]], %{{.*}} = %[[NEUTRAL]], %{{.*}} = %[[NEUTRAL]])
// CHECK-COUNT-4:     arith.maximumf {{.*}} : vector<8xf32>
// CHECK:           scf.if
// CHECK:             %[[MASK:.*]] = vector.create_mask
// CHECK:             %[[NEW:.*]] = arith.maximumf
// CHECK:             arith.select %[[MASK]], %[[NEW]]
// CHECK:           vector.shuffle {{.*}} [0, 1, 2, 3]
// CHECK:           vector.extract
// CHECK:           memref.store
func.func private @rows(%x: index, %y: index, %z: index, %pa: memref<f32>, %pc: memref<f32>, %m: index, %n: index)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [%m, %n], strides: [%n, 1] : memref<f32> to memref<?x?xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [%m], strides: [1] : memref<f32> to memref<?xf32>
  linalg.reduce ins(%a : memref<?x?xf32>) outs(%c : memref<?xf32>) dimensions = [1]
    (%p: f32, %q: f32) { %r = arith.maximumf %p, %q : f32
                         linalg.yield %r : f32 }
  return
}

// -----

// Over the outer dimension: the results of neighbouring columns in vectors.

// CHECK-LABEL: func.func private @columns
// CHECK:         scf.for
// CHECK-COUNT-4:   vector.load
// CHECK:           scf.for {{.*}} iter_args
// CHECK-COUNT-4:     arith.addf
// CHECK-COUNT-4:   vector.store
// CHECK-NOT:     vector.shuffle
func.func private @columns(%x: index, %y: index, %z: index, %pa: memref<f32>, %pc: memref<f32>, %m: index)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [%m, 64], strides: [64, 1] : memref<f32> to memref<?x64xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [64], strides: [1] : memref<f32> to memref<64xf32>
  linalg.reduce ins(%a : memref<?x64xf32>) outs(%c : memref<64xf32>) dimensions = [0]
    (%p: f32, %q: f32) { %r = arith.addf %p, %q : f32
                         linalg.yield %r : f32 }
  return
}
