// What is not a switch, or not certainly one, stays as it is: every reason once.
// RUN: transmamba-opt %s --transmamba-fuse-switch=explain=true --split-input-file --verify-diagnostics | FileCheck %s --implicit-check-not=transmamba.switch

// CHECK: transmamba.attention

func.func @three_inputs(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x27x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
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
  // expected-remark @+1 {{not fused to a transmamba.switch: does not join the tokens of two readings}}
  %y = tensor.concat dim(1) %ya, %ys, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x27x4x8xf32>
  return %y, %h, %c1 : tensor<2x27x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @attention_used_twice(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>) {
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the attention reading has another use}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1, %ya : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>
}

// -----

func.func @scan_used_twice(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x11x4x8xf32>) {
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the state-space reading has another use}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1, %ys : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x11x4x8xf32>
}

// -----

func.func @wrong_order(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the first reading is no attention}}
  %y = tensor.concat dim(1) %ys, %ya : (tensor<2x11x4x8xf32>, tensor<2x5x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @not_causal(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the attention is not causal}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @gate_with_transpoint(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %z: tensor<2x16x32xf32>)
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
  %yg = transmamba.gated_rms_norm %ysj, %z1 transpoint 3 eps 1.0e-05 : tensor<2x11x32xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the gate has a TransPoint of its own}}
  %y = tensor.concat dim(1) %yaj, %yg : (tensor<2x5x32xf32>, tensor<2x11x32xf32>) -> tensor<2x16x32xf32>
  return %y, %h, %c1 : tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @gate_of_other_tokens(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %z: tensor<2x16x32xf32>)
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
  %z1 = tensor.extract_slice %z[0, 4, 0] [2, 11, 32] [1, 1, 1] : tensor<2x16x32xf32> to tensor<2x11x32xf32>
  %yg = transmamba.gated_rms_norm %ysj, %z1 eps 1.0e-05 : tensor<2x11x32xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the gate does not read all tokens from the TransPoint on}}
  %y = tensor.concat dim(1) %yaj, %yg : (tensor<2x5x32xf32>, tensor<2x11x32xf32>) -> tensor<2x16x32xf32>
  return %y, %h, %c1 : tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @ungated_reading_used(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %z: tensor<2x16x32xf32>)
    -> (tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x11x32xf32>) {
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
  %yg = transmamba.gated_rms_norm %ysj, %z1 eps 1.0e-05 : tensor<2x11x32xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the state-space reading has another use}}
  %y = tensor.concat dim(1) %yaj, %yg : (tensor<2x5x32xf32>, tensor<2x11x32xf32>) -> tensor<2x16x32xf32>
  return %y, %h, %c1, %ysj : tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x11x32xf32>
}

// -----

func.func @unjoined_attention_used(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>) {
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the attention reading has another use}}
  %y = tensor.concat dim(1) %yaj, %ysj : (tensor<2x5x32xf32>, tensor<2x11x32xf32>) -> tensor<2x16x32xf32>
  return %y, %h, %c1, %ya : tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>
}

// -----

func.func @unjoined_scan_used(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x11x4x8xf32>) {
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the state-space reading has another use}}
  %y = tensor.concat dim(1) %yaj, %ysj : (tensor<2x5x32xf32>, tensor<2x11x32xf32>) -> tensor<2x16x32xf32>
  return %y, %h, %c1, %ys : tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x11x4x8xf32>
}

// -----

