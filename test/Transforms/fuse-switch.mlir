// The two readings of a layer become one transmamba.switch.
// RUN: transmamba-opt %s --transmamba-fuse-switch=explain=true --split-input-file --verify-diagnostics | FileCheck %s --implicit-check-not=convert_memory --implicit-check-not=ssd_scan --implicit-check-not=transmamba.attention --implicit-check-not=cached_attention --implicit-check-not=tensor.concat --implicit-check-not=select_reading

// Static shapes, heads not joined, no gate, no skip.
// CHECK-LABEL: func.func @prefill(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 cache(%arg6 : !transmamba.kv_cache<layer = 0, 4x8xf32>) lengths(%arg5 : tensor<2xi32>) {rope_theta = 1.000000e+04 : f64} : {{.*}} -> tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
// CHECK-NEXT: return %[[Y]], %[[H]], %[[C]]
func.func @prefill(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// A stateless entry point: no cache, no lengths, the state is not returned.
// CHECK-LABEL: func.func @forward(
// CHECK: %[[Y:.*]], %{{.*}} = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 {rope_theta = 1.000000e+04 : f64} :
// CHECK-NEXT: return %[[Y]]
func.func @forward(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y : tensor<2x16x4x8xf32>
}

// -----

// No positions: the switch has no theta.
// CHECK-LABEL: func.func @no_rotation(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 cache(%arg6 : {{.*}}) lengths(%arg5 : tensor<2xi32>) :
// CHECK-NEXT: return %[[Y]], %[[H]], %[[C]]
func.func @no_rotation(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %ya = transmamba.attention %q0, %k0, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %k0, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// Skip, chunk, scale, window and a partial rotation come along.
// CHECK-LABEL: func.func @all_attributes(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 skip(%arg7 : tensor<4xf32>) cache(%arg6 : {{.*}}) lengths(%arg5 : tensor<2xi32>) {chunk = 8 : i64, interleaved, rope_theta = 1.000000e+04 : f64, rotary_dim = 4 : i64, scale = 5.000000e-01 : f64, window = 3 : i64} :
// CHECK-NEXT: return %[[Y]], %[[H]], %[[C]]
func.func @all_attributes(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %D: tensor<4xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 {rotary_dim = 4 : i64, interleaved} : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 {rotary_dim = 4 : i64, interleaved} : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal, scale = 0.5 : f64, window = 3 : i64} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A skip(%D : tensor<4xf32>) init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) {chunk = 8 : i64} : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// Heads joined on both sides are joined behind the switch.
// CHECK-LABEL: func.func @joined_heads(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 cache
// CHECK-NEXT: %[[J:.*]] = tensor.collapse_shape %[[Y]] {{\[\[}}0], [1], [2, 3]] : tensor<2x16x4x8xf32> into tensor<2x16x32xf32>
// CHECK-NEXT: return %[[J]], %[[H]], %[[C]]
func.func @joined_heads(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %yaj = tensor.collapse_shape %ya [[0], [1], [2, 3]] : tensor<2x5x4x8xf32> into tensor<2x5x32xf32>
  %ysj = tensor.collapse_shape %ys [[0], [1], [2, 3]] : tensor<2x11x4x8xf32> into tensor<2x11x32xf32>
  %y = tensor.concat dim(1) %yaj, %ysj : (tensor<2x5x32xf32>, tensor<2x11x32xf32>) -> tensor<2x16x32xf32>
  return %y, %h, %c1 : tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// The gate passes the tokens before the TransPoint.
// CHECK-LABEL: func.func @gate(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 cache
// CHECK-NEXT: %[[J:.*]] = tensor.collapse_shape %[[Y]]
// CHECK-NEXT: %[[G:.*]] = transmamba.gated_rms_norm %[[J]], %arg7 weight(%arg8 : tensor<32xf32>) transpoint 5 eps 1.000000e-05 {groups = 4 : i64, norm_before_gate} : tensor<2x16x32xf32>
// CHECK-NEXT: return %[[G]], %[[H]], %[[C]]
func.func @gate(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %z: tensor<2x16x32xf32>, %w: tensor<32xf32>)
    -> (tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %yaj = tensor.collapse_shape %ya [[0], [1], [2, 3]] : tensor<2x5x4x8xf32> into tensor<2x5x32xf32>
  %ysj = tensor.collapse_shape %ys [[0], [1], [2, 3]] : tensor<2x11x4x8xf32> into tensor<2x11x32xf32>
  %z1 = tensor.extract_slice %z[0, 5, 0] [2, 11, 32] [1, 1, 1] : tensor<2x16x32xf32> to tensor<2x11x32xf32>
  %yg = transmamba.gated_rms_norm %ysj, %z1 weight(%w : tensor<32xf32>) eps 1.0e-05 {groups = 4 : i64, norm_before_gate} : tensor<2x11x32xf32>
  %y = tensor.concat dim(1) %yaj, %yg : (tensor<2x5x32xf32>, tensor<2x11x32xf32>) -> tensor<2x16x32xf32>
  return %y, %h, %c1 : tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// Grouped-query attention: one head of keys and values for four of queries.
// CHECK-LABEL: func.func @grouped_heads(
// CHECK: transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 cache(%arg6 : !transmamba.kv_cache<layer = 0, 1x8xf32>) {{.*}} : tensor<2x16x4x8xf32>, tensor<2x16x1x8xf32>, tensor<2x16x1x8xf32>, tensor<2x16x4xf32>, tensor<4xf32> -> tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 1x8xf32>
func.func @grouped_heads(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x1x8xf32>, %v: tensor<2x16x1x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 1x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 1x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 1, 8] [1, 1, 1, 1] : tensor<2x16x1x8xf32> to tensor<2x5x1x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 1, 8] [1, 1, 1, 1] : tensor<2x16x1x8xf32> to tensor<2x5x1x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 1, 8] [1, 1, 1, 1] : tensor<2x16x1x8xf32> to tensor<2x11x1x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 1, 8] [1, 1, 1, 1] : tensor<2x16x1x8xf32> to tensor<2x11x1x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x1x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x1x8xf32>, tensor<2x5x1x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 1x8xf32>, tensor<2x5x1x8xf32>, tensor<2x5x1x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x1x8xf32>, tensor<2x5x1x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x1x8xf32>, tensor<2x11x1x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 1x8xf32>
}

