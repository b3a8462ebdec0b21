// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-tile --canonicalize --cse | FileCheck %s

// A scan with everything: grouped queries and keys that are columns of the tensor of the values, D, an initial state, lengths.
// Steps beyond the length of a row are zeros, so they leave the state alone.
// CHECK-LABEL: func.func @scan(
// CHECK-SAME:      %[[X:.*]]: tensor<?x?x384xbf16>, %[[DT:.*]]: tensor<?x?x4xf32>, %[[A:.*]]: tensor<4xf32>, %[[D:.*]]: tensor<4xf32>, %[[LENGTHS:.*]]: tensor<?xi32>, %[[INIT:.*]]: !transmamba.ssm_state
// CHECK:         %[[STEPS:.*]] = linalg.generic {{.*}} ins(%[[DT]], %[[LENGTHS]]
// CHECK:           %[[INSIDE:.*]] = arith.cmpi slt
// CHECK:           arith.select %[[INSIDE]]
// CHECK:         %[[H0:.*]] = builtin.unrealized_conversion_cast %[[INIT]] : {{.*}} to tensor<?x4x64x64xf32>
// CHECK:         %[[R:.*]]:2 = tile.launch @scan_h4_n64_d64 grid(%{{[a-z0-9_]+}}, %{{[a-z0-9_]+}}, %{{[a-z0-9_]+}})
// CHECK-SAME:        ins(%[[X]], %[[X]], %[[X]], %[[STEPS]], %[[A]], %[[D]], %[[H0]], %[[LENGTHS]] :
// CHECK-SAME:        -> tensor<?x?x256xbf16>, tensor<?x4x64x64xf32>
// CHECK:         tensor.expand_shape %[[R]]#0 {{.*}} into tensor<?x?x4x64xbf16>
// CHECK:         builtin.unrealized_conversion_cast %[[R]]#1 : {{.*}} to !transmamba.ssm_state
// CHECK-NOT:     transmamba.ssd_scan
func.func @scan(%x: tensor<?x?x384xbf16>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %D: tensor<4xf32>, %lengths: tensor<?xi32>,
                %init: !transmamba.ssm_state<layer = 0, 4x64x64xf32>, %B: index, %T: index)
    -> (tensor<?x?x4x64xbf16>, !transmamba.ssm_state<layer = 0, 4x64x64xf32>) {
  %q = tensor.extract_slice %x[0, 0, 0] [%B, %T, 64] [1, 1, 1] : tensor<?x?x384xbf16> to tensor<?x?x64xbf16>
  %k = tensor.extract_slice %x[0, 0, 64] [%B, %T, 64] [1, 1, 1] : tensor<?x?x384xbf16> to tensor<?x?x64xbf16>
  %v = tensor.extract_slice %x[0, 0, 128] [%B, %T, 256] [1, 1, 1] : tensor<?x?x384xbf16> to tensor<?x?x256xbf16>
  %qh = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [%B, %T, 1, 64] : tensor<?x?x64xbf16> into tensor<?x?x1x64xbf16>
  %kh = tensor.expand_shape %k [[0], [1], [2, 3]] output_shape [%B, %T, 1, 64] : tensor<?x?x64xbf16> into tensor<?x?x1x64xbf16>
  %vh = tensor.expand_shape %v [[0], [1], [2, 3]] output_shape [%B, %T, 4, 64] : tensor<?x?x256xbf16> into tensor<?x?x4x64xbf16>
  %y, %h = transmamba.ssd_scan %qh, %kh, %vh, %dt, %A skip(%D : tensor<4xf32>) init(%init : !transmamba.ssm_state<layer = 0, 4x64x64xf32>)
      lengths(%lengths : tensor<?xi32>)
      : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16>, tensor<?x?x4x64xbf16>, tensor<?x?x4xf32>, tensor<4xf32>
      -> tensor<?x?x4x64xbf16>, !transmamba.ssm_state<layer = 0, 4x64x64xf32>
  return %y, %h : tensor<?x?x4x64xbf16>, !transmamba.ssm_state<layer = 0, 4x64x64xf32>
}

// CHECK:      tile.kernel @scan_h4_n64_d64(
// CHECK-SAME:     occupancy = 2 : i32
// CHECK-SAME:     tile.config = {occupancy = 2 : i64, stages = 2 : i64}
// CHECK:        tile.producer registers 24 {
// CHECK-COUNT-3:  tile.load
// CHECK:        tile.consumers %{{.*}} in 1 registers 232 {
// CHECK:          %[[H:.*]] = tile.read {{.*}} -> !tile.frag<64x64xf32>
// CHECK:          tile.store_fragment %[[H]] to %[[TILE:.*]] :
// CHECK:          scf.for
// CHECK:            tile.prefix_sum
// CHECK:            %[[S:.*]] = tile.mma {{.*}} transpose_b
// CHECK:            tile.await %[[S]]
// CHECK:            tile.mma %{{.*}}, %[[TILE]] :
// CHECK:            %[[Y:.*]] = tile.mma {{.*}} acc
// CHECK:            tile.await %[[Y]]
// CHECK:            tile.load_fragment transpose
// CHECK:            tile.scale_columns
// CHECK:            %[[NEW:.*]] = tile.await
// CHECK:            tile.store_fragment %[[NEW]] to %[[TILE]]
// CHECK:            tile.store
// CHECK:          tile.write