func.func @no_scan(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %other: tensor<2x11x4x8xf32>)
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the second reading is no scan}}
  %y = tensor.concat dim(1) %ya, %other : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @no_init(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %zero = arith.constant 0 : index
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A start(%zero) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan starts without a converted memory}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @init_of_caller(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
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
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan starts without a converted memory}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @no_start(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan starts at no TransPoint}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @other_decays(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %A2: tensor<4xf32>)
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
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A2 lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: conversion and scan have different decays}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @conversion_of_other_lengths(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %len2: tensor<2xi32>)
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
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len2 : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: attention, conversion and scan have different lengths}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @attention_without_lengths(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %ya = transmamba.attention %qr, %kr, %v0 {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: attention, conversion and scan have different lengths}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @scan_of_other_q(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 4, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan does not read all tokens from the TransPoint on}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @scan_of_other_k(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 4, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan does not read all tokens from the TransPoint on}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @scan_of_other_v(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 4, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan does not read all tokens from the TransPoint on}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @scan_of_other_dt(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 4, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan does not read all tokens from the TransPoint on}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @scan_of_a_part(%q: tensor<2x20x4x8xf32>, %k: tensor<2x20x4x8xf32>, %v: tensor<2x20x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x20x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x20x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x20x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %dt[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
  %q1 = tensor.extract_slice %q[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x20x4x8xf32> to tensor<2x11x4x8xf32>
  %k1 = tensor.extract_slice %k[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x20x4x8xf32> to tensor<2x11x4x8xf32>
  %v1 = tensor.extract_slice %v[0, 5, 0, 0] [2, 11, 4, 8] [1, 1, 1, 1] : tensor<2x20x4x8xf32> to tensor<2x11x4x8xf32>
  %dt1 = tensor.extract_slice %dt[0, 5, 0] [2, 11, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x11x4xf32>
  %qr = transmamba.rope %q0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan does not read all tokens from the TransPoint on}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @other_theta(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %kr = transmamba.rope %k0 theta 5.0e+05 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: queries and keys are rotated differently}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @other_rotary_dim(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %kr = transmamba.rope %k0 theta 1.0e+04 {rotary_dim = 4 : i64} : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: queries and keys are rotated differently}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @other_pairs(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %kr = transmamba.rope %k0 theta 1.0e+04 {interleaved} : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: queries and keys are rotated differently}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @keys_not_rotated(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %ya = transmamba.attention %qr, %k0, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: queries and keys are rotated differently}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @rotation_at_positions(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %pos: tensor<2xi32>)
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
  %qr = transmamba.rope %q0 at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: rows of a prefill start at position 0}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @attention_of_other_q(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %w: tensor<2x16x4x8xf32>)
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
  %w0 = tensor.extract_slice %w[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %qr = transmamba.rope %w0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %kr = transmamba.rope %k0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: attention does not read all tokens before the TransPoint of what the scan reads after it}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @attention_of_other_k(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %w: tensor<2x16x4x8xf32>)
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
  %w0 = tensor.extract_slice %w[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %kr = transmamba.rope %w0 theta 1.0e+04 : tensor<2x5x4x8xf32>
  %ya = transmamba.attention %qr, %kr, %v0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: attention does not read all tokens before the TransPoint of what the scan reads after it}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @attention_of_other_v(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %ya = transmamba.attention %qr, %kr, %k0 lengths(%len : tensor<2xi32>) {causal} : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32> -> tensor<2x5x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: attention does not read all tokens before the TransPoint of what the scan reads after it}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @conversion_of_other_k(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %h0 = transmamba.convert_memory %q0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: conversion does not read all tokens before the TransPoint of what the scan reads after it}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @conversion_of_rotated_k(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %h0 = transmamba.convert_memory %kr, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: conversion does not read all tokens before the TransPoint of what the scan reads after it}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @conversion_of_other_v(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %h0 = transmamba.convert_memory %k0, %k0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: conversion does not read all tokens before the TransPoint of what the scan reads after it}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @conversion_of_other_dt(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %d2: tensor<2x16x4xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %n = arith.constant 5 : index
  %q0 = tensor.extract_slice %q[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %k0 = tensor.extract_slice %k[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %v0 = tensor.extract_slice %v[0, 0, 0, 0] [2, 5, 4, 8] [1, 1, 1, 1] : tensor<2x16x4x8xf32> to tensor<2x5x4x8xf32>
  %dt0 = tensor.extract_slice %d2[0, 0, 0] [2, 5, 4] [1, 1, 1] : tensor<2x16x4xf32> to tensor<2x5x4xf32>
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
  // expected-remark @+1 {{not fused to a transmamba.switch: conversion does not read all tokens before the TransPoint of what the scan reads after it}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @two_caches(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %d: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
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
  %c2 = transmamba.append_kv %d, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: two caches keep the keys}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1, %c2 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @cache_of_other_lengths(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
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
  %c1 = transmamba.append_kv %c, %kr, %v0 : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the cache keeps other tokens than the attention reads}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @cache_of_other_layer(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 1, 4x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 1, 4x8xf32>) {
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
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 1, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: cache and state belong to different layers}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 1, 4x8xf32>
}

// -----

func.func @cache_used_before(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %e: tensor<2x1x4x8xf32>)
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
  %c9 = transmamba.append_kv %c1, %e, %e : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the cache is used before the readings are joined}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c9 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @state_used_before(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %e: tensor<2x1x4x8xf32>, %de: tensor<2x1x4xf32>)
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
  %ye, %h9 = transmamba.ssd_scan %e, %e, %e, %de, %A init(%h : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the state is used before the readings are joined}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h9, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @cache_made_after(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %e: tensor<2x1x4x8xf32>)
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the cache is made after the readings are joined}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  %cb = transmamba.append_kv %c, %e, %e : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %cb, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x5x4x8xf32>, tensor<2x5x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @unresolved(%q: tensor<2x?x4x8xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %one = arith.constant 1 : index
  %T = tensor.dim %q, %one : tensor<2x?x4x8xf32>
  %k = transmamba.activate silu %q : tensor<2x?x4x8xf32>
  %v = transmamba.activate gelu %q : tensor<2x?x4x8xf32>
  %dtj = tensor.extract_slice %q[0, 0, 0, 0] [2, %T, 4, 1] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x1xf32>
  %dt = tensor.collapse_shape %dtj [[0], [1], [2, 3]] : tensor<2x?x4x1xf32> into tensor<2x?x4xf32>
  %n = transmamba.transpoint %T layer 0
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the TransPoint is unresolved}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %y, %h, %c1 : tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @transpoint_of_other_layer(%q: tensor<2x?x4x8xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %one = arith.constant 1 : index
  %T = tensor.dim %q, %one : tensor<2x?x4x8xf32>
  %k = transmamba.activate silu %q : tensor<2x?x4x8xf32>
  %v = transmamba.activate gelu %q : tensor<2x?x4x8xf32>
  %dtj = tensor.extract_slice %q[0, 0, 0, 0] [2, %T, 4, 1] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x1xf32>
  %dt = tensor.collapse_shape %dtj [[0], [1], [2, 3]] : tensor<2x?x4x1xf32> into tensor<2x?x4xf32>
  %n = transmamba.transpoint %T layer 1 at 5
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
  // expected-remark @+1 {{not fused to a transmamba.switch: TransPoint and state belong to different layers}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %y, %h, %c1 : tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @transpoint_zero(%q: tensor<2x?x4x8xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %one = arith.constant 1 : index
  %T = tensor.dim %q, %one : tensor<2x?x4x8xf32>
  %k = transmamba.activate silu %q : tensor<2x?x4x8xf32>
  %v = transmamba.activate gelu %q : tensor<2x?x4x8xf32>
  %dtj = tensor.extract_slice %q[0, 0, 0, 0] [2, %T, 4, 1] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x1xf32>
  %dt = tensor.collapse_shape %dtj [[0], [1], [2, 3]] : tensor<2x?x4x1xf32> into tensor<2x?x4xf32>
  %n = transmamba.transpoint %T layer 0 at 0
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the TransPoint is not positive}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %y, %h, %c1 : tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @transpoint_of_other_tokens(%q: tensor<2x?x4x8xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %T2: index)
    -> (tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %one = arith.constant 1 : index
  %T = tensor.dim %q, %one : tensor<2x?x4x8xf32>
  %k = transmamba.activate silu %q : tensor<2x?x4x8xf32>
  %v = transmamba.activate gelu %q : tensor<2x?x4x8xf32>
  %dtj = tensor.extract_slice %q[0, 0, 0, 0] [2, %T, 4, 1] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x1xf32>
  %dt = tensor.collapse_shape %dtj [[0], [1], [2, 3]] : tensor<2x?x4x1xf32> into tensor<2x?x4xf32>
  %n = transmamba.transpoint %T2 layer 0 at 5
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the TransPoint counts tokens of another sequence}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %y, %h, %c1 : tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @rest_of_other_tokens(%q: tensor<2x?x4x8xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %T2: index)
    -> (tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %one = arith.constant 1 : index
  %T = tensor.dim %q, %one : tensor<2x?x4x8xf32>
  %k = transmamba.activate silu %q : tensor<2x?x4x8xf32>
  %v = transmamba.activate gelu %q : tensor<2x?x4x8xf32>
  %dtj = tensor.extract_slice %q[0, 0, 0, 0] [2, %T, 4, 1] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x1xf32>
  %dt = tensor.collapse_shape %dtj [[0], [1], [2, 3]] : tensor<2x?x4x1xf32> into tensor<2x?x4xf32>
  %n = transmamba.transpoint %T layer 0 at 5
  %s = arith.subi %T2, %n : index
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan does not read all tokens from the TransPoint on}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %y, %h, %c1 : tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @start_is_no_transpoint(%q: tensor<2x?x4x8xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %n: index)
    -> (tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %one = arith.constant 1 : index
  %T = tensor.dim %q, %one : tensor<2x?x4x8xf32>
  %k = transmamba.activate silu %q : tensor<2x?x4x8xf32>
  %v = transmamba.activate gelu %q : tensor<2x?x4x8xf32>
  %dtj = tensor.extract_slice %q[0, 0, 0, 0] [2, %T, 4, 1] [1, 1, 1, 1] : tensor<2x?x4x8xf32> to tensor<2x?x4x1xf32>
  %dt = tensor.collapse_shape %dtj [[0], [1], [2, 3]] : tensor<2x?x4x1xf32> into tensor<2x?x4xf32>
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan starts at no TransPoint}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %y, %h, %c1 : tensor<2x?x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @joined_with_no_scan(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x4x8xf32>, %v: tensor<2x16x4x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %x: tensor<2x11x32xf32>)
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
  // expected-remark @+1 {{not fused to a transmamba.switch: the second reading is no scan}}
  %y = tensor.concat dim(1) %yaj, %x : (tensor<2x5x32xf32>, tensor<2x11x32xf32>) -> tensor<2x16x32xf32>
  return %y, %h, %c1 : tensor<2x16x32xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @cache_heads(%q: tensor<2x16x4x8xf32>, %k: tensor<2x16x1x8xf32>, %v: tensor<2x16x1x8xf32>, %dt: tensor<2x16x4xf32>, %A: tensor<4xf32>, %len: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 3x8xf32>)
    -> (tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 3x8xf32>) {
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
  %c1 = transmamba.append_kv %c, %kr, %v0 lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 3x8xf32>, tensor<2x5x1x8xf32>, tensor<2x5x1x8xf32>
  %h0 = transmamba.convert_memory %k0, %v0, %dt0, %A lengths(%len : tensor<2xi32>) : tensor<2x5x1x8xf32>, tensor<2x5x1x8xf32>, tensor<2x5x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  %ys, %h = transmamba.ssd_scan %q1, %k1, %v1, %dt1, %A init(%h0 : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) lengths(%len : tensor<2xi32>) : tensor<2x11x4x8xf32>, tensor<2x11x1x8xf32>, tensor<2x11x1x8xf32>, tensor<2x11x4xf32>, tensor<4xf32> -> tensor<2x11x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the heads of the cache do not divide those of the state}}
  %y = tensor.concat dim(1) %ya, %ys : (tensor<2x5x4x8xf32>, tensor<2x11x4x8xf32>) -> tensor<2x16x4x8xf32>
  return %y, %h, %c1 : tensor<2x16x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 3x8xf32>
}

// -----

func.func @decode_unresolved(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the TransPoint is unresolved}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_transpoint_zero(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the TransPoint is not positive}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 0 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_other_layer(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: TransPoint and state belong to different layers}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 1 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_attention_used_twice(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the attention reading has another use}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1, %ya : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>
}

