// One hybrid layer over symbolic shapes, written as the importer writes it, at every kind of TransPoint: none, the first
// token, in the middle, one before the longest sequence, exactly the longest, beyond it.
// RUN: sed s/POINT/0/ %s | transmamba-opt --transmamba-schedule --cse --transmamba-fuse-switch=explain=true 2>&1 | FileCheck %s --check-prefixes=SCAN --implicit-check-not=attention --implicit-check-not=kv_cache --implicit-check-not=rope --implicit-check-not=transpoint --implicit-check-not=start --implicit-check-not=convert_memory --implicit-check-not=tensor.concat --implicit-check-not=x0x --implicit-check-not=tensor.cast
// RUN: sed s/POINT/512/ %s | transmamba-opt --transmamba-schedule --cse --transmamba-fuse-switch=explain=true 2>&1 | FileCheck %s --check-prefixes=ATTENTION --implicit-check-not=ssd_scan --implicit-check-not=ssm_state --implicit-check-not=gated --implicit-check-not=select_reading --implicit-check-not=transpoint --implicit-check-not=convert_memory --implicit-check-not=tensor.concat --implicit-check-not=x0x --implicit-check-not=tensor.cast
// RUN: sed s/POINT/8192/ %s | transmamba-opt --transmamba-schedule --cse --transmamba-fuse-switch=explain=true 2>&1 | FileCheck %s --check-prefixes=ATTENTION --implicit-check-not=ssd_scan --implicit-check-not=ssm_state --implicit-check-not=gated --implicit-check-not=select_reading --implicit-check-not=transpoint --implicit-check-not=convert_memory --implicit-check-not=tensor.concat --implicit-check-not=x0x --implicit-check-not=tensor.cast
// RUN: sed s/POINT/1/ %s | transmamba-opt --transmamba-schedule --cse --transmamba-fuse-switch=explain=true 2>&1 | FileCheck %s --check-prefixes=SWITCH -DP=1 --implicit-check-not=attention --implicit-check-not=ssd_scan --implicit-check-not=select_reading --implicit-check-not=remark --implicit-check-not=convert_memory --implicit-check-not=tensor.concat --implicit-check-not=x0x --implicit-check-not=tensor.cast
// RUN: sed s/POINT/128/ %s | transmamba-opt --transmamba-schedule --cse --transmamba-fuse-switch=explain=true 2>&1 | FileCheck %s --check-prefixes=SWITCH -DP=128 --implicit-check-not=attention --implicit-check-not=ssd_scan --implicit-check-not=select_reading --implicit-check-not=remark --implicit-check-not=convert_memory --implicit-check-not=tensor.concat --implicit-check-not=x0x --implicit-check-not=tensor.cast
// RUN: sed s/POINT/511/ %s | transmamba-opt --transmamba-schedule --cse --transmamba-fuse-switch=explain=true 2>&1 | FileCheck %s --check-prefixes=SWITCH -DP=511 --implicit-check-not=attention --implicit-check-not=ssd_scan --implicit-check-not=select_reading --implicit-check-not=remark --implicit-check-not=convert_memory --implicit-check-not=tensor.concat --implicit-check-not=x0x --implicit-check-not=tensor.cast

!window = !transmamba.conv_window<layer = 0, 3x96xf32>
!cache = !transmamba.kv_cache<layer = 0, 2x16xf32>
!state = !transmamba.ssm_state<layer = 0, 2x16x16xf32>

