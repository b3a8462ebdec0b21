// RUN: transmamba-opt %s -split-input-file --pass-pipeline="builtin.module(func.func(transmamba-kernel-to-vector{vector-bits=256},canonicalize,cse))" | FileCheck %s

// Contiguous dimensions become one; 8 * 48 elements are 12 steps of 4 vectors.

// CHECK-LABEL: func.func private @merge
// CHECK-SAME:    %[[PA:[a-z0-9]+]]: memref<f32>, %[[PC:[a-z0-9]+]]: memref<f32>)
// CHECK:         %[[A:.*]] = memref.reinterpret_cast %[[PA]] to offset: [0], sizes: [384], strides: [1]
// CHECK:         %[[C:.*]] = memref.reinterpret_cast %[[PC]] to offset: [0], sizes: [384], strides: [1]
// CHECK:         scf.for %[[I:.*]] = %c0 to %c384 step %c32 {
// CHECK-COUNT-4:   vector.load %[[A]]{{.*}} : {{.*}}, vector<8xf32>
// CHECK-COUNT-4:   arith.negf {{.*}} : vector<8xf32>
// CHECK-COUNT-4:   vector.store %{{.*}}, %[[C]]
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func private @merge(%x: index, %y: index, %z: index, %pa: memref<f32>, %pc: memref<f32>) attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [8, 48], strides: [48, 1] : memref<f32> to memref<8x48xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [8, 48], strides: [48, 1] : memref<f32> to memref<8x48xf32>
  linalg.negf ins(%a : memref<8x48xf32>) outs(%c : memref<8x48xf32>)
  return
}

// -----

// What is the same in all lanes stays scalar: the condition on the row, the
// value of a column vector. The old value is only read where it is used.

// CHECK-LABEL: func.func private @uniform
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK:             memref.load
// CHECK:             vector.broadcast
// CHECK:             vector.store
// CHECK-NOT:     vector.load
func.func private @uniform(%x: index, %y: index, %z: index, %pa: memref<f32>, %pc: memref<f32>, %m: index) attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [%m], strides: [1] : memref<f32> to memref<?xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [%m, 64], strides: [64, 1] : memref<f32> to memref<?x64xf32>
  linalg.broadcast ins(%a : memref<?xf32>) outs(%c : memref<?x64xf32>) dimensions = [1]
  return
}

// -----

// The index of the vector's dimension is a vector, and a row that is looked up
// is read with vectors.

// CHECK-LABEL: func.func private @lookup
// CHECK:         %[[ROW:.*]] = arith.index_cast
// CHECK:         vector.load
// CHECK-NOT:     vector.gather
func.func private @lookup(%x: index, %y: index, %z: index, %pt: memref<i32>, %pw: memref<f32>, %pc: memref<f32>, %T: index)
    attributes {transmamba.kernel} {
  %t = memref.reinterpret_cast %pt to offset: [0], sizes: [%T], strides: [1] : memref<i32> to memref<?xi32>
  %w = memref.reinterpret_cast %pw to offset: [0], sizes: [256, 64], strides: [64, 1] : memref<f32> to memref<256x64xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [%T, 64], strides: [64, 1] : memref<f32> to memref<?x64xf32>
  linalg.generic {indexing_maps = [affine_map<(t, d) -> (t)>, affine_map<(t, d) -> (t, d)>],
      iterator_types = ["parallel", "parallel"]} ins(%t : memref<?xi32>) outs(%c : memref<?x64xf32>) {
  ^bb0(%token: i32, %o: f32):
    %row = arith.index_cast %token : i32 to index
    %d = linalg.index 1 : index
    %v = memref.load %w[%row, %d] : memref<256x64xf32>
    linalg.yield %v : f32
  }
  return
}

// -----

// A copy between strided views.

// CHECK-LABEL: func.func private @copy
// CHECK:         vector.load
// CHECK:         vector.store
// CHECK-NOT:     memref.copy
func.func private @copy(%x: index, %y: index, %z: index, %pa: memref<f32>, %m: index) attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [%m, 16], strides: [16, 1] : memref<f32> to memref<?x16xf32>
  %t = memref.alloca() : memref<32x16xf32>
  %s = memref.subview %t[0, 0] [%m, 16] [1, 1] : memref<32x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  memref.copy %a, %s : memref<?x16xf32> to memref<?x16xf32, strided<[16, 1]>>
  memref.copy %s, %a : memref<?x16xf32, strided<[16, 1]>> to memref<?x16xf32>
  return
}

// -----

// No vectors: an indexing map that is not linear.

// CHECK-LABEL: func.func private @scalar
// CHECK:         scf.for
// CHECK:           affine.apply
// CHECK:           memref.load
// CHECK:           memref.store
// CHECK-NOT:     vector
func.func private @scalar(%x: index, %y: index, %z: index, %pa: memref<f32>, %pc: memref<f32>) attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [16], strides: [1] : memref<f32> to memref<16xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [32], strides: [1] : memref<f32> to memref<32xf32>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i floordiv 2)>, affine_map<(i) -> (i)>],
      iterator_types = ["parallel"]} ins(%a : memref<16xf32>) outs(%c : memref<32xf32>) {
  ^bb0(%p: f32, %q: f32):
    linalg.yield %p : f32
  }
  return
}

// -----

// Only kernels.

// CHECK-LABEL: func.func @host
// CHECK:         linalg.fill
func.func @host(%c: memref<16xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<16xf32>)
  return
}