// -----

func.func @decode_scan_used_twice(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the state-space reading has another use}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1, %ys : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>
}

// -----

func.func @decode_wrong_order(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the first reading is no attention to a cache}}
  %y = transmamba.select_reading %ys, %ya at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_other_cache(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>, %c2: !transmamba.kv_cache<layer = 0, 4x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c2 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the cache does not hold the token's own key}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_no_state(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan starts without a state}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_start(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %n = arith.constant 3 : index
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) start(%n) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the scan of a decode step starts at a TransPoint}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_lengths(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>, %len: tensor<2xi32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) lengths(%len : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: attention to a cache knows no lengths}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_append_elsewhere(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>, %pos2: tensor<2xi32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos2 : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the readings stand at different positions}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_attention_elsewhere(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>, %pos2: tensor<2xi32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos2 : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the readings stand at different positions}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_rotation_elsewhere(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>, %pos2: tensor<2xi32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos2 : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos2 : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the readings stand at different positions}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_other_rotation(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>, %pos2: tensor<2xi32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos2 : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: queries and keys are rotated differently}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_other_q(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the readings read different queries, keys or values}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_other_k(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the readings read different queries, keys or values}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_other_v(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %k at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the readings read different queries, keys or values}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>
}

// -----

func.func @decode_cache_of_other_layer(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 1, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 1, 4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 1, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 1, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: cache and state belong to different layers}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1 : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 1, 4x8xf32>
}