module attributes {transmamba.schedule = #transmamba.schedule<[POINT]>, transmamba.max_batch = 8 : i64, transmamba.max_sequence = 512 : i64} {

// State that the layer never uses leaves the signature; the rest keeps its order, names and attributes.

// SCAN-LABEL: func.func @prefill(
// SCAN-SAME: %[[X:[^:]*]]: tensor<?x?x96xf32> {transmamba.dims = ["B", "T"], transmamba.name = "x"}, %[[LEN:[^:]*]]: tensor<?xi32> {transmamba.role = "lengths"}
// SCAN-SAME: %[[WIN:[^:]*]]: !transmamba.conv_window<layer = 0, 3x96xf32> {transmamba.name = "conv"}, %{{[^:]*}}: !transmamba.ssm_state<layer = 0, 2x16x16xf32> {transmamba.name = "ssm"}, %[[Z:[^:]*]]: tensor<?x?x32xf32>
// SCAN-SAME: -> (tensor<?x?x32xf32> {transmamba.name = "y"}, !transmamba.conv_window<layer = 0, 3x96xf32> {transmamba.name = "conv"}, !transmamba.ssm_state<layer = 0, 2x16x16xf32> {transmamba.name = "ssm"})
// SCAN: %{{.*}}, %[[WIN1:.*]] = transmamba.causal_conv1d
// SCAN: %[[ZB:.*]] = tensor.extract_slice %[[Z]]
// SCAN-NEXT: %[[Y:.*]], %[[STATE:.*]] = transmamba.ssd_scan %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}} skip(%{{[^ ]*}} : tensor<2xf32>) lengths(%[[LEN]] : tensor<?xi32>) {chunk = 16 : i64} :
// SCAN: %[[JOINED:.*]] = tensor.collapse_shape %[[Y]]
// SCAN: %[[G:.*]] = transmamba.gated_rms_norm %[[JOINED]], %[[ZB]] weight
// SCAN: return %[[G]], %[[WIN1]], %[[STATE]]

// ATTENTION-LABEL: func.func @prefill(
// ATTENTION-SAME: %{{[^:]*}}: !transmamba.conv_window<layer = 0, 3x96xf32> {transmamba.name = "conv"}, %[[CACHE:[^:]*]]: !transmamba.kv_cache<layer = 0, 2x16xf32> {transmamba.name = "kv"}, %{{[^:]*}}: tensor<?x?x32xf32>
// ATTENTION-SAME: -> (tensor<?x?x32xf32> {transmamba.name = "y"}, !transmamba.conv_window<layer = 0, 3x96xf32> {transmamba.name = "conv"}, !transmamba.kv_cache<layer = 0, 2x16xf32> {transmamba.name = "kv"})
// ATTENTION: %[[Q:.*]] = transmamba.rope
// ATTENTION: %[[K:.*]] = transmamba.rope
// ATTENTION: %[[Y:.*]] = transmamba.attention %[[Q]], %[[K]], %[[V:.*]] lengths(%{{.*}}) {causal}
// ATTENTION: %[[C1:.*]] = transmamba.append_kv %[[CACHE]], %[[K]], %[[V]]
// ATTENTION: %[[JOINED:.*]] = tensor.collapse_shape %[[Y]]
// ATTENTION: return %[[JOINED]], %{{.*}}, %[[C1]]

// SWITCH-LABEL: func.func @prefill(
// SWITCH-SAME: %[[LEN:[^:]*]]: tensor<?xi32> {transmamba.role = "lengths"}
// SWITCH-SAME: %[[CACHE:[^:]*]]: !transmamba.kv_cache<layer = 0, 2x16xf32> {transmamba.name = "kv"}, %{{[^:]*}}: !transmamba.ssm_state<layer = 0, 2x16x16xf32> {transmamba.name = "ssm"}, %[[Z:[^:]*]]: tensor<?x?x32xf32>
// SWITCH: %[[ZB:.*]] = tensor.extract_slice %[[Z]]
// SWITCH-NEXT: %[[Y:.*]], %[[STATE:.*]], %[[C1:.*]] = transmamba.switch %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}} transpoint [[P]] skip(%{{[^ ]*}} : tensor<2xf32>) cache(%[[CACHE]] : !transmamba.kv_cache<layer = 0, 2x16xf32>) lengths(%[[LEN]] : tensor<?xi32>) {chunk = 16 : i64, rope_theta = 1.000000e+04 : f64}
// SWITCH: %[[JOINED:.*]] = tensor.collapse_shape %[[Y]] {{\[\[}}0], [1], [2, 3]]
// SWITCH: %[[G:.*]] = transmamba.gated_rms_norm %[[JOINED]], %[[ZB]] weight(%{{.*}} : tensor<32xf32>) transpoint [[P]] eps
// SWITCH: return %[[G]], %{{.*}}, %[[C1]], %[[STATE]]

func.func @prefill(
    %x: tensor<?x?x96xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]},
    %lengths: tensor<?xi32> {transmamba.role = "lengths"}, %window: !window {transmamba.name = "conv"},
    %cache: !cache {transmamba.name = "kv"}, %state: !state {transmamba.name = "ssm"},
    %z: tensor<?x?x32xf32>, %A: tensor<2xf32>, %D: tensor<2xf32>, %w: tensor<32xf32>, %wconv: tensor<96x4xf32>, %wdt: tensor<96x2xf32>)
    -> (tensor<?x?x32xf32> {transmamba.name = "y"}, !window {transmamba.name = "conv"}, !cache {transmamba.name = "kv"}, !state {transmamba.name = "ssm"})
    attributes {transmamba.entry, transmamba.positions = "set"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x96xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x96xf32>
  %rows = arith.muli %B, %T : index
  %conv, %window1 = transmamba.causal_conv1d %x, %wconv lengths(%lengths : tensor<?xi32>) : tensor<?x?x96xf32>, tensor<96x4xf32> -> !window
  %x2 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x96xf32> into tensor<?x96xf32>
  %e = tensor.empty(%rows) : tensor<?x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  %dt2 = linalg.matmul ins(%x2, %wdt : tensor<?x96xf32>, tensor<96x2xf32>) outs(%f : tensor<?x2xf32>) -> tensor<?x2xf32>
  %dt3 = tensor.expand_shape %dt2 [[0, 1], [2]] output_shape [%B, %T, 2] : tensor<?x2xf32> into tensor<?x?x2xf32>
  %dt = transmamba.activate softplus %dt3 : tensor<?x?x2xf32>
  %q3 = tensor.extract_slice %conv[0, 0, 0] [%B, %T, 32] [1, 1, 1] : tensor<?x?x96xf32> to tensor<?x?x32xf32>
  %k3 = tensor.extract_slice %conv[0, 0, 32] [%B, %T, 32] [1, 1, 1] : tensor<?x?x96xf32> to tensor<?x?x32xf32>
  %v3 = tensor.extract_slice %conv[0, 0, 64] [%B, %T, 32] [1, 1, 1] : tensor<?x?x96xf32> to tensor<?x?x32xf32>
  %q = tensor.expand_shape %q3 [[0], [1], [2, 3]] output_shape [%B, %T, 2, 16] : tensor<?x?x32xf32> into tensor<?x?x2x16xf32>
  %k = tensor.expand_shape %k3 [[0], [1], [2, 3]] output_shape [%B, %T, 2, 16] : tensor<?x?x32xf32> into tensor<?x?x2x16xf32>
  %v = tensor.expand_shape %v3 [[0], [1], [2, 3]] output_shape [%B, %T, 2, 16] : tensor<?x?x32xf32> into tensor<?x?x2x16xf32>
  %n = transmamba.transpoint %T layer 0
  %s = arith.subi %T, %n : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [%B, %n, 2, 16] [1, 1, 1, 1] : tensor<?x?x2x16xf32> to tensor<?x?x2x16xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [%B, %n, 2, 16] [1, 1, 1, 1] : tensor<?x?x2x16xf32> to tensor<?x?x2x16xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [%B, %n, 2, 16] [1, 1, 1, 1] : tensor<?x?x2x16xf32> to tensor<?x?x2x16xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [%B, %n, 2] [1, 1, 1] : tensor<?x?x2xf32> to tensor<?x?x2xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<?x?x2x16xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<?x?x2x16xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%lengths : tensor<?xi32>) {causal}
      : tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32> -> tensor<?x?x2x16xf32>
  %cache1 = transmamba.append_kv %cache, %kr, %v0 lengths(%lengths : tensor<?xi32>) : !cache, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%lengths : tensor<?xi32>)
      : tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>, tensor<2xf32> -> !state
  %q1 = tensor.extract_slice %q[0, %n, 0, 0] [%B, %s, 2, 16] [1, 1, 1, 1] : tensor<?x?x2x16xf32> to tensor<?x?x2x16xf32>
  %k1 = tensor.extract_slice %k[0, %n, 0, 0] [%B, %s, 2, 16] [1, 1, 1, 1] : tensor<?x?x2x16xf32> to tensor<?x?x2x16xf32>
  %v1 = tensor.extract_slice %v[0, %n, 0, 0] [%B, %s, 2, 16] [1, 1, 1, 1] : tensor<?x?x2x16xf32> to tensor<?x?x2x16xf32>
  %dt1 = tensor.extract_slice %dt[0, %n, 0] [%B, %s, 2] [1, 1, 1] : tensor<?x?x2xf32> to tensor<?x?x2xf32>
  %z0 = tensor.extract_slice %z[0, 0, 0] [%B, %T, 32] [1, 1, 1] : tensor<?x?x32xf32> to tensor<?x?x32xf32>
  %z1 = tensor.extract_slice %z0[0, %n, 0] [%B, %s, 32] [1, 1, 1] : tensor<?x?x32xf32> to tensor<?x?x32xf32>
  %ys, %state1 = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A skip(%D : tensor<2xf32>) init(%h0 : !state) start(%n)
      lengths(%lengths : tensor<?xi32>) {chunk = 16 : i64}
      : tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>, tensor<2xf32> -> tensor<?x?x2x16xf32>, !state
  %yaj = tensor.collapse_shape %ya [[0], [1], [2, 3]] : tensor<?x?x2x16xf32> into tensor<?x?x32xf32>
  %ysj = tensor.collapse_shape %ys [[0], [1], [2, 3]] : tensor<?x?x2x16xf32> into tensor<?x?x32xf32>
  %yg = transmamba.gated_rms_norm %ysj, %z1 weight(%w : tensor<32xf32>) eps 1.0e-05 : tensor<?x?x32xf32>
  %y = tensor.concat dim(1) %yaj, %yg : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  return %y, %window1, %cache1, %state1 : tensor<?x?x32xf32>, !window, !cache, !state
}

