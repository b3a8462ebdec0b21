// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-linalg --canonicalize | FileCheck %s

// A state becomes a tensor with a leading batch dimension, written in place;
// the capacity of a cache is its TransPoint, at most the longest sequence.

module attributes {transmamba.schedule = #transmamba.schedule<[64, 4096]>, transmamba.max_sequence = 512 : i64} {
  // CHECK-LABEL: func.func @append(
  // CHECK-SAME:    %[[C:.*]]: tensor<?x2x2x64x48xf32> {bufferization.writable = true, transmamba.name = "kv"}
  // CHECK-SAME:    -> (tensor<?x2x2x64x48xf32> {transmamba.name = "kv"})
  // CHECK:         scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (%{{.*}}, 2, %{{.*}}) shared_outs(%[[O:.*]] = %[[C]])
  // CHECK-DAG:       tensor.parallel_insert_slice %{{.*}} into %[[O]][%{{.*}}, 0, %{{.*}}, %{{.*}}, 0] [1, 1, 1, %{{.*}}, 48] [1, 1, 1, 1, 1]
  // CHECK-DAG:       tensor.parallel_insert_slice %{{.*}} into %[[O]][%{{.*}}, 1, %{{.*}}, %{{.*}}, 0] [1, 1, 1, %{{.*}}, 48] [1, 1, 1, 1, 1]
  func.func @append(%c: !transmamba.kv_cache<layer = 0, 2x48xf32> {transmamba.name = "kv"}, %k: tensor<?x?x1x48xf32>, %v: tensor<?x?x2x48xf32>,
                    %len: tensor<?xi32>) -> (!transmamba.kv_cache<layer = 0, 2x48xf32> {transmamba.name = "kv"}) {
    %n = transmamba.append_kv %c, %k, %v lengths(%len : tensor<?xi32>)
        : !transmamba.kv_cache<layer = 0, 2x48xf32>, tensor<?x?x1x48xf32>, tensor<?x?x2x48xf32>
    return %n : !transmamba.kv_cache<layer = 0, 2x48xf32>
  }

  // CHECK-LABEL: func.func @capacity(
  // CHECK-SAME:    tensor<?x2x1x512x32xbf16>
  // CHECK-SAME:    tensor<?x3x576xbf16>
  // CHECK-SAME:    tensor<?x96x16xf32>
  func.func @capacity(%c: !transmamba.kv_cache<layer = 1, 1x32xbf16>, %w: !transmamba.conv_window<layer = 1, 3x576xbf16>,
                      %s: !transmamba.ssm_state<layer = 1, 96x16xf32>)
      -> (!transmamba.kv_cache<layer = 1, 1x32xbf16>, !transmamba.conv_window<layer = 1, 3x576xbf16>, !transmamba.ssm_state<layer = 1, 96x16xf32>) {
    return %c, %w, %s : !transmamba.kv_cache<layer = 1, 1x32xbf16>, !transmamba.conv_window<layer = 1, 3x576xbf16>, !transmamba.ssm_state<layer = 1, 96x16xf32>
  }
}

// -----

// A state that is made anew is made in the argument of its type, through both
// operations that make it; one that something reads is left alone.

// CHECK-LABEL: func.func @fresh(
// CHECK-SAME:    %[[OLD:[a-z0-9]*]]: tensor<?x4x32x32xf32> {bufferization.writable = true})
// CHECK:         %[[H:.*]] = scf.forall {{.*}} shared_outs(%{{.*}} = %[[OLD]])
// CHECK:         scf.forall {{.*}} shared_outs(%{{.*}} = %{{.*}}, %{{.*}} = %[[H]])
func.func @fresh(%k: tensor<?x?x4x32xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %old: !transmamba.ssm_state<layer = 1, 4x32x32xf32>)
    -> (tensor<?x?x4x32xf32>, !transmamba.ssm_state<layer = 1, 4x32x32xf32>) {
  %h = transmamba.convert_memory %k, %k, %dt, %A
      : tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x32x32xf32>
  %y, %n = transmamba.ssd_scan %k, %k, %k, %dt, %A init(%h : !transmamba.ssm_state<layer = 1, 4x32x32xf32>)
      : tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>, tensor<4xf32>
      -> tensor<?x?x4x32xf32>, !transmamba.ssm_state<layer = 1, 4x32x32xf32>
  return %y, %n : tensor<?x?x4x32xf32>, !transmamba.ssm_state<layer = 1, 4x32x32xf32>
}

// CHECK-LABEL: func.func @caller(
// CHECK:         call @fresh({{.*}}) : (tensor<?x?x4x32xf32>, tensor<?x?x4xf32>, tensor<4xf32>, tensor<?x4x32x32xf32>) -> (tensor<?x?x4x32xf32>, tensor<?x4x32x32xf32>)
func.func @caller(%k: tensor<?x?x4x32xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %h: !transmamba.ssm_state<layer = 1, 4x32x32xf32>)
    -> !transmamba.ssm_state<layer = 1, 4x32x32xf32> {
  %y, %n = func.call @fresh(%k, %dt, %A, %h)
      : (tensor<?x?x4x32xf32>, tensor<?x?x4xf32>, tensor<4xf32>, !transmamba.ssm_state<layer = 1, 4x32x32xf32>)
      -> (tensor<?x?x4x32xf32>, !transmamba.ssm_state<layer = 1, 4x32x32xf32>)
  return %n : !transmamba.ssm_state<layer = 1, 4x32x32xf32>
}
