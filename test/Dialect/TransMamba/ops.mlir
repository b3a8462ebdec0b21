// Every operation with every optional part, and bare.
// RUN: %build_dir/bin/transmamba-opt %s --verify-roundtrip | FileCheck %s
// RUN: transmamba-opt %s --emit-bytecode | transmamba-opt | FileCheck %s
// RUN: transmamba-opt %s --mlir-print-op-generic | transmamba-opt | FileCheck %s

// CHECK: module attributes
// CHECK-SAME: transmamba.schedule = #transmamba.schedule<[0, 128, 8192]>
module attributes {transmamba.name = "all", transmamba.schedule = #transmamba.schedule<[0, 128, 8192]>,
                   transmamba.max_batch = 8 : i64, transmamba.max_sequence = 512 : i64} {

// CHECK: transmamba.parameter @matrix from "w" as transpose : tensor<192x576xf32>
transmamba.parameter @matrix from "w" as transpose : tensor<192x576xf32>
// CHECK: transmamba.parameter @decay from "A_log" as neg_exp : tensor<4xf32>
transmamba.parameter @decay from "A_log" as neg_exp : tensor<4xf32>
// CHECK: transmamba.parameter @plain from "b" : tensor<192xbf16>
transmamba.parameter @plain from "b" : tensor<192xbf16>
// CHECK: transmamba.parameter @cosines table <theta = 1.000000e+04, cos> : tensor<512x24xf32>
transmamba.parameter @cosines table <theta = 1.0e+04, cos> : tensor<512x24xf32>
// CHECK: transmamba.parameter @sines table <theta = 5.000000e+05, sin> : tensor<512x24xf32>
transmamba.parameter @sines table <theta = 5.0e+05, sin> : tensor<512x24xf32>

// CHECK-LABEL: func.func @get_parameter
func.func @get_parameter() -> tensor<192x576xf32> {
  // CHECK: transmamba.get_parameter @matrix : tensor<192x576xf32>
  %w = transmamba.get_parameter @matrix : tensor<192x576xf32>
  return %w : tensor<192x576xf32>
}

// CHECK-LABEL: func.func @transpoint
func.func @transpoint(%tokens: index) -> (index, index) {
  // CHECK: transmamba.transpoint %{{.*}} layer 3{{$}}
  %n = transmamba.transpoint %tokens layer 3
  // CHECK: transmamba.transpoint %{{.*}} layer 3 at 128
  %m = transmamba.transpoint %tokens layer 3 at 128
  return %n, %m : index, index
}

// CHECK-LABEL: func.func @embedding
func.func @embedding(%tokens: tensor<?x?xi32>, %table: tensor<256x192xbf16>) -> tensor<?x?x192xbf16> {
  // CHECK: transmamba.embedding %{{.*}}, %{{.*}} : tensor<?x?xi32>, tensor<256x192xbf16> -> tensor<?x?x192xbf16>
  %y = transmamba.embedding %tokens, %table : tensor<?x?xi32>, tensor<256x192xbf16> -> tensor<?x?x192xbf16>
  return %y : tensor<?x?x192xbf16>
}

// CHECK-LABEL: func.func @activate
func.func @activate(%x: tensor<?x192xf32>) -> tensor<?x192xf32> {
  // CHECK: transmamba.activate silu
  %0 = transmamba.activate silu %x : tensor<?x192xf32>
  // CHECK: transmamba.activate gelu %
  %1 = transmamba.activate gelu %0 : tensor<?x192xf32>
  // CHECK: transmamba.activate gelu_tanh
  %2 = transmamba.activate gelu_tanh %1 : tensor<?x192xf32>
  // CHECK: transmamba.activate relu2
  %3 = transmamba.activate relu2 %2 : tensor<?x192xf32>
  // CHECK: transmamba.activate sigmoid
  %4 = transmamba.activate sigmoid %3 : tensor<?x192xf32>
  // CHECK: transmamba.activate softplus
  %5 = transmamba.activate softplus %4 : tensor<?x192xf32>
  return %5 : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @rms_norm
func.func @rms_norm(%x: tensor<?x192xf32>, %w: tensor<192xf32>) -> tensor<?x192xf32> {
  // CHECK: transmamba.rms_norm %{{.*}}, %{{.*}} eps 1.000000e-05 : tensor<?x192xf32>, tensor<192xf32>
  %y = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x192xf32>, tensor<192xf32>
  return %y : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @gated_rms_norm
func.func @gated_rms_norm(%y: tensor<?x?x192xf32>, %z: tensor<?x?x192xf32>, %w: tensor<192xf32>, %pos: tensor<?xi32>)
    -> (tensor<?x?x192xf32>, tensor<?x?x192xf32>) {
  // CHECK: transmamba.gated_rms_norm %{{.*}}, %{{.*}} weight(%{{.*}} : tensor<192xf32>) transpoint 128 at(%{{.*}} : tensor<?xi32>) eps 1.000000e-05 {groups = 4 : i64, norm_before_gate} : tensor<?x?x192xf32>
  %a = transmamba.gated_rms_norm %y, %z weight(%w : tensor<192xf32>) transpoint 128 at(%pos : tensor<?xi32>) eps 1.0e-05
      {groups = 4 : i64, norm_before_gate} : tensor<?x?x192xf32>
  // CHECK: transmamba.gated_rms_norm %{{.*}}, %{{.*}} eps {{.*}} : tensor<?x?x192xf32>
  %b = transmamba.gated_rms_norm %y, %z eps 1.0e-06 : tensor<?x?x192xf32>
  return %a, %b : tensor<?x?x192xf32>, tensor<?x?x192xf32>
}

// CHECK-LABEL: func.func @last_token
func.func @last_token(%x: tensor<?x?x192xf32>, %len: tensor<?xi32>) -> tensor<?x192xf32> {
  // CHECK: transmamba.last_token %{{.*}} lengths(%{{.*}} : tensor<?xi32>) : tensor<?x?x192xf32> -> tensor<?x192xf32>
  %y = transmamba.last_token %x lengths(%len : tensor<?xi32>) : tensor<?x?x192xf32> -> tensor<?x192xf32>
  return %y : tensor<?x192xf32>
}

// CHECK-LABEL: func.func @causal_conv1d
func.func @causal_conv1d(%x: tensor<?x?x576xf32>, %w: tensor<576x4xf32>, %bias: tensor<576xf32>, %len: tensor<?xi32>,
                         %win: !transmamba.conv_window<layer = 0, 3x576xf32>)
    -> (!transmamba.conv_window<layer = 0, 3x576xf32>, !transmamba.conv_window<layer = 1, 3x576xf32>) {
  // CHECK: transmamba.causal_conv1d %{{.*}}, %{{.*}} bias(%{{.*}} : tensor<576xf32>) window(%{{.*}} : !transmamba.conv_window<layer = 0, 3x576xf32>) lengths(%{{.*}} : tensor<?xi32>) : tensor<?x?x576xf32>, tensor<576x4xf32> -> !transmamba.conv_window<layer = 0, 3x576xf32>
  %a, %next = transmamba.causal_conv1d %x, %w bias(%bias : tensor<576xf32>)
      window(%win : !transmamba.conv_window<layer = 0, 3x576xf32>) lengths(%len : tensor<?xi32>)
      : tensor<?x?x576xf32>, tensor<576x4xf32> -> !transmamba.conv_window<layer = 0, 3x576xf32>
  // CHECK: transmamba.causal_conv1d %{{.*}}, %{{.*}} : tensor<?x?x576xf32>, tensor<576x4xf32> -> !transmamba.conv_window<layer = 1, 3x576xf32>
  %b, %other = transmamba.causal_conv1d %a, %w : tensor<?x?x576xf32>, tensor<576x4xf32>
      -> !transmamba.conv_window<layer = 1, 3x576xf32>
  return %next, %other : !transmamba.conv_window<layer = 0, 3x576xf32>, !transmamba.conv_window<layer = 1, 3x576xf32>
}

// CHECK-LABEL: func.func @rope
func.func @rope(%q: tensor<?x?x4x48xf32>, %pos: tensor<?xi32>) -> (tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>) {
  // CHECK: transmamba.rope %{{.*}} at(%{{.*}} : tensor<?xi32>) theta 1.000000e+04 {interleaved, rotary_dim = 24 : i64} : tensor<?x?x4x48xf32>
  %a = transmamba.rope %q at(%pos : tensor<?xi32>) theta 1.0e+04 {rotary_dim = 24 : i64, interleaved} : tensor<?x?x4x48xf32>
  // CHECK: transmamba.rope %{{.*}} theta 1.000000e+04 : tensor<?x?x4x48xf32>
  %b = transmamba.rope %q theta 1.0e+04 : tensor<?x?x4x48xf32>
  return %a, %b : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<2x7x4x48xbf16>, %k: tensor<2x?x2x48xbf16>, %v: tensor<?x9x1x32xbf16>, %len: tensor<2xi32>,
                     %s: tensor<?x?x4x48xf32>) -> (tensor<?x7x4x32xbf16>, tensor<?x?x4x48xf32>) {
  // CHECK: transmamba.attention %{{.*}}, %{{.*}}, %{{.*}} lengths(%{{.*}} : tensor<2xi32>) {scale = 1.250000e-01 : f64} : tensor<2x7x4x48xbf16>, tensor<2x?x2x48xbf16>, tensor<?x9x1x32xbf16> -> tensor<?x7x4x32xbf16>
  %a = transmamba.attention %q, %k, %v lengths(%len : tensor<2xi32>) {scale = 0.125 : f64}
      : tensor<2x7x4x48xbf16>, tensor<2x?x2x48xbf16>, tensor<?x9x1x32xbf16> -> tensor<?x7x4x32xbf16>
  // CHECK: transmamba.attention %{{.*}}, %{{.*}}, %{{.*}} {causal, window = 64 : i64}
  %b = transmamba.attention %s, %s, %s {causal, window = 64 : i64}
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  // CHECK: %{{.*}}, %{{.*}} = transmamba.attention %{{.*}}, %{{.*}}, %{{.*}} {causal} : {{.*}} -> tensor<?x?x4x48xf32>, tensor<?x?x4xf32>
  %c, %lse = transmamba.attention %s, %s, %s {causal}
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>, tensor<?x?x4xf32>
  return %a, %c : tensor<?x7x4x32xbf16>, tensor<?x?x4x48xf32>
}

// CHECK-LABEL: func.func @cache
func.func @cache(%q: tensor<?x1x4x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x48xf32>,
                 %v: tensor<?x1x1x48xf32>, %pos: tensor<?xi32>, %len: tensor<?xi32>)
    -> (tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32>) {
  // CHECK: %[[CACHE:.*]] = transmamba.append_kv %{{.*}}, %{{.*}}, %{{.*}} at(%{{.*}} : tensor<?xi32>) lengths(%{{.*}} : tensor<?xi32>) : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x1x48xf32>
  %n = transmamba.append_kv %c, %k, %v at(%pos : tensor<?xi32>) lengths(%len : tensor<?xi32>)
      : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x1x48xf32>
  // CHECK: %[[ROTATED:.*]] = transmamba.append_kv %[[CACHE]], %{{.*}}, %{{.*}} at(%{{.*}} : tensor<?xi32>) {interleaved, rope_theta = 1.000000e+04 : f64, rotary_dim = 24 : i64} :
  %n2 = transmamba.append_kv %n, %k, %v at(%pos : tensor<?xi32>) {rope_theta = 1.0e+04 : f64, rotary_dim = 24 : i64, interleaved}
      : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x1x48xf32>
  // CHECK: transmamba.cached_attention %{{.*}}, %[[ROTATED]] at(%{{.*}} : tensor<?xi32>) {scale = 5.000000e-01 : f64, window = 3 : i64} : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xf32>
  %y = transmamba.cached_attention %q, %n2 at(%pos : tensor<?xi32>) {scale = 0.5 : f64, window = 3 : i64}
      : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xf32>
  return %y, %n2 : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32>
}

// CHECK-LABEL: func.func @scan
func.func @scan(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x2x48xf32>, %v: tensor<?x?x4x32xf32>, %dt: tensor<?x?x4xf32>,
                %A: tensor<4xf32>, %D: tensor<4xf32>, %n: index, %len: tensor<?xi32>)
    -> (tensor<?x?x4x32xf32>, !transmamba.ssm_state<layer = 1, 4x48x32xf32>) {
  // CHECK: transmamba.convert_memory %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} lengths(%{{.*}} : tensor<?xi32>) : tensor<?x?x2x48xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x32xf32>
  %h = transmamba.convert_memory %k, %v, %dt, %A lengths(%len : tensor<?xi32>)
      : tensor<?x?x2x48xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>, tensor<4xf32>
      -> !transmamba.ssm_state<layer = 1, 4x48x32xf32>
  // CHECK: transmamba.ssd_scan %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} skip(%{{.*}} : tensor<4xf32>) init(%{{.*}} : !transmamba.ssm_state<layer = 1, 4x48x32xf32>) start(%{{.*}}) lengths(%{{.*}} : tensor<?xi32>) {chunk = 64 : i64}
  %y, %state = transmamba.ssd_scan %q, %k, %v, %dt, %A skip(%D : tensor<4xf32>)
      init(%h : !transmamba.ssm_state<layer = 1, 4x48x32xf32>) start(%n) lengths(%len : tensor<?xi32>) {chunk = 64 : i64}
      : tensor<?x?x4x48xf32>, tensor<?x?x2x48xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>, tensor<4xf32>
      -> tensor<?x?x4x32xf32>, !transmamba.ssm_state<layer = 1, 4x48x32xf32>
  return %y, %state : tensor<?x?x4x32xf32>, !transmamba.ssm_state<layer = 1, 4x48x32xf32>
}

// CHECK-LABEL: func.func @selective_scan
func.func @selective_scan(%u: tensor<?x?x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>,
                          %C: tensor<?x?x16xf32>, %D: tensor<64xf32>, %h0: !transmamba.ssm_state<layer = 0, 64x16xf32>,
                          %len: tensor<?xi32>) -> (tensor<?x?x64xf32>, !transmamba.ssm_state<layer = 0, 64x16xf32>) {
  // CHECK: transmamba.selective_scan %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} skip(%{{.*}} : tensor<64xf32>) init(%{{.*}} : !transmamba.ssm_state<layer = 0, 64x16xf32>) lengths(%{{.*}} : tensor<?xi32>) : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C skip(%D : tensor<64xf32>)
      init(%h0 : !transmamba.ssm_state<layer = 0, 64x16xf32>) lengths(%len : tensor<?xi32>)
      : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>
      -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return %y, %h : tensor<?x?x64xf32>, !transmamba.ssm_state<layer = 0, 64x16xf32>
}

// CHECK-LABEL: func.func @select_reading
func.func @select_reading(%a: tensor<?x1x192xf32>, %s: tensor<?x1x192xf32>, %pos: tensor<?xi32>)
    -> (tensor<?x1x192xf32>, tensor<?x1x192xf32>) {
  // CHECK: transmamba.select_reading %{{.*}}, %{{.*}} at(%{{.*}} : tensor<?xi32>) layer 3 transpoint 128 : tensor<?x1x192xf32>
  %x = transmamba.select_reading %a, %s at(%pos : tensor<?xi32>) layer 3 transpoint 128 : tensor<?x1x192xf32>
  // CHECK: transmamba.select_reading %{{.*}}, %{{.*}} at(%{{.*}} : tensor<?xi32>) layer 2 : tensor<?x1x192xf32>
  %y = transmamba.select_reading %a, %s at(%pos : tensor<?xi32>) layer 2 : tensor<?x1x192xf32>
  return %x, %y : tensor<?x1x192xf32>, tensor<?x1x192xf32>
}

// CHECK-LABEL: func.func @switch
func.func @switch(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x2x48xf32>, %v: tensor<?x?x2x48xf32>, %dt: tensor<?x?x4xf32>,
                  %A: tensor<4xf32>, %D: tensor<4xf32>, %h0: !transmamba.ssm_state<layer = 1, 4x48x48xf32>,
                  %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %pos: tensor<?xi32>, %len: tensor<?xi32>)
    -> (!transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32>, !transmamba.ssm_state<layer = 2, 4x48x48xf32>) {
  // CHECK: transmamba.switch %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} transpoint 128 skip(%{{.*}} : tensor<4xf32>) init(%{{.*}} : !transmamba.ssm_state<layer = 1, 4x48x48xf32>) cache(%{{.*}} : !transmamba.kv_cache<layer = 1, 2x48xf32>) at(%{{.*}} : tensor<?xi32>) lengths(%{{.*}} : tensor<?xi32>)
  // CHECK-SAME: {chunk = 64 : i64, interleaved, rope_theta = 1.000000e+04 : f64, rotary_dim = 24 : i64, scale = 1.250000e-01 : f64, window = 96 : i64}
  %y, %h, %c1 = transmamba.switch %q, %k, %v, %dt, %A transpoint 128 skip(%D : tensor<4xf32>)
      init(%h0 : !transmamba.ssm_state<layer = 1, 4x48x48xf32>) cache(%c : !transmamba.kv_cache<layer = 1, 2x48xf32>)
      at(%pos : tensor<?xi32>) lengths(%len : tensor<?xi32>)
      {rope_theta = 1.0e+04 : f64, rotary_dim = 24 : i64, interleaved, chunk = 64 : i64, scale = 0.125 : f64, window = 96 : i64}
      : tensor<?x?x4x48xf32>, tensor<?x?x2x48xf32>, tensor<?x?x2x48xf32>, tensor<?x?x4xf32>, tensor<4xf32>
      -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32>
  // CHECK: transmamba.switch %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} transpoint 128 : tensor<?x?x4x48xf32>
  %z, %g = transmamba.switch %q, %k, %v, %dt, %A transpoint 128
      : tensor<?x?x4x48xf32>, tensor<?x?x2x48xf32>, tensor<?x?x2x48xf32>, tensor<?x?x4xf32>, tensor<4xf32>
      -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 2, 4x48x48xf32>
  return %h, %c1, %g : !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32>, !transmamba.ssm_state<layer = 2, 4x48x48xf32>
}

// CHECK-LABEL: func.func private @kernel
func.func private @kernel(%x: index, %y: index, %z: index, %p: memref<f32>, %n: index) attributes {transmamba.kernel} {
  return
}

// CHECK-LABEL: func.func @dispatch
func.func @dispatch(%a: memref<?x4xf32>, %n: index) {
  %c1 = arith.constant 1 : index
  // CHECK: transmamba.dispatch @kernel grid(%{{.*}}, %{{.*}}, %{{.*}}) args(%{{.*}}, %{{.*}} : memref<?x4xf32>, index)
  transmamba.dispatch @kernel grid(%n, %c1, %c1) args(%a, %n : memref<?x4xf32>, index)
  // CHECK: transmamba.dispatch @kernel grid(%{{.*}}, %{{.*}}, %{{.*}}) flop(%[[C1:.*]]) bytes(%[[N:.*]]) args(%{{.*}}, %[[N]] : memref<?x4xf32>, index)
  transmamba.dispatch @kernel grid(%n, %c1, %c1) flop(%c1) bytes(%n) args(%a, %n : memref<?x4xf32>, index)
  // CHECK: transmamba.dispatch @kernel grid(%{{.*}}, %{{.*}}, %{{.*}}) bytes(%[[N]]) args(
  transmamba.dispatch @kernel grid(%n, %c1, %c1) bytes(%n) args(%a, %n : memref<?x4xf32>, index)
  return
}

// CHECK-LABEL: func.func @work
// CHECK-SAME:      %[[N:.*]]: index
func.func @work(%n: index) {
  scf.forall (%i) in (%n) {
    // CHECK: transmamba.work flop(%[[N]]) bytes(%[[N]])
    transmamba.work flop(%n) bytes(%n)
    // CHECK: transmamba.work bytes(%[[N]])
    transmamba.work bytes(%n)
  }
  return
}

}