// SCAN-LABEL: func.func @decode(
// SCAN-SAME: %[[POS:[^:]*]]: tensor<?xi32> {transmamba.role = "positions"}, %[[STATE:[^:]*]]: !transmamba.ssm_state<layer = 0, 2x16x16xf32> {transmamba.name = "ssm"}, %{{.*}}: tensor<?x1x32xf32>
// SCAN-SAME: -> (tensor<?x1x32xf32>, !transmamba.ssm_state<layer = 0, 2x16x16xf32> {transmamba.name = "ssm"})
// SCAN: %[[Y:.*]], %[[S1:.*]] = transmamba.ssd_scan {{.*}} init(%[[STATE]]
// SCAN: %[[JOINED:.*]] = tensor.collapse_shape %[[Y]]
// SCAN: %[[G:.*]] = transmamba.gated_rms_norm %[[JOINED]]
// SCAN: return %[[G]], %[[S1]]

// ATTENTION-LABEL: func.func @decode(
// ATTENTION-SAME: %[[CACHE:[^:]*]]: !transmamba.kv_cache<layer = 0, 2x16xf32> {transmamba.name = "kv"}, %{{.*}}: tensor<?x1x32xf32>
// ATTENTION-SAME: -> (tensor<?x1x32xf32>, !transmamba.kv_cache<layer = 0, 2x16xf32> {transmamba.name = "kv"})
// ATTENTION: %[[C1:.*]] = transmamba.append_kv %[[CACHE]]
// ATTENTION: %[[Y:.*]] = transmamba.cached_attention %{{.*}}, %[[C1]]
// ATTENTION: %[[JOINED:.*]] = tensor.collapse_shape %[[Y]]
// ATTENTION: return %[[JOINED]], %[[C1]]

