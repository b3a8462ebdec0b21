// RUN: transmamba-opt %s --convert-transmamba-to-tile --canonicalize --cse | FileCheck %s

// Weights of few rows are loaded before earlier launches have ended: half a ring of them, then A. What is no parameter of
// the model may be written by any of those, and takes a kernel of its own.
module attributes {transmamba.max_batch = 12 : i64, transmamba.max_sequence = 1024 : i64} {
transmamba.parameter @w from "w" : tensor<4096x32xbf16>
// CHECK-LABEL: func.func @step(
// CHECK:         tile.launch @gemm_n32_k4096_f32_tile16x16 grid
// CHECK:         tile.launch @gemm_n32_k4096_f32_tile16x16_0 grid
// CHECK:       tile.kernel @gemm_n32_k4096_f32_tile16x16(%[[A:.*]]: memref<?x4096xbf16>, %[[B:.*]]: memref<4096x32xbf16> {tile.constant}, %{{.*}}: memref<?x32xf32>)
// CHECK:         tile.producer
// CHECK-NEXT:      scf.for
// CHECK-NOT:         tile.load %[[A]]
// CHECK:             tile.load %[[B]]
// CHECK:           }
// CHECK-NEXT:      scf.for
// CHECK-NOT:         tile.load %[[B]]
// CHECK:             tile.load %[[A]]
// CHECK:           }
// CHECK:           scf.for
// CHECK:             tile.load %[[B]]
// CHECK:             tile.load %[[A]]
// CHECK:       tile.kernel @gemm_n32_k4096_f32_tile16x16_0(
// CHECK-NOT:     tile.constant
func.func @step(%tokens: tensor<?x1x4096xbf16>, %b: tensor<4096x32xbf16>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %c0 = arith.constant 0 : index
  %a = tensor.collapse_shape %tokens [[0, 1], [2]] : tensor<?x1x4096xbf16> into tensor<?x4096xbf16>
  %m = tensor.dim %a, %c0 : tensor<?x4096xbf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%m) : tensor<?x32xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %w = transmamba.get_parameter @w : tensor<4096x32xbf16>
  %0 = linalg.matmul ins(%a, %w : tensor<?x4096xbf16>, tensor<4096x32xbf16>) outs(%z : tensor<?x32xf32>) -> tensor<?x32xf32>
  %1 = linalg.matmul ins(%a, %b : tensor<?x4096xbf16>, tensor<4096x32xbf16>) outs(%z : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %0, %1 : tensor<?x32xf32>, tensor<?x32xf32>
}
}