// -----

// The hybrid mixer from the start of a sequence: a scan of all tokens, and attention over those before the TransPoint.
// CHECK-LABEL: func.func @mixer(
// CHECK:         tile.launch @scan_h2_n96_d96
// CHECK:         arith.minui %{{.*}}, %{{.*}} : index
// CHECK:         %[[Q:.*]] = transmamba.rope
// CHECK:         %[[K:.*]] = transmamba.rope
// CHECK:         transmamba.append_kv %{{.*}}, %[[K]], %{{.*}} lengths
// CHECK:         tile.launch @attention_h2_2_d96
// CHECK:         tensor.insert_slice {{.*}}[0, 0, 0, 0] [%{{.*}}, %{{.*}}, 2, 96]
// CHECK-NOT:     transmamba.switch
func.func @mixer(%q: tensor<?x?x2x96xbf16>, %k: tensor<?x?x2x96xbf16>, %v: tensor<?x?x2x96xbf16>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>,
                 %cache: !transmamba.kv_cache<layer = 1, 2x96xbf16>, %lengths: tensor<?xi32>)
    -> (tensor<?x?x2x96xbf16>, !transmamba.ssm_state<layer = 1, 2x96x96xf32>, !transmamba.kv_cache<layer = 1, 2x96xbf16>) {
  %y, %h, %c = transmamba.switch %q, %k, %v, %dt, %A transpoint 128 cache(%cache : !transmamba.kv_cache<layer = 1, 2x96xbf16>)
      lengths(%lengths : tensor<?xi32>) {rope_theta = 1.0e+04 : f64}
      : tensor<?x?x2x96xbf16>, tensor<?x?x2x96xbf16>, tensor<?x?x2x96xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x96xbf16>, !transmamba.ssm_state<layer = 1, 2x96x96xf32>, !transmamba.kv_cache<layer = 1, 2x96xbf16>
  return %y, %h, %c : tensor<?x?x2x96xbf16>, !transmamba.ssm_state<layer = 1, 2x96x96xf32>, !transmamba.kv_cache<layer = 1, 2x96xbf16>
}

// -----

// Not a kernel: f32, one token, a state that does not fit in registers, a scan that starts later.
// CHECK-LABEL: func.func @not
// CHECK-COUNT-4: transmamba.ssd_scan
// CHECK-NOT:     tile.launch
func.func @not(%q: tensor<?x?x2x64xf32>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>, %q1: tensor<?x1x2x64xbf16>, %dt1: tensor<?x1x2xf32>,
               %q2: tensor<?x?x2x128xbf16>, %q3: tensor<?x?x2x64xbf16>, %h3: !transmamba.ssm_state<layer = 3, 2x64x64xf32>, %n: index)
    -> (tensor<?x?x2x64xf32>, tensor<?x1x2x64xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x64xbf16>) {
  %y, %h = transmamba.ssd_scan %q, %q, %q, %dt, %A
      : tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2x64xf32>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xf32>, !transmamba.ssm_state<layer = 0, 2x64x64xf32>
  %y1, %g1 = transmamba.ssd_scan %q1, %q1, %q1, %dt1, %A
      : tensor<?x1x2x64xbf16>, tensor<?x1x2x64xbf16>, tensor<?x1x2x64xbf16>, tensor<?x1x2xf32>, tensor<2xf32>
      -> tensor<?x1x2x64xbf16>, !transmamba.ssm_state<layer = 1, 2x64x64xf32>
  %y2, %g2 = transmamba.ssd_scan %q2, %q2, %q2, %dt, %A
      : tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x128xbf16>, !transmamba.ssm_state<layer = 2, 2x128x128xf32>
  %y3, %g3 = transmamba.ssd_scan %q3, %q3, %q3, %dt, %A init(%h3 : !transmamba.ssm_state<layer = 3, 2x64x64xf32>) start(%n)
      : tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xbf16>, !transmamba.ssm_state<layer = 3, 2x64x64xf32>
  return %y, %y1, %y2, %y3 : tensor<?x?x2x64xf32>, tensor<?x1x2x64xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x64xbf16>
}