// SWITCH-LABEL: func.func @decode(
// SWITCH-SAME: %[[Q:[^:]*]]: tensor<?x1x2x16xf32>, %[[K:[^:]*]]: tensor<?x1x2x16xf32>, %[[V:[^:]*]]: tensor<?x1x2x16xf32>, %[[DT:[^:]*]]: tensor<?x1x2xf32>, %[[POS:[^:]*]]: tensor<?xi32> {transmamba.role = "positions"}, %[[CACHE:[^:]*]]: !transmamba.kv_cache{{.*}} {transmamba.name = "kv"}, %[[STATE:[^:]*]]: !transmamba.ssm_state{{.*}} {transmamba.name = "ssm"}, %[[Z:[^:]*]]: tensor<?x1x32xf32>
// SWITCH: %[[Y:.*]], %[[S1:.*]], %[[C1:.*]] = transmamba.switch %[[Q]], %[[K]], %[[V]], %[[DT]], %{{[^ ]*}} transpoint [[P]] skip(%{{[^ ]*}} : tensor<2xf32>) init(%[[STATE]] : !transmamba.ssm_state<layer = 0, 2x16x16xf32>) cache(%[[CACHE]] : !transmamba.kv_cache<layer = 0, 2x16xf32>) at(%[[POS]] : tensor<?xi32>) {rope_theta = 1.000000e+04 : f64}
// SWITCH: %[[JOINED:.*]] = tensor.collapse_shape %[[Y]]
// SWITCH: %[[G:.*]] = transmamba.gated_rms_norm %[[JOINED]], %[[Z]] weight(%{{.*}} : tensor<32xf32>) transpoint [[P]] at(%[[POS]] : tensor<?xi32>) eps
// SWITCH: return %[[G]], %[[C1]], %[[S1]]