// -----

// bf16 tensors, f32 steps and state.
// CHECK-LABEL: func.func @bf16(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 cache(%arg6 : !transmamba.kv_cache<layer = 0, 4x8xbf16>) {{.*}} : tensor<2x16x4x8xbf16>, tensor<2x16x4x8xbf16>, tensor<2x16x4x8xbf16>, tensor<2x16x4xf32>, tensor<4xf32> -> tensor<2x16x4x8xbf16>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xbf16>
func.func @bf16(%q: tensor<2x16x4x8xbf16>, %k: tensor<2x16x4x8xbf16>, %v: tensor<2x16x4x8xbf16>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xbf16>)
    -> (tensor<2x16x4x8xbf16>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xbf16>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xbf16> to tensor<2x5x4x8xbf16>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xbf16> to tensor<2x5x4x8xbf16>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xbf16> to tensor<2x5x4x8xbf16>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xbf16> to tensor<2x11x4x8xbf16>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xbf16> to tensor<2x11x4x8xbf16>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xbf16> to tensor<2x11x4x8xbf16>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xbf16>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xbf16>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xbf16>, tensor<2x5x4x8xbf16>, tensor<2x5x4x8xbf16> -> tensor<2x5x4x8xbf16>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xbf16>, tensor<2x5x4x8xbf16>, tensor<2x5x4x8xbf16>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xbf16>, tensor<2x5x4x8xbf16>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xbf16>, tensor<2x11x4x8xbf16>, tensor<2x11x4x8xbf16>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xbf16>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xbf16>, tensor<2x11x4x8xbf16>) -> tensor<2x16x4x8xbf16>
  return %y, %h, %c1 : tensor<2x16x4x8xbf16>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xbf16>
}

// -----

