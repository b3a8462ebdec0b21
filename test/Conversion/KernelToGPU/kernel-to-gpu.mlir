// RUN: transmamba-opt %s --transmamba-kernel-to-gpu --canonicalize --cse --split-input-file > %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: FileCheck %s --input-file=%t.mlir --check-prefix=FMA

// Pointwise: consecutive threads, consecutive vectors of 16 bytes. Rows of 48
// and a buffer of its own alignment make them aligned.
// CHECK-LABEL: gpu.func @pointwise(
// CHECK-SAME:    %[[P:.*]]: memref<f32> {llvm.noalias}, %[[N:.*]]: index) kernel
// CHECK-SAME:    known_block_size = array<i32: 256, 1, 1>
// CHECK-DAG:     %[[STEP:.*]] = arith.constant 256 : index
// CHECK-DAG:     %[[TID:.*]] = gpu.thread_id x
// CHECK-DAG:     %[[BID:.*]] = gpu.block_id y
// CHECK-DAG:     %[[V:.*]] = memref.reinterpret_cast %[[P]]
// CHECK:         %[[TOTAL:.*]] = arith.muli
// CHECK:         scf.for %[[I:.*]] = %[[TID]] to %[[TOTAL]] step %[[STEP]]
// CHECK-DAG:       %[[VECTOR:.*]] = arith.remui %[[I]], %[[VECTORS:.*]] : index
// CHECK-DAG:       %[[ROW:.*]] = arith.divui %[[I]], %[[VECTORS]]
// CHECK-DAG:       %[[COLUMN:.*]] = arith.muli %[[VECTOR]], %c4
// CHECK:           %[[X:.*]] = vector.load %[[V]][%[[ROW]], %[[COLUMN]]] {alignment = 16 : i64} : memref<?x48xf32>, vector<4xf32>
// CHECK:           %[[E:.*]]:4 = vector.to_elements %[[X]]
// CHECK:           arith.index_cast %[[COLUMN]]
// CHECK:           %[[NEXT:.*]] = arith.addi %[[COLUMN]], %c1
// CHECK:           arith.index_cast %[[NEXT]]
// CHECK:           vector.from_elements
// CHECK:           vector.store %{{.*}}, %[[V]][%[[ROW]], %[[COLUMN]]] {alignment = 16 : i64}
// CHECK-NOT:     gpu.barrier
// CHECK:         gpu.return
func.func private @pointwise(%x: index, %y: index, %z: index, %p: memref<f32> {llvm.noalias}, %n: index)
    attributes {transmamba.kernel} {
  %rows = arith.addi %n, %y : index
  %v = memref.reinterpret_cast %p to offset: [0], sizes: [%rows, 48], strides: [48, 1] : memref<f32> to memref<?x48xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%v : memref<?x48xf32>) {
  ^bb0(%a: f32):
    %j = linalg.index 1 : index
    %w = arith.index_cast %j : index to i32
    %f = arith.sitofp %w : i32 to f32
    %r = arith.addf %a, %f : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// Nothing is known of where a row of n elements starts: one at a time.
// CHECK-LABEL: gpu.func @unaligned
// CHECK-NOT:     vector.
// CHECK:         memref.load
// CHECK-NOT:     vector.
// CHECK:         gpu.return
func.func private @unaligned(%x: index, %y: index, %z: index, %p: memref<f32>, %n: index) attributes {transmamba.kernel} {
  %v = memref.reinterpret_cast %p to offset: [0], sizes: [%n, 48], strides: [%n, 1] : memref<f32> to memref<?x48xf32, strided<[?, 1]>>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%v : memref<?x48xf32, strided<[?, 1]>>) {
  ^bb0(%a: f32):
    %r = arith.addf %a, %a : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// Columns from 4 on of rows of 48 are aligned to 8 bytes. What is as wide in
// f32 takes two accesses; the scale of a row is loaded once.
// CHECK-LABEL: gpu.func @mixed
// CHECK-DAG:     vector.load %{{.*}} {alignment = 8 : i64} : memref<?x40xbf16, strided<[48, 1], offset: 4>>, vector<4xbf16>
// CHECK-DAG:     memref.load %{{.*}} : memref<?xf32>
// CHECK:         vector.store %{{.*}} {alignment = 16 : i64} : memref<?x40xf32>, vector<4xf32>
func.func private @mixed(%x: index, %y: index, %z: index, %p: memref<bf16>, %s: memref<f32>, %o: memref<f32>, %n: index)
    attributes {transmamba.kernel} {
  %whole = memref.reinterpret_cast %p to offset: [0], sizes: [%n, 48], strides: [48, 1] : memref<bf16> to memref<?x48xbf16>
  %v = memref.subview %whole[0, 4] [%n, 40] [1, 1] : memref<?x48xbf16> to memref<?x40xbf16, strided<[48, 1], offset: 4>>
  %scale = memref.reinterpret_cast %s to offset: [0], sizes: [%n], strides: [1] : memref<f32> to memref<?xf32>
  %out = memref.reinterpret_cast %o to offset: [0], sizes: [%n, 40], strides: [40, 1] : memref<f32> to memref<?x40xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%v, %scale : memref<?x40xbf16, strided<[48, 1], offset: 4>>, memref<?xf32>)
      outs(%out : memref<?x40xf32>) {
  ^bb0(%a: bf16, %w: f32, %b: f32):
    %f = arith.extf %a : bf16 to f32
    %r = arith.mulf %f, %w : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// Several rows of a vector share the weights that they are multiplied with.
// CHECK-LABEL: gpu.func @shared_weights
// CHECK-COUNT-5: vector.load
// CHECK-NOT:     vector.load
// CHECK-COUNT-4: vector.store
// CHECK-NOT:     vector.store
func.func private @shared_weights(%x: index, %y: index, %z: index, %p: memref<f32>, %w: memref<f32>) attributes {transmamba.kernel} {
  %v = memref.reinterpret_cast %p to offset: [0], sizes: [64, 64], strides: [64, 1] : memref<f32> to memref<64x64xf32>
  %weights = memref.reinterpret_cast %w to offset: [0], sizes: [64], strides: [1] : memref<f32> to memref<64xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%weights : memref<64xf32>) outs(%v : memref<64x64xf32>) {
  ^bb0(%a: f32, %b: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// A contraction keeps 4 x 3 outputs of a thread in registers: 7 loads for 12
// multiplications. Rows of a thread are 16 apart, columns 16.
// CHECK-LABEL: gpu.func @contraction
// CHECK:         scf.for
// CHECK-COUNT-12:  memref.load %[[C:.*]][
// CHECK:           scf.for {{.*}} iter_args
// CHECK-COUNT-7:     memref.load
// CHECK-NOT:         memref.load
// CHECK:             scf.yield
// CHECK-COUNT-12:  memref.store
// FMA-LABEL:     gpu.func @contraction
// FMA-COUNT-12:    arith.mulf
// FMA-NOT:         arith.mulf
// FMA:             scf.yield
func.func private @contraction(%x: index, %y: index, %z: index, %pa: memref<f32>, %pb: memref<f32>, %pc: memref<f32>)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [64, 32], strides: [32, 1] : memref<f32> to memref<64x32xf32>
  %b = memref.reinterpret_cast %pb to offset: [0], sizes: [32, 48], strides: [48, 1] : memref<f32> to memref<32x48xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [64, 48], strides: [48, 1] : memref<f32> to memref<64x48xf32>
  linalg.matmul ins(%a, %b : memref<64x32xf32>, memref<32x48xf32>) outs(%c : memref<64x48xf32>)
  return
}

// -----

// The sum of a row that registers do not hold: a warp a row, the lanes along
// the row, a butterfly, one store.
// CHECK-LABEL: gpu.func @row_sum
// CHECK-DAG:     %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-DAG:     %[[LANE:.*]] = arith.remui %{{.*}}, %c32
// CHECK:         %[[PARTIAL:.*]] = scf.for %{{.*}} = %[[LANE]] to %c4096 step %c32 iter_args(%{{.*}} = %[[ZERO]])
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK-NOT:     gpu.shuffle
// CHECK:         scf.if
// CHECK:           memref.load
// CHECK:           memref.store
func.func private @row_sum(%x: index, %y: index, %z: index, %pa: memref<f32>, %ps: memref<f32>)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [8, 4096], strides: [4096, 1] : memref<f32> to memref<8x4096xf32>
  %s = memref.reinterpret_cast %ps to offset: [0], sizes: [8], strides: [1] : memref<f32> to memref<8xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%a : memref<8x4096xf32>) outs(%s : memref<8xf32>) {
  ^bb0(%e: f32, %t: f32):
    %r = arith.addf %t, %e : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// A sum in bf16 is rounded at every step: its order is not free.
// CHECK-LABEL: gpu.func @narrow_sum
// CHECK-NOT:     gpu.shuffle
// CHECK:         scf.for
// CHECK:           scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (bf16)
func.func private @narrow_sum(%x: index, %y: index, %z: index, %pa: memref<bf16>, %ps: memref<bf16>)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [8, 192], strides: [192, 1] : memref<bf16> to memref<8x192xbf16>
  %s = memref.reinterpret_cast %ps to offset: [0], sizes: [8], strides: [1] : memref<bf16> to memref<8xbf16>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%a : memref<8x192xbf16>) outs(%s : memref<8xbf16>) {
  ^bb0(%e: bf16, %t: bf16):
    %r = arith.addf %t, %e : bf16
    linalg.yield %r : bf16
  }
  return
}

// -----

// A store of the uniform program is done by one thread; others wait for it.
// CHECK-LABEL: gpu.func @scalar
// CHECK:         %[[FIRST:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK:         scf.if %[[FIRST]] {
// CHECK-NEXT:      memref.store
// CHECK-NEXT:    }
// CHECK-NEXT:    gpu.barrier
// CHECK-NEXT:    memref.load
func.func private @scalar(%x: index, %y: index, %z: index, %p: memref<f32>, %q: memref<f32>) attributes {transmamba.kernel} {
  %one = arith.constant 1.0 : f32
  memref.store %one, %p[] : memref<f32>
  %a = memref.load %p[] : memref<f32>
  %b = arith.addf %a, %one : f32
  memref.store %b, %q[] : memref<f32>
  return
}

// -----

// A dynamic number of rows: tiles from 8 rows on, whose rows past the end are
// not stored; below, lanes that share an output.
// CHECK-LABEL: gpu.func @ragged
// CHECK:         %[[LARGE:.*]] = arith.cmpi uge, %{{.*}}, %c8
// CHECK:         scf.if %[[LARGE]] {
// CHECK-NOT:       gpu.shuffle
// CHECK:           scf.if %[[INSIDE:[0-9]+]] -> (f32
// CHECK-NEXT:        memref.load
// CHECK:           scf.if %[[INSIDE]] {
// CHECK-NEXT:        memref.store
// CHECK:         } else {
// CHECK:           gpu.shuffle
func.func private @ragged(%x: index, %y: index, %z: index, %pa: memref<f32>, %pb: memref<f32>, %pc: memref<f32>, %n: index)
    attributes {transmamba.kernel} {
  %a = memref.reinterpret_cast %pa to offset: [0], sizes: [%n, 32], strides: [32, 1] : memref<f32> to memref<?x32xf32>
  %b = memref.reinterpret_cast %pb to offset: [0], sizes: [32, 64], strides: [64, 1] : memref<f32> to memref<32x64xf32>
  %c = memref.reinterpret_cast %pc to offset: [0], sizes: [%n, 64], strides: [64, 1] : memref<f32> to memref<?x64xf32>
  linalg.matmul ins(%a, %b : memref<?x32xf32>, memref<32x64xf32>) outs(%c : memref<?x64xf32>)
  return
}
