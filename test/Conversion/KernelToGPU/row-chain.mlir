// RUN: transmamba-opt %s --transmamba-kernel-to-gpu --canonicalize --cse --split-input-file | FileCheck %s

// A normalisation: 32 lanes take a row of 512 in two vectors of 8 each, read it
// once, and add up their sums by shuffles. No barrier, no scratch.
// CHECK-LABEL: gpu.func @norm
// CHECK-SAME:    known_block_size = array<i32: 128, 1, 1>
// CHECK-DAG:     %[[IN:.*]] = memref.subview
// CHECK-NOT:     gpu.barrier
// CHECK:         scf.for
// CHECK-COUNT-2:   vector.load {{.*}} : memref<?x512xbf16, {{.*}}>, vector<8xbf16>
// CHECK-NOT:       vector.load {{.*}} : memref<?x512xbf16
// CHECK-COUNT-2:   vector.load {{.*}} : memref<512xbf16>, vector<8xbf16>
// CHECK-COUNT-5:   gpu.shuffle xor
// CHECK-NOT:       gpu.shuffle
// CHECK:           math.rsqrt
// CHECK:           scf.if
// CHECK-COUNT-2:     vector.store
// CHECK-NOT:     vector.store
// CHECK-NOT:     gpu.barrier
// CHECK:         gpu.return
func.func private @norm(%x: index, %y: index, %z: index, %pi: memref<bf16>, %pw: memref<bf16>, %po: memref<bf16>, %T: index)
    attributes {transmamba.kernel} {
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %eps = arith.constant 1.0e-5 : f32
  %in = memref.reinterpret_cast %pi to offset: [0], sizes: [%T, 512], strides: [512, 1] : memref<bf16> to memref<?x512xbf16>
  %w = memref.reinterpret_cast %pw to offset: [0], sizes: [512], strides: [1] : memref<bf16> to memref<512xbf16>
  %out = memref.reinterpret_cast %po to offset: [0], sizes: [%T, 512], strides: [512, 1] : memref<bf16> to memref<?x512xbf16>
  %t = arith.muli %x, %c4 : index
  %left = arith.subi %T, %t : index
  %n = arith.minsi %left, %c4 : index
  %iv = memref.subview %in[%t, 0] [%n, 512] [1, 1] : memref<?x512xbf16> to memref<?x512xbf16, strided<[512, 1], offset: ?>>
  %sums = memref.alloca() : memref<4xf32>
  %sum = memref.reinterpret_cast %sums to offset: [0], sizes: [%n], strides: [1] : memref<4xf32> to memref<?xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<?xf32>)
  linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>], iterator_types = ["parallel", "reduction"]}
      ins(%iv : memref<?x512xbf16, strided<[512, 1], offset: ?>>) outs(%sum : memref<?xf32>) {
  ^bb0(%a: bf16, %acc: f32):
    %f = arith.extf %a : bf16 to f32
    %square = arith.mulf %f, %f : f32
    %r = arith.addf %acc, %square : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [affine_map<(m) -> (m)>], iterator_types = ["parallel"]} outs(%sum : memref<?xf32>) {
  ^bb0(%s: f32):
    %safe = arith.addf %s, %eps : f32
    %r = math.rsqrt %safe : f32
    linalg.yield %r : f32
  }
  %ov = memref.subview %out[%t, 0] [%n, 512] [1, 1] : memref<?x512xbf16> to memref<?x512xbf16, strided<[512, 1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>, affine_map<(m, k) -> (k)>, affine_map<(m, k) -> (m, k)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%iv, %sum, %w : memref<?x512xbf16, strided<[512, 1], offset: ?>>, memref<?xf32>, memref<512xbf16>)
      outs(%ov : memref<?x512xbf16, strided<[512, 1], offset: ?>>) {
  ^bb0(%a: bf16, %s: f32, %b: bf16, %o: bf16):
    %f = arith.extf %a : bf16 to f32
    %g = arith.extf %b : bf16 to f32
    %scaled = arith.mulf %f, %s : f32
    %r = arith.mulf %scaled, %g : f32
    %h = arith.truncf %r : f32 to bf16
    linalg.yield %h : bf16
  }
  return
}

// -----

// The sums are also read by what is no row op: they go to memory, and a barrier
// stands before they are read.
// CHECK-LABEL: gpu.func @sums_are_read
// CHECK:         gpu.shuffle
// CHECK:         memref.store {{.*}} : memref<4xf32, #gpu.address_space<workgroup>>
// CHECK:         gpu.barrier
// CHECK:         memref.load {{.*}} : memref<4xf32, #gpu.address_space<workgroup>>
func.func private @sums_are_read(%x: index, %y: index, %z: index, %pi: memref<f32>, %po: memref<f32>) attributes {transmamba.kernel} {
  %zero = arith.constant 0.0 : f32
  %in = memref.reinterpret_cast %pi to offset: [0], sizes: [4, 64], strides: [64, 1] : memref<f32> to memref<4x64xf32>
  %out = memref.reinterpret_cast %po to offset: [0], sizes: [4], strides: [1] : memref<f32> to memref<4xf32>
  %sum = memref.alloca() : memref<4xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<4xf32>)
  linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>], iterator_types = ["parallel", "reduction"]}
      ins(%in : memref<4x64xf32>) outs(%sum : memref<4xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %r = arith.addf %acc, %a : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [affine_map<(m) -> (3 - m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]}
      ins(%sum : memref<4xf32>) outs(%out : memref<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}
