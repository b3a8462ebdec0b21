// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-tile=chip=sm_80 | FileCheck %s
// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-tile=chip=sm_80 --verify-diagnostics -o /dev/null

// How kernels are cut where all threads have the same registers and a block has 99 KB wherever the code runs. The module keeps
// the name of the chip for what comes after.
// CHECK:       module attributes {tile.chip = "sm_80"
// CHECK-LABEL: func.func @product(
// CHECK:       tile.kernel @gemm_n2048_k2048_tile256x128(
// CHECK-SAME:      tile.config = {block_k = 32 : i64, block_m = 256 : i64, block_n = 128 : i64, group = 8 : i64, stages = 4 : i64, staging = 0 : i64}
// Results leave from registers.
// CHECK:         tile.consumers %{{.*}} in 2
// CHECK:           tile.write
// CHECK-NOT:       tile.store
module attributes {transmamba.max_batch = 16 : i64, transmamba.max_sequence = 2048 : i64} {
  func.func @product(%a: tensor<32768x2048xbf16>, %b: tensor<2048x2048xbf16>) -> tensor<32768x2048xbf16> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<32768x2048xf32>
    %c = linalg.fill ins(%zero : f32) outs(%e : tensor<32768x2048xf32>) -> tensor<32768x2048xf32>
    %d = linalg.matmul ins(%a, %b : tensor<32768x2048xbf16>, tensor<2048x2048xbf16>) outs(%c : tensor<32768x2048xf32>) -> tensor<32768x2048xf32>
    %r = arith.truncf %d : tensor<32768x2048xf32> to tensor<32768x2048xbf16>
    return %r : tensor<32768x2048xbf16>
  }
}

// -----

// CHECK-LABEL: func.func @attention(
// CHECK:       tile.kernel @attention_h4_4_d64(
// CHECK-SAME:      tile.config = {block_m = 128 : i64, block_n = 64 : i64, stages = 2 : i64}
// CHECK:         tile.consumers %{{.*}} in 2
// CHECK:       tile.kernel @attention_h4_4_d256(
// CHECK-SAME:      tile.config = {block_m = 64 : i64, block_n = 32 : i64, stages = 2 : i64}
// CHECK:         tile.consumers %{{.*}} in 1
func.func @attention(%q: tensor<?x?x4x64xbf16>, %p: tensor<?x?x4x256xbf16>) -> (tensor<?x?x4x64xbf16>, tensor<?x?x4x256xbf16>) {
  %y = transmamba.attention %q, %q, %q {causal} : tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4x64xbf16> -> tensor<?x?x4x64xbf16>
  %z = transmamba.attention %p, %p, %p {causal} : tensor<?x?x4x256xbf16>, tensor<?x?x4x256xbf16>, tensor<?x?x4x256xbf16> -> tensor<?x?x4x256xbf16>
  return %y, %z : tensor<?x?x4x64xbf16>, tensor<?x?x4x256xbf16>
}

// -----

// What is asked for may have all of the chip's own shared memory, 163 KB, and no more.
// CHECK-LABEL: func.func @deep(
// CHECK:       tile.config = {block_m = 128 : i64, block_n = 64 : i64, stages = 3 : i64}
func.func @deep(%q: tensor<?x?x4x128xbf16>) -> tensor<?x?x4x128xbf16> {
  %y = transmamba.attention %q, %q, %q {causal, tile.config = {stages = 3 : i64}}
      : tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16> -> tensor<?x?x4x128xbf16>
  return %y : tensor<?x?x4x128xbf16>
}
