// RUN: transmamba-opt %s -split-input-file --pass-pipeline="builtin.module(func.func(transmamba-kernel-to-vector{vector-bits=512},canonicalize,cse))" | FileCheck %s
// RUN: transmamba-opt %s -split-input-file --pass-pipeline="builtin.module(func.func(transmamba-kernel-to-vector{vector-bits=128 fma=false},canonicalize,cse))" | FileCheck %s --check-prefix=SSE

// A tile: the accumulators of 8 rows by 3 vectors stay in registers over k, b is
// copied to a panel first, no masks as everything divides.

// CHECK-LABEL: func.func private @tile
// CHECK-SAME:    (%{{.*}}: index, %{{.*}}: index, %{{.*}}: index, %[[PA:.*]]: memref<f32>, %[[PB:.*]]: memref<f32>, %[[PC:.*]]: memref<f32>)
// CHECK:         %[[PANEL:.*]] = memref.alloca() {alignment = 64 : i64, transmamba.panel} : memref<16384xf32>
// CHECK-DAG:     %[[A:.*]] = memref.reinterpret_cast %[[PA]] to offset: [0], sizes: [3072], strides: [1]
// CHECK-DAG:     %[[B:.*]] = memref.reinterpret_cast %[[PB]] to offset: [0], sizes: [2304], strides: [1]
// CHECK-DAG:     %[[C:.*]] = memref.reinterpret_cast %[[PC]] to offset: [0], sizes: [3072], strides: [1]
// CHECK:         scf.for
// CHECK:           vector.load %[[B]]
// CHECK:           vector.store %{{.*}}, %[[PANEL]]
// CHECK:         scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c8
// CHECK-COUNT-24:  vector.load %[[C]]
// CHECK:           scf.for
// CHECK:             vector.load %[[PANEL]]
// CHECK:             memref.load %[[A]]
// CHECK:             vector.broadcast
// CHECK:             vector.fma
// CHECK-COUNT-24:  vector.store %{{.*}}, %[[C]]
// CHECK-NOT:     create_mask
// CHECK-NOT:     linalg

// Without fused multiply-add.
// SSE-LABEL: func.func private @tile
// SSE-NOT:     vector.fma
// SSE:         arith.mulf %{{.*}} : vector<4xf32>
// SSE:         arith.addf %{{.*}} : vector<4xf32>
func.func private @tile(%x: index, %y: index, %z: index, %pa: memref<f32>, %pb: memref<f32>, %pc: memref<f32>)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [64, 48], strides: [48, 1] : memref<f32> to memref<64x48xf32>
  %b = memref.reinterpret_cast %pb to offset: [0], sizes: [48, 48], strides: [48, 1] : memref<f32> to memref<48x48xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [64, 48], strides: [48, 1] : memref<f32> to memref<64x48xf32>
  linalg.matmul ins(%a, %b : memref<64x48xf32>, memref<48x48xf32>) outs(%c : memref<64x48xf32>)
  return
}

// -----

// k contiguous in both inputs: b is transposed in registers on its way to the
// panel.

// CHECK-LABEL: func.func private @scores
// CHECK-COUNT-16: vector.load
// CHECK-COUNT-64: vector.shuffle
// CHECK:          vector.fma
func.func private @scores(%x: index, %y: index, %z: index, %q: memref<f32>, %k: memref<f32>, %s: memref<f32>)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %q to offset: [0], sizes: [16, 16], strides: [16, 1] : memref<f32> to memref<16x16xf32>
  %b = memref.reinterpret_cast %k to offset: [0], sizes: [16, 16], strides: [16, 1] : memref<f32> to memref<16x16xf32>
  %c = memref.reinterpret_cast %s to offset: [0], sizes: [16, 16], strides: [16, 1] : memref<f32> to memref<16x16xf32>
  linalg.matmul indexing_maps = [affine_map<(i, j, d) -> (i, d)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, j)>]
      ins(%a, %b : memref<16x16xf32>, memref<16x16xf32>) outs(%c : memref<16x16xf32>)
  return
}

// -----

// A matrix times a vector along contiguous rows: eight dot products at a time,
// their lanes added up pairwise at the end.

// CHECK-LABEL: func.func private @matvec
// CHECK:         scf.for {{.*}} step %c8
// CHECK:           scf.for {{.*}} iter_args
// CHECK-COUNT-8:     vector.fma
// CHECK-NOT:         vector.fma
// CHECK:           vector.shuffle
// CHECK:           vector.extract
// CHECK-NOT:     memref.alloca
func.func private @matvec(%x: index, %y: index, %z: index, %pw: memref<f32>, %pv: memref<f32>, %po: memref<f32>)
    attributes {transmamba.kernel} {
  %w = memref.reinterpret_cast %pw to offset: [0], sizes: [64, 256], strides: [256, 1] : memref<f32> to memref<64x256xf32>
  %v = memref.reinterpret_cast %pv to offset: [0], sizes: [256], strides: [1] : memref<f32> to memref<256xf32>
  %o = memref.reinterpret_cast %po to offset: [0], sizes: [64], strides: [1] : memref<f32> to memref<64xf32>
  linalg.matvec ins(%w, %v : memref<64x256xf32>, memref<256xf32>) outs(%o : memref<64xf32>)
  return
}

// -----

// bf16 inputs are extended once, into the panel.

// CHECK-LABEL: func.func private @extend
// CHECK:         arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
// CHECK:         vector.store
// CHECK:         arith.extf %{{.*}} : bf16 to f32
// CHECK:         vector.fma
func.func private @extend(%x: index, %y: index, %z: index, %pa: memref<bf16>, %pb: memref<bf16>, %pc: memref<f32>)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [16, 16], strides: [16, 1] : memref<bf16> to memref<16x16xbf16>
  %b = memref.reinterpret_cast %pb to offset: [0], sizes: [16, 16], strides: [16, 1] : memref<bf16> to memref<16x16xbf16>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [16, 16], strides: [16, 1] : memref<f32> to memref<16x16xf32>
  linalg.matmul ins(%a, %b : memref<16x16xbf16>, memref<16x16xbf16>) outs(%c : memref<16x16xf32>)
  return
}

// -----

// A dynamic number of columns ends in a masked vector.

// CHECK-LABEL: func.func private @ragged
// CHECK:         vector.create_mask
// CHECK:         vector.maskedload
// CHECK:         vector.maskedstore
func.func private @ragged(%x: index, %y: index, %z: index, %pa: memref<f32>, %pb: memref<f32>, %pc: memref<f32>, %n: index)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [4, 8], strides: [8, 1] : memref<f32> to memref<4x8xf32>
  %b = memref.reinterpret_cast %pb to offset: [0], sizes: [8, %n], strides: [%n, 1] : memref<f32> to memref<8x?xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [4, %n], strides: [%n, 1] : memref<f32> to memref<4x?xf32>
  linalg.matmul ins(%a, %b : memref<4x8xf32>, memref<8x?xf32>) outs(%c : memref<4x?xf32>)
  return
}
