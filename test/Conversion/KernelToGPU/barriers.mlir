// RUN: transmamba-opt %s --transmamba-kernel-to-gpu --canonicalize --split-input-file | FileCheck %s

// Reads of a loop's start meet writes of the iteration before.
// CHECK-LABEL: gpu.func @loop_carried
// CHECK:         scf.for %{{.*}} = %c0 to %c4
// CHECK-NEXT:      gpu.barrier
// CHECK:           scf.for
// CHECK:             memref.load
// CHECK:             memref.store
// CHECK:           gpu.barrier
// CHECK:           scf.for
// CHECK:             memref.store
func.func private @loop_carried(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %one = arith.constant 1.0 : f32
  %a = memref.alloca() : memref<8x8xf32>
  %b = memref.alloca() : memref<8x8xf32>
  linalg.fill ins(%one : f32) outs(%a : memref<8x8xf32>)
  scf.for %i = %c0 to %c4 step %c1 {
    linalg.transpose ins(%a : memref<8x8xf32>) outs(%b : memref<8x8xf32>) permutation = [1, 0]
    linalg.transpose ins(%b : memref<8x8xf32>) outs(%a : memref<8x8xf32>) permutation = [1, 0]
  }
  return
}

// -----

// The same view of the loop's body is another piece of memory in the next
// iteration: the thread that owned an element there may not own it here.
// CHECK-LABEL: gpu.func @moving_view
// CHECK:         scf.for %{{.*}} = %c0 to %c4
// CHECK:           gpu.barrier
// CHECK:           scf.for
// CHECK-NOT:       gpu.barrier
// CHECK:         gpu.return
func.func private @moving_view(%x: index, %y: index, %z: index) attributes {transmamba.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %a = memref.alloca() : memref<67xf32>
  %one = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c4 step %c1 {
    %v = memref.subview %a[%i] [63] [1] : memref<67xf32> to memref<63xf32, strided<[1], offset: ?>>
    linalg.fill ins(%one : f32) outs(%v : memref<63xf32, strided<[1], offset: ?>>)
    linalg.exp ins(%v : memref<63xf32, strided<[1], offset: ?>>) outs(%v : memref<63xf32, strided<[1], offset: ?>>)
  }
  return
}

// -----

// Two pointers may overlap unless one says that it does not.
// CHECK-LABEL: gpu.func @may_alias
// CHECK:         gpu.barrier
// CHECK-LABEL: gpu.func @no_alias
// CHECK-NOT:     gpu.barrier
func.func private @may_alias(%x: index, %y: index, %z: index, %p: memref<f32>, %q: memref<f32>) attributes {transmamba.kernel} {
  %one = arith.constant 1.0 : f32
  %a = memref.reinterpret_cast %p to offset: [0], sizes: [64], strides: [1] : memref<f32> to memref<64xf32>
  %b = memref.reinterpret_cast %q to offset: [0], sizes: [32], strides: [1] : memref<f32> to memref<32xf32>
  linalg.fill ins(%one : f32) outs(%a : memref<64xf32>)
  linalg.fill ins(%one : f32) outs(%b : memref<32xf32>)
  return
}
func.func private @no_alias(%x: index, %y: index, %z: index, %p: memref<f32> {llvm.noalias}, %q: memref<f32>) attributes {transmamba.kernel} {
  %one = arith.constant 1.0 : f32
  %a = memref.reinterpret_cast %p to offset: [0], sizes: [64], strides: [1] : memref<f32> to memref<64xf32>
  %b = memref.reinterpret_cast %q to offset: [0], sizes: [32], strides: [1] : memref<f32> to memref<32xf32>
  linalg.fill ins(%one : f32) outs(%a : memref<64xf32>)
  linalg.fill ins(%one : f32) outs(%b : memref<32xf32>)
  return
}