// The cache may be written after the readings are joined.
// CHECK-LABEL: func.func @cache_after(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 cache(%arg6 :
// CHECK-NEXT: return %[[Y]], %[[H]], %[[C]]
func.func @cache_after(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// A cache of other keys than the attention reads is not the switch's.
// CHECK-LABEL: func.func @cache_of_others(
// CHECK: %[[C:.*]] = transmamba.append_kv %arg6
// CHECK: %[[Y:.*]], %[[H:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 lengths
// CHECK-NEXT: return %[[Y]], %[[H]], %[[C]]
func.func @cache_of_others(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %kr2 = transmamba.rope %k0 theta 5.0e+05 : tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr2, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// A symbolic number of tokens, split at min(P, T).
// CHECK-LABEL: func.func @symbolic(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %{{.*}}, %{{.*}}, %{{.*}}, %arg1 transpoint 5 cache(%arg3 :
// CHECK-NEXT: return %[[Y]], %[[H]], %[[C]]
func.func @symbolic(%q: tensor<2x?x4x8xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %one = arith.constant 1 : index
  %T = tensor.dim %q, %one : tensor<2x?x4x8xf32>
  %k = transmamba.activate silu %q : tensor<2x?x4x8xf32>
  %v = transmamba.activate gelu %q : tensor<2x?x4x8xf32>
  %dtj = tensor.extract_slice %q[0, 0, 0, 0] [2, %T, 4, 1] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x1xf32>
  %dt = tensor.collapse_shape %dtj [[0], [1], [2, 3]] : tensor<2x?x4x1xf32> into tensor<2x?x4xf32>
  %n = transmamba.transpoint %T layer 0 at 5
  %s = arith.subi %T, %n : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, %n, 4, 8] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, %n, 4, 8] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, %n, 4, 8] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, %n, 4] [1, 1, 1] : tensor<2x?x4xf32> to tensor<2x?x4xf32>
  %q1 = tensor.extract_slice %q[0, %n, 0, 0] [2, %s, 4, 8] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x8xf32>
  %k1 = tensor.extract_slice %k[0, %n, 0, 0] [2, %s, 4, 8] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x8xf32>
  %v1 = tensor.extract_slice %v[0, %n, 0, 0] [2, %s, 4, 8] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, %n, 0] [2, %s, 4] [1, 1, 1] : tensor<2x?x4xf32> to tensor<2x?x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x?x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x?x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32> -> tensor<2x?x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4xf32>, tensor<4xf32> -> tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %y, %h, %c1 : tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// One token a row, at its position.
// CHECK-LABEL: func.func @decode(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 init(%arg7 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) cache(%arg6 : !transmamba.kv_cache<layer = 0, 4x8xf32>) at(%arg5 : tensor<2xi32>) {rope_theta = 1.000000e+04 : f64} :
// CHECK-NEXT: return %[[Y]], %[[H]], %[[C]]
func.func @decode(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// The gate stands at the same positions.
// CHECK-LABEL: func.func @decode_gate(
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 init(%arg7 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) cache(%arg6 : !transmamba.kv_cache<layer = 0, 4x8xf32>) at(%arg5 : tensor<2xi32>) {{.*}}
// CHECK-NEXT: %[[J:.*]] = tensor.collapse_shape %[[Y]]
// CHECK-NEXT: %[[G:.*]] = transmamba.gated_rms_norm %[[J]], %arg8 transpoint 5 at(%arg5 : tensor<2xi32>) eps 1.000000e-05 : tensor<2x1x32xf32>
// CHECK-NEXT: return %[[G]], %[[H]], %[[C]]
func.func @decode_gate(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>, %z: tensor<2x1x32xf32>)
    -> (tensor<2x1x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %yaj = tensor.collapse_shape %ya [[0], [1], [2, 3]] : tensor<2x1x4x8xf32> into tensor<2x1x32xf32>
  %ysj = tensor.collapse_shape %ys [[0], [1], [2, 3]] : tensor<2x1x4x8xf32> into tensor<2x1x32xf32>
  %yg = transmamba.gated_rms_norm %ysj, %z eps 1.0e-05 : tensor<2x1x32xf32>
  %y = transmamba.select_reading %yaj, %yg at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x32xf32>
  return %y, %h, %c1 : tensor<2x1x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

// Queries that are repeated for the heads of the cache are read as they are.
// CHECK-LABEL: func.func @decode_repeated_queries(
// CHECK-NOT: linalg.broadcast
// CHECK: %[[Y:.*]], %[[H:.*]], %[[C:.*]] = transmamba.switch %arg0, %arg1, %arg2, %arg3, %arg4 transpoint 5 init(%arg7 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) cache(%arg6 : !transmamba.kv_cache<layer = 0, 4x8xf32>) at(%arg5 : tensor<2xi32>) {{.*}} : tensor<2x1x2x8xf32>, tensor<2x1x4x8xf32>
func.func @decode_repeated_queries(%q: tensor<2x1x2x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x2x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %e5 = tensor.empty() : tensor<2x1x2x2x8xf32>
  %b5 = linalg.broadcast ins(%qr : tensor<2x1x2x8xf32>) outs(%e5 : tensor<2x1x2x2x8xf32>) dimensions = [3]
  %qe = tensor.collapse_shape %b5 [[0], [1], [2, 3], [4]] : tensor<2x1x2x2x8xf32> into tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qe, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x2x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}
