// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-tile --canonicalize --cse | FileCheck %s

// A gate that no norm follows is part of the scan, also where it is made after it. It is columns of a projection.
// CHECK-LABEL: func.func @gate(
// CHECK-SAME:      %[[X:.*]]: tensor<?x?x128xbf16>, %{{.*}}: tensor<?x?x2xf32>, %{{.*}}: tensor<2xf32>, %[[ZX:.*]]: tensor<?x?x192xbf16>
// CHECK:         %[[Y:[a-z0-9_]+]]:2 = tile.launch @scan_h2_n64_d64
// CHECK-SAME:        ins(%[[X]], %[[X]], %[[X]], %{{[a-z0-9_]+}}, %{{[a-z0-9_]+}}, %[[ZX]],
// CHECK-NOT:     gated_rms_norm
// CHECK:         return %[[Y]]#0
// The result takes the place of its gate. The first one is loaded twice, so that each chunk finds one to give back.
// CHECK:       tile.kernel @scan_h2_n64_d64(
// CHECK:         %[[GATE:.*]] = tile.ring : !tile.ring<128x64xbf16, stages = 1>
// CHECK:         tile.producer
// CHECK:           tile.load %{{.*}} to %[[GATE]]
// CHECK:           scf.for
// CHECK-COUNT-3:     tile.load
// CHECK:             tile.load %{{.*}} to %[[GATE]]
// CHECK:         tile.consumers
// CHECK:           tile.consumer_wait %[[GATE]]
// CHECK:           scf.for
// CHECK:             tile.store_wait
// CHECK:             tile.consumer_release %[[GATE]]
// CHECK:             %[[Z:.*]] = tile.consumer_wait %[[GATE]]
// CHECK:             %[[OWN:.*]] = tile.row_slice %[[Z]]
// CHECK:             tile.load_fragment %[[OWN]]
// CHECK:             math.exp2
// CHECK:             arith.divf
// CHECK:             tile.store_fragment %{{.*}} to %[[OWN]]
// CHECK:             tile.store %[[OWN]]
!state = !transmamba.ssm_state<layer = 0, 2x64x64xf32>
func.func @gate(%x: tensor<?x?x128xbf16>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>, %zx: tensor<?x?x192xbf16>, %B: index, %T: index)
    -> tensor<?x?x128xbf16> {
  %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%B, %T, 2, 64] : tensor<?x?x128xbf16> into tensor<?x?x2x64xbf16>
  %y, %s = transmamba.ssd_scan %h, %h, %h, %dt, %A
      : tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xbf16>, !state
  %j = tensor.collapse_shape %y [[0], [1], [2, 3]] : tensor<?x?x2x64xbf16> into tensor<?x?x128xbf16>
  %z = tensor.extract_slice %zx[0, 0, 64] [%B, %T, 128] [1, 1, 1] : tensor<?x?x192xbf16> to tensor<?x?x128xbf16>
  %g = transmamba.gated_rms_norm %j, %z eps 1.0e-05 : tensor<?x?x128xbf16>
  return %g : tensor<?x?x128xbf16>
}

// -----

// Of a mixer, the gate of the tokens that scan.
// CHECK-LABEL: func.func @mixer(
// CHECK:         tile.launch @scan_h2_n64_d64
// CHECK-NOT:     gated_rms_norm
!state = !transmamba.ssm_state<layer = 1, 2x64x64xf32>
!cache = !transmamba.kv_cache<layer = 1, 2x64xbf16>
func.func @mixer(%q: tensor<?x?x2x64xbf16>, %k: tensor<?x?x2x64xbf16>, %v: tensor<?x?x2x64xbf16>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>,
                 %cache: !cache, %z: tensor<?x?x128xbf16>) -> (tensor<?x?x128xbf16>, !state, !cache) {
  %y, %h, %c = transmamba.switch %q, %k, %v, %dt, %A transpoint 128 cache(%cache : !cache)
      : tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xbf16>, !state, !cache
  %j = tensor.collapse_shape %y [[0], [1], [2, 3]] : tensor<?x?x2x64xbf16> into tensor<?x?x128xbf16>
  %g = transmamba.gated_rms_norm %j, %z transpoint 128 eps 1.0e-05 : tensor<?x?x128xbf16>
  return %g, %h, %c : tensor<?x?x128xbf16>, !state, !cache
}

// -----

// A norm needs all heads of a token; another TransPoint gates other tokens; and who reads what has no gate gets it.
// CHECK-LABEL: func.func @apart(
// CHECK-COUNT-3: gated_rms_norm
!state = !transmamba.ssm_state<layer = 0, 2x64x64xf32>
func.func @apart(%q: tensor<?x?x2x64xbf16>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>, %z: tensor<?x?x128xbf16>, %w: tensor<128xf32>)
    -> (tensor<?x?x128xbf16>, tensor<?x?x128xbf16>, tensor<?x?x128xbf16>, tensor<?x?x128xbf16>) {
  %y0, %s0 = transmamba.ssd_scan %q, %q, %q, %dt, %A
      : tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xbf16>, !state
  %j0 = tensor.collapse_shape %y0 [[0], [1], [2, 3]] : tensor<?x?x2x64xbf16> into tensor<?x?x128xbf16>
  %g0 = transmamba.gated_rms_norm %j0, %z weight(%w : tensor<128xf32>) eps 1.0e-05 : tensor<?x?x128xbf16>
  %y1, %s1 = transmamba.ssd_scan %q, %q, %q, %dt, %A
      : tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xbf16>, !state
  %j1 = tensor.collapse_shape %y1 [[0], [1], [2, 3]] : tensor<?x?x2x64xbf16> into tensor<?x?x128xbf16>
  %g1 = transmamba.gated_rms_norm %j1, %z transpoint 64 eps 1.0e-05 : tensor<?x?x128xbf16>
  %y2, %s2 = transmamba.ssd_scan %q, %q, %q, %dt, %A
      : tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xbf16>, !state
  %j2 = tensor.collapse_shape %y2 [[0], [1], [2, 3]] : tensor<?x?x2x64xbf16> into tensor<?x?x128xbf16>
  %g2 = transmamba.gated_rms_norm %j2, %z eps 1.0e-05 : tensor<?x?x128xbf16>
  return %g0, %g1, %g2, %j2 : tensor<?x?x128xbf16>, tensor<?x?x128xbf16>, tensor<?x?x128xbf16>, tensor<?x?x128xbf16>
}
