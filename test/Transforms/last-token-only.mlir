// RUN: transmamba-opt %s --pass-pipeline='builtin.module(func.func(transmamba-last-token-only),canonicalize)' | FileCheck %s

// The projection, the residual and the gate are those of the last token; what another reads is selected from.
// CHECK-LABEL: @layer
// CHECK-SAME:  (%[[X:.*]]: tensor<?x?x8xf32>, %[[Y:.*]]: tensor<?x?x8xf32>, %[[LEN:.*]]: tensor<?xi32>,
// CHECK:       %[[NORM:.*]] = transmamba.rms_norm %[[X]]
// CHECK:       transmamba.last_token %[[NORM]]
// CHECK:       linalg.matmul {{.*}} outs({{.*}} : tensor<?x8xf32>)
// CHECK:       transmamba.last_token %[[Y]]
// CHECK:       %[[BEFORE:.*]] = arith.subi %[[LEN]]
// CHECK:       %[[AT:.*]] = arith.maxsi %[[BEFORE]]
// CHECK:       transmamba.gated_rms_norm {{.*}} transpoint 4 at(%[[AT]] : tensor<?xi32>) {{.*}} : tensor<?x1x8xf32>
// CHECK:       transmamba.last_token %[[X]]
// CHECK:       arith.addf {{.*}} : tensor<?x1x8xf32>
// CHECK:       return %{{.*}}, %[[NORM]]
func.func @layer(%x: tensor<?x?x8xf32>, %y: tensor<?x?x8xf32>, %len: tensor<?xi32>, %w: tensor<8xf32>,
                 %z: tensor<8x8xf32>) -> (tensor<?x8xf32>, tensor<?x?x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x8xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x8xf32>
  %BT = arith.muli %B, %T : index
  %norm = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x?x8xf32>, tensor<8xf32>
  %rows = tensor.collapse_shape %norm [[0, 1], [2]] : tensor<?x?x8xf32> into tensor<?x8xf32>
  %empty = tensor.empty(%BT) : tensor<?x8xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x8xf32>) -> tensor<?x8xf32>
  %product = linalg.matmul ins(%rows, %z : tensor<?x8xf32>, tensor<8x8xf32>) outs(%fill : tensor<?x8xf32>) -> tensor<?x8xf32>
  %gate = tensor.expand_shape %product [[0, 1], [2]] output_shape [%B, %T, 8] : tensor<?x8xf32> into tensor<?x?x8xf32>
  %gated = transmamba.gated_rms_norm %y, %gate weight(%w : tensor<8xf32>) transpoint 4 eps 1.0e-05 : tensor<?x?x8xf32>
  %sum = arith.addf %x, %gated : tensor<?x?x8xf32>
  %last = transmamba.last_token %sum lengths(%len : tensor<?xi32>) : tensor<?x?x8xf32> -> tensor<?x8xf32>
  return %last, %norm : tensor<?x8xf32>, tensor<?x?x8xf32>
}

// Rows of a matrix that are cut into other sequences are not this batch's tokens.
// CHECK-LABEL: @other_sequences
// CHECK:       %[[Z:.*]] = tensor.expand_shape
// CHECK:       transmamba.last_token %[[Z]]
func.func @other_sequences(%x: tensor<?x?x8xf32>, %len: tensor<?xi32>, %B: index, %T: index) -> tensor<?x8xf32> {
  %y = transmamba.activate silu %x : tensor<?x?x8xf32>
  %rows = tensor.collapse_shape %y [[0, 1], [2]] : tensor<?x?x8xf32> into tensor<?x8xf32>
  %double = arith.addf %rows, %rows : tensor<?x8xf32>
  %z = tensor.expand_shape %double [[0, 1], [2]] output_shape [%B, %T, 8] : tensor<?x8xf32> into tensor<?x?x8xf32>
  %last = transmamba.last_token %z lengths(%len : tensor<?xi32>) : tensor<?x?x8xf32> -> tensor<?x8xf32>
  return %last : tensor<?x8xf32>
}