func.func @decode(%q: tensor<?x1x2x16xf32>, %k: tensor<?x1x2x16xf32>, %v: tensor<?x1x2x16xf32>, %dt: tensor<?x1x2xf32>,
    %pos: tensor<?xi32> {transmamba.role = "positions"}, %cache: !cache {transmamba.name = "kv"}, %state: !state {transmamba.name = "ssm"},
    %z: tensor<?x1x32xf32>, %A: tensor<2xf32>, %D: tensor<2xf32>, %w: tensor<32xf32>)
    -> (tensor<?x1x32xf32>, !cache {transmamba.name = "kv"}, !state {transmamba.name = "ssm"})
    attributes {transmamba.entry, transmamba.positions = "advance"} {
  %qr = transmamba.rope %q at(%pos : tensor<?xi32>) theta 1.0e+04 : tensor<?x1x2x16xf32>
  %kr = transmamba.rope %k at(%pos : tensor<?xi32>) theta 1.0e+04 : tensor<?x1x2x16xf32>
  %cache1 = transmamba.append_kv %cache, %kr, %v at(%pos : tensor<?xi32>) : !cache, tensor<?x1x2x16xf32>, tensor<?x1x2x16xf32>
  %ya = transmamba.cached_attention %qr, %cache1 at(%pos : tensor<?xi32>) : tensor<?x1x2x16xf32>, !cache -> tensor<?x1x2x16xf32>
  %ys, %state1 = transmamba.ssd_scan %q, %k, %v, %dt, %A skip(%D : tensor<2xf32>) init(%state : !state)
      : tensor<?x1x2x16xf32>, tensor<?x1x2x16xf32>, tensor<?x1x2x16xf32>, tensor<?x1x2xf32>, tensor<2xf32> -> tensor<?x1x2x16xf32>, !state
  %yaj = tensor.collapse_shape %ya [[0], [1], [2, 3]] : tensor<?x1x2x16xf32> into tensor<?x1x32xf32>
  %ysj = tensor.collapse_shape %ys [[0], [1], [2, 3]] : tensor<?x1x2x16xf32> into tensor<?x1x32xf32>
  %yg = transmamba.gated_rms_norm %ysj, %z weight(%w : tensor<32xf32>) eps 1.0e-05 : tensor<?x1x32xf32>
  %y = transmamba.select_reading %yaj, %yg at(%pos : tensor<?xi32>) layer 0 : tensor<?x1x32xf32>
  return %y, %cache1, %state1 : tensor<?x1x32xf32>, !cache, !state
}
}