// -----

func.func @decode_cache_used_before(%q: tensor<2x1x4x8xf32>, %k: tensor<2x1x4x8xf32>, %v: tensor<2x1x4x8xf32>, %dt: tensor<2x1x4xf32>, %A: tensor<4xf32>, %pos: tensor<2xi32>, %c: !transmamba.kv_cache<layer = 0, 4x8xf32>, %s: !transmamba.ssm_state<layer = 0, 4x8x8xf32>)
    -> (tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>) {
  %qr = transmamba.rope %q at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %kr = transmamba.rope %k at(%pos : tensor<2xi32>) theta 1.0e+04 : tensor<2x1x4x8xf32>
  %c1 = transmamba.append_kv %c, %kr, %v at(%pos : tensor<2xi32>) : !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>
  %ya = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %yb = transmamba.cached_attention %qr, %c1 at(%pos : tensor<2xi32>) : tensor<2x1x4x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32> -> tensor<2x1x4x8xf32>
  %ys, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A init(%s : !transmamba.ssm_state<layer = 0, 4x8x8xf32>) : tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4x8xf32>, tensor<2x1x4xf32>, tensor<4xf32> -> tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>
  // expected-remark @+1 {{not fused to a transmamba.switch: the cache is used before the readings are joined}}
  %y = transmamba.select_reading %ya, %ys at(%pos : tensor<2xi32>) layer 0 transpoint 5 : tensor<2x1x4x8xf32>
  return %y, %h, %c1, %yb : tensor<2x1x4x8xf32>, !transmamba.ssm_state<layer = 0, 4x8x8xf32>, !transmamba.kv_cache<layer = 0, 4x8xf32>, tensor<2x1x4x8xf32>
}
