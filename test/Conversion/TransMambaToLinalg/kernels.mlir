// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-linalg="query-block=32 key-block=16 chunk=24 value-block=16" --canonicalize | FileCheck %s
// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-linalg="key-segment=64" --canonicalize | FileCheck %s --check-prefix=SPLIT

// The shape of the hot kernels. That they compute the right numbers is tested
// by test/Unit/Conversion/TransMambaToLinalg.

// CHECK-LABEL: func.func @attention(
// CHECK:         scf.forall (%[[B:.*]], %[[H:.*]], %[[I:.*]]) in (%{{.*}}, 4, %{{.*}})
// Heads are grouped: queries 0 and 1 read head 0 of the keys.
// CHECK:           tensor.insert_slice %{{.*}} : tensor<?x32xbf16> into tensor<32x32xbf16>
// CHECK:           scf.for %{{.*}} -> (tensor<32x48xf32>, tensor<32xf32>, tensor<32xf32>)
// CHECK-DAG:         %[[G:.*]] = arith.divui %[[H]], %c2
// CHECK-DAG:         tensor.extract_slice %{{.*}}[%[[B]], %{{.*}}, %[[G]], 0] [1, %{{.*}}, 1, 32]
// Scores, whose operands stay bf16; in the type of the accumulator.
// CHECK:             linalg.generic {{.*}} ins(%{{.*}} : tensor<32x32xbf16>, tensor<16x32xbf16>) outs(%{{.*}} : tensor<32x16xf32>)
// CHECK:               arith.extf
// CHECK:             math.exp
// CHECK:             linalg.generic {{.*}} ins(%{{.*}} : tensor<32x16xf32>, tensor<16x48xbf16>) outs(%{{.*}} : tensor<32x48xf32>)
// CHECK:           tensor.parallel_insert_slice
func.func @attention(%q: tensor<?x?x4x32xbf16>, %k: tensor<?x?x2x32xbf16>, %v: tensor<?x?x4x48xbf16>) -> tensor<?x?x4x48xbf16> {
  %y = transmamba.attention %q, %k, %v {causal}
      : tensor<?x?x4x32xbf16>, tensor<?x?x2x32xbf16>, tensor<?x?x4x48xbf16> -> tensor<?x?x4x48xbf16>
  return %y : tensor<?x?x4x48xbf16>
}

// -----

// One query is a tile of one row, and its keys are read where they lie.

module attributes {transmamba.max_sequence = 512 : i64} {
  // CHECK-LABEL: func.func @decode(
  // CHECK:         scf.for %
  // CHECK-NOT:       tensor.insert_slice
  // CHECK:           linalg.generic {{.*}} ins(%{{.*}} : tensor<1x48xf32>, tensor<?x48xf32>) outs(%{{.*}} : tensor<1x?xf32>)
  // CHECK-NOT:       tensor.insert_slice
  // CHECK:           scf.yield
  func.func @decode(%q: tensor<?x1x4x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %at: tensor<?xi32>) -> tensor<?x1x4x48xf32> {
    %y = transmamba.cached_attention %q, %c at(%at : tensor<?xi32>)
        : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xf32>
    return %y : tensor<?x1x4x48xf32>
  }
}

// -----

// Columns of the state in blocks; the state is carried in its own place.

// CHECK-LABEL: func.func @scan(
// CHECK-SAME:    %[[INIT:[a-z0-9]*]]: tensor<?x2x32x48xf32> {bufferization.writable = true}
// CHECK:         scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (%{{.*}}, 2, 3) shared_outs(%{{.*}} = %{{.*}}, %[[S:.*]] = %[[INIT]])
// CHECK:           %[[H:.*]] = tensor.extract_slice %[[S]][%{{.*}}, %{{.*}}, 0, %{{.*}}] [1, 1, 32, 16]
// CHECK:           scf.for %{{.*}} iter_args(%{{.*}} = %[[H]], %{{.*}} = %{{.*}})
// CHECK:             linalg.generic {{.*}} outs(%{{.*}} : tensor<24x24xf32>)
func.func @scan(%q: tensor<?x?x2x32xf32>, %v: tensor<?x?x2x48xf32>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>,
                %h: !transmamba.ssm_state<layer = 0, 2x32x48xf32>) -> (tensor<?x?x2x48xf32>, !transmamba.ssm_state<layer = 0, 2x32x48xf32>) {
  %y, %n = transmamba.ssd_scan %q, %q, %v, %dt, %A init(%h : !transmamba.ssm_state<layer = 0, 2x32x48xf32>)
      : tensor<?x?x2x32xf32>, tensor<?x?x2x32xf32>, tensor<?x?x2x48xf32>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x48xf32>, !transmamba.ssm_state<layer = 0, 2x32x48xf32>
  return %y, %n : tensor<?x?x2x48xf32>, !transmamba.ssm_state<layer = 0, 2x32x48xf32>
}

// -----

// One token is one step of the recurrence: no chunk, no loop.

