// Sizes of results are those of operands: no operation has to be computed to know how large its result is.
// RUN: transmamba-opt %s --resolve-ranked-shaped-type-result-dims --canonicalize | FileCheck %s --implicit-check-not=' = transmamba.'

// CHECK-LABEL: func.func @embedding(
// CHECK-SAME:    %[[TOKENS:[a-z0-9]+]]: tensor<?x?xi32>, %[[TABLE:[a-z0-9]+]]: tensor<256x?xf32>
// CHECK-DAG:     %[[B:.+]] = tensor.dim %[[TOKENS]], %c0
// CHECK-DAG:     %[[T:.+]] = tensor.dim %[[TOKENS]], %c1
// CHECK-DAG:     %[[C:.+]] = tensor.dim %[[TABLE]], %c1
// CHECK:         return %[[B]], %[[T]], %[[C]]
func.func @embedding(%tokens: tensor<?x?xi32>, %table: tensor<256x?xf32>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %y = transmamba.embedding %tokens, %table : tensor<?x?xi32>, tensor<256x?xf32> -> tensor<?x?x?xf32>
  %b = tensor.dim %y, %c0 : tensor<?x?x?xf32>
  %t = tensor.dim %y, %c1 : tensor<?x?x?xf32>
  %c = tensor.dim %y, %c2 : tensor<?x?x?xf32>
  return %b, %t, %c : index, index, index
}

// CHECK-LABEL: func.func @last_token(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x?x?xf32>
// CHECK-DAG:     %[[B:.+]] = tensor.dim %[[X]], %c0
// CHECK-DAG:     %[[C:.+]] = tensor.dim %[[X]], %c2
// CHECK:         return %[[B]], %[[C]]
func.func @last_token(%x: tensor<?x?x?xf32>, %len: tensor<?xi32>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %y = transmamba.last_token %x lengths(%len : tensor<?xi32>) : tensor<?x?x?xf32> -> tensor<?x?xf32>
  %b = tensor.dim %y, %c0 : tensor<?x?xf32>
  %c = tensor.dim %y, %c1 : tensor<?x?xf32>
  return %b, %c : index, index
}

// Tokens in, tokens out: through a chain of operations as well.
// CHECK-LABEL: func.func @rows(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x?x64xf32>
// CHECK-DAG:     %[[B:.+]] = tensor.dim %[[X]], %c0
// CHECK-DAG:     %[[T:.+]] = tensor.dim %[[X]], %c1
// CHECK:         return %[[B]], %[[T]]
func.func @rows(%x: tensor<?x?x64xf32>, %w: tensor<64xf32>, %k: tensor<64x4xf32>, %at: tensor<?xi32>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x?x64xf32>, tensor<64xf32>
  %b, %window = transmamba.causal_conv1d %a, %k : tensor<?x?x64xf32>, tensor<64x4xf32> -> !transmamba.conv_window<layer = 0, 3x64xf32>
  %c = transmamba.activate silu %b : tensor<?x?x64xf32>
  %d = transmamba.gated_rms_norm %c, %x eps 1.0e-05 : tensor<?x?x64xf32>
  %e = transmamba.select_reading %d, %x at(%at : tensor<?xi32>) layer 0 : tensor<?x?x64xf32>
  %rows = tensor.dim %e, %c0 : tensor<?x?x64xf32>
  %tokens = tensor.dim %e, %c1 : tensor<?x?x64xf32>
  return %rows, %tokens : index, index
}

// Queries have a number of tokens of their own.
// CHECK-LABEL: func.func @attention(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<?x?x4x48xf32>
// CHECK-DAG:     %[[B:.+]] = tensor.dim %[[Q]], %c0
// CHECK-DAG:     %[[T:.+]] = tensor.dim %[[Q]], %c1
// CHECK:         return %[[B]], %[[T]]
func.func @attention(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x2x48xf32>, %cache: !transmamba.kv_cache<layer = 0, 2x48xf32>, %at: tensor<?xi32>) -> (index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = transmamba.rope %q theta 1.0e+04 : tensor<?x?x4x48xf32>
  %y = transmamba.attention %r, %k, %k : tensor<?x?x4x48xf32>, tensor<?x?x2x48xf32>, tensor<?x?x2x48xf32> -> tensor<?x?x4x48xf32>
  %z = transmamba.cached_attention %y, %cache at(%at : tensor<?xi32>) : tensor<?x?x4x48xf32>, !transmamba.kv_cache<layer = 0, 2x48xf32> -> tensor<?x?x4x48xf32>
  %rows = tensor.dim %z, %c0 : tensor<?x?x4x48xf32>
  %tokens = tensor.dim %z, %c1 : tensor<?x?x4x48xf32>
  return %rows, %tokens : index, index
}

// CHECK-LABEL: func.func @scans(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<?x?x4x48xf32>
// CHECK-SAME:    %[[U:[a-z0-9]+]]: tensor<?x?x64xf32>
// CHECK-DAG:     %[[B:.+]] = tensor.dim %[[Q]], %c0
// CHECK-DAG:     %[[T:.+]] = tensor.dim %[[Q]], %c1
// CHECK-DAG:     %[[UT:.+]] = tensor.dim %[[U]], %c1
// CHECK:         return %[[B]], %[[T]], %[[UT]]
func.func @scans(%q: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %u: tensor<?x?x64xf32>, %udt: tensor<?x?x64xf32>, %uA: tensor<64x16xf32>, %b: tensor<?x?x16xf32>) -> (index, index, index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %y, %h = transmamba.ssd_scan %q, %q, %q, %dt, %A : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32>
      -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 0, 4x48x48xf32>
  %z, %g = transmamba.switch %y, %q, %q, %dt, %A transpoint 128 : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32>
      -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  %s, %f = transmamba.selective_scan %u, %udt, %uA, %b, %b : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
      -> !transmamba.ssm_state<layer = 2, 64x16xf32>
  %rows = tensor.dim %z, %c0 : tensor<?x?x4x48xf32>
  %tokens = tensor.dim %z, %c1 : tensor<?x?x4x48xf32>
  %others = tensor.dim %s, %c1 : tensor<?x?x64xf32>
  return %rows, %tokens, %others : index, index, index
}