// CHECK-LABEL: func.func @step(
// CHECK:         scf.forall
// CHECK-NOT:       scf.for %
// CHECK-NOT:       tensor<24x
// CHECK:           scf.forall.in_parallel
func.func @step(%q: tensor<?x1x2x32xf32>, %v: tensor<?x1x2x48xf32>, %dt: tensor<?x1x2xf32>, %A: tensor<2xf32>,
                %h: !transmamba.ssm_state<layer = 0, 2x32x48xf32>) -> (tensor<?x1x2x48xf32>, !transmamba.ssm_state<layer = 0, 2x32x48xf32>) {
  %y, %n = transmamba.ssd_scan %q, %q, %v, %dt, %A init(%h : !transmamba.ssm_state<layer = 0, 2x32x48xf32>)
      : tensor<?x1x2x32xf32>, tensor<?x1x2x32xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2xf32>, tensor<2xf32>
      -> tensor<?x1x2x48xf32>, !transmamba.ssm_state<layer = 0, 2x32x48xf32>
  return %y, %n : tensor<?x1x2x48xf32>, !transmamba.ssm_state<layer = 0, 2x32x48xf32>
}

// -----

// Append, attention and scan, into one output.

// CHECK-LABEL: module
// CHECK-DAG:     transmamba.parameter @[[COS:.*]] table <theta = 1.000000e+04, cos> : tensor<256x24xf32>
// CHECK-DAG:     transmamba.parameter @[[SIN:.*]] table <theta = 1.000000e+04, sin> : tensor<256x24xf32>
// CHECK-LABEL: func.func @switch(
// CHECK-SAME:    %[[C:[a-z0-9]*]]: tensor<?x2x2x128x48xf32> {bufferization.writable = true}
// CHECK-DAG:     transmamba.get_parameter @[[COS]]
// CHECK-DAG:     transmamba.get_parameter @[[SIN]]
// CHECK:         %[[C1:.*]] = scf.forall {{.*}} shared_outs(%{{.*}} = %[[C]])
// CHECK:         %[[Y:.*]] = scf.forall
// CHECK:         %[[R:.*]]:2 = scf.forall {{.*}} shared_outs(%{{.*}} = %[[Y]], %{{.*}} = %{{.*}})
// CHECK:         return %[[R]]#0, %[[R]]#1, %[[C1]]
module attributes {transmamba.schedule = #transmamba.schedule<[128]>, transmamba.max_sequence = 256 : i64} {
  func.func @switch(%q: tensor<?x?x2x48xf32>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>, %c: !transmamba.kv_cache<layer = 0, 2x48xf32>)
      -> (tensor<?x?x2x48xf32>, !transmamba.ssm_state<layer = 0, 2x48x48xf32>, !transmamba.kv_cache<layer = 0, 2x48xf32>) {
    %y, %h, %n = transmamba.switch %q, %q, %q, %dt, %A transpoint 128 cache(%c : !transmamba.kv_cache<layer = 0, 2x48xf32>) {rope_theta = 1.0e+04 : f64}
        : tensor<?x?x2x48xf32>, tensor<?x?x2x48xf32>, tensor<?x?x2x48xf32>, tensor<?x?x2xf32>, tensor<2xf32>
        -> tensor<?x?x2x48xf32>, !transmamba.ssm_state<layer = 0, 2x48x48xf32>, !transmamba.kv_cache<layer = 0, 2x48xf32>
    return %y, %h, %n : tensor<?x?x2x48xf32>, !transmamba.ssm_state<layer = 0, 2x48x48xf32>, !transmamba.kv_cache<layer = 0, 2x48xf32>
  }
}

// -----

// A workgroup never has more scratch than allowed: heads of 256 get smaller blocks.

// CHECK-LABEL: func.func @wide(
// CHECK-NOT:     tensor<32x256xf32>
// CHECK:         return
func.func @wide(%q: tensor<?x?x1x512xf32>) -> tensor<?x?x1x512xf32> {
  %y = transmamba.attention %q, %q, %q {causal} : tensor<?x?x1x512xf32>, tensor<?x?x1x512xf32>, tensor<?x?x1x512xf32> -> tensor<?x?x1x512xf32>
  return %y : tensor<?x?x1x512xf32>
}

// -----

// One block of tokens: outputs and window in one kernel, the activation too.

// CHECK-LABEL: func.func @conv(
// CHECK-SAME:    %[[W:[a-z0-9]*]]: tensor<?x3x96xf32> {bufferization.writable = true}
// CHECK:         %[[R:.*]]:2 = scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 2) shared_outs(%{{.*}} = %{{.*}}, %{{.*}} = %[[W]])
// CHECK:           math.exp
// CHECK:         }
// CHECK-NOT:     linalg.generic
// CHECK:         return %[[R]]#0, %[[R]]#1
func.func @conv(%x: tensor<?x1x96xf32>, %w: tensor<96x4xf32>, %win: !transmamba.conv_window<layer = 0, 3x96xf32>)
    -> (tensor<?x1x96xf32>, !transmamba.conv_window<layer = 0, 3x96xf32>) {
  %y, %n = transmamba.causal_conv1d %x, %w window(%win : !transmamba.conv_window<layer = 0, 3x96xf32>)
      : tensor<?x1x96xf32>, tensor<96x4xf32> -> !transmamba.conv_window<layer = 0, 3x96xf32>
  %z = transmamba.activate silu %y : tensor<?x1x96xf32>
  return %z, %n : tensor<?x1x96xf32>, !transmamba.conv_window<layer = 0, 3x96xf32>
}

// -----

// Many tokens: a block with all its tokens reads the rows of each tap where they
// lie, and no scratch but weights; the activation of what is rounded to 16 bits
// may be approximated.

// CHECK-LABEL: func.func @long_conv(
// CHECK-SAME:    %[[X:[a-z0-9]*]]: tensor<?x?x96xbf16>
// CHECK:         scf.forall
// CHECK:           bufferization.alloc_tensor() : tensor<4x96xbf16>
// CHECK:           scf.if
// CHECK:             bufferization.alloc_tensor() : tensor<67x96xbf16>
// CHECK:           } else {
// CHECK-NOT:         alloc_tensor
// CHECK-COUNT-4:     tensor.extract_slice %[[X]]{{.*}} : tensor<?x?x96xbf16> to tensor<64x96xbf16>
// CHECK:             math.exp %{{.*}} fastmath<afn>
// CHECK:             arith.divf %{{.*}} fastmath<afn>
// CHECK:             tensor.insert_slice %{{.*}} : tensor<64x96xbf16> into tensor<?x?x96xbf16>
// CHECK:           tensor.parallel_insert_slice
func.func @long_conv(%x: tensor<?x?x96xbf16>, %w: tensor<96x4xbf16>) -> tensor<?x?x96xbf16> {
  %y, %n = transmamba.causal_conv1d %x, %w : tensor<?x?x96xbf16>, tensor<96x4xbf16> -> !transmamba.conv_window<layer = 0, 3x96xbf16>
  %z = transmamba.activate silu %y : tensor<?x?x96xbf16>
  return %z : tensor<?x?x96xbf16>
}

// -----

// Without a window to carry on with, the first block of tokens writes the next
// one: nobody reads what it writes over.

// CHECK-LABEL: func.func @conv_of_prompt(
// CHECK:         scf.forall {{.*}} shared_outs(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) -> (tensor<?x?x96xbf16>, tensor<?x3x96xbf16>)
// CHECK-NOT:     scf.forall (
func.func @conv_of_prompt(%x: tensor<?x?x96xbf16>, %w: tensor<96x4xbf16>, %len: tensor<?xi32>)
    -> (tensor<?x?x96xbf16>, !transmamba.conv_window<layer = 0, 3x96xbf16>) {
  %y, %n = transmamba.causal_conv1d %x, %w lengths(%len : tensor<?xi32>)
      : tensor<?x?x96xbf16>, tensor<96x4xbf16> -> !transmamba.conv_window<layer = 0, 3x96xbf16>
  return %y, %n : tensor<?x?x96xbf16>, !transmamba.conv_window<layer = 0, 3x96xbf16>
}

// -----

// CHECK-LABEL: func.func @selective(
// CHECK:         scf.forall (%{{.*}}) in (%{{.*}})
// CHECK:           scf.for %{{.*}} -> (tensor<64x16xf32>, tensor<?x64xf32>)
// CHECK:             math.exp
func.func @selective(%u: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>)
    -> (tensor<?x?x64xf32>, !transmamba.ssm_state<layer = 0, 64x16xf32>) {
  %y, %h = transmamba.selective_scan %u, %u, %A, %B, %B
      : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
      -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return %y, %h : tensor<?x?x64xf32>, !transmamba.ssm_state<layer = 0, 64x16xf32>
}

// -----

// Attention of one query to a long cache: segments of it, which are then combined.
// SPLIT-LABEL: func.func @segments(
// SPLIT:         %[[PARTS:.*]]:3 = scf.forall (%{{.*}}, %{{.*}}, %[[S:.*]]) in (%{{.*}}, 4, 8)
// SPLIT-SAME:      -> (tensor<?x4x8x48xf32>, tensor<?x4x8xf32>, tensor<?x4x8xf32>)
// SPLIT:           arith.muli %[[S]], %c64
// SPLIT:           scf.for
// SPLIT:         scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 4)
// Only segments that have something.
// SPLIT:           tensor.extract_slice %[[PARTS]]#0[%{{.*}}, %{{.*}}, %{{.*}}, 0] [1, 1, %{{.*}}, 48]
// SPLIT:           math.exp
module attributes {transmamba.max_sequence = 512 : i64} {
  func.func @segments(%q: tensor<?x1x4x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %at: tensor<?xi32>) -> tensor<?x1x4x48xf32> {
    %y = transmamba.cached_attention %q, %c at(%at : tensor<?xi32>)
        : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xf32>
    return %y : tensor<?x1x4x48xf32>
  }
}
