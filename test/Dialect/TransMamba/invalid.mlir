// Every numbered constraint of the dialect, violated once: the number in the message is the one in TransMambaOps.td.
// RUN: transmamba-opt %s --split-input-file --verify-diagnostics

// (A1) and (A2): schedules.
// expected-error @+1 {{(A1) a schedule needs at least one TransPoint}}
module attributes {transmamba.schedule = #transmamba.schedule<[]>} {}

// -----

// expected-error @+1 {{(A2) TransPoint -1 is negative}}
module attributes {transmamba.schedule = #transmamba.schedule<[128, -1]>} {}

// -----

// expected-error @+1 {{attribute 'transmamba.schedule' must be a #transmamba.schedule}}
module attributes {transmamba.schedule = [128]} {}

// -----

// expected-error @+1 {{attribute 'transmamba.max_sequence' must be a positive integer}}
module attributes {transmamba.max_sequence = 0 : i64} {}

// -----

// expected-error @+1 {{attribute 'transmamba.max_batch' must be a positive integer}}
module attributes {transmamba.max_batch = "8"} {}

// -----

// An integer that does not fit 64 bits.
// expected-error @+1 {{attribute 'transmamba.max_batch' must be a positive integer}}
module attributes {transmamba.max_batch = 36893488147419103232 : i128} {}

// -----

// expected-error @+1 {{attribute 'transmamba.entry' belongs on a function}}
module attributes {transmamba.entry} {}

// -----

// expected-error @+1 {{attribute 'transmamba.kernel' belongs on a function}}
module attributes {transmamba.kernel} {}

// -----

// expected-error @+1 {{attribute 'transmamba.name' must be a string}}
module attributes {transmamba.name = 5 : i64} {}

// -----

// expected-error @+1 {{attribute 'transmamba.tokenizer' must be a string}}
module attributes {transmamba.tokenizer = ["bytes"]} {}

// -----

// expected-error @+1 {{attribute 'transmamba.vocabulary' must be an integer that is not negative}}
module attributes {transmamba.vocabulary = -1 : i64} {}

// -----

// expected-error @+1 {{attribute 'transmamba.positions' must be "set" or "advance"}}
func.func @f() attributes {transmamba.positions = "jump"} { return }

// -----

// expected-error @+1 {{attribute 'transmamba.positions' belongs on a function}}
module attributes {transmamba.positions = "set"} {}

// -----

// expected-error @+1 {{(Y1) the layer is negative: -1}}
func.func private @type(!transmamba.kv_cache<layer = -1, 4x48xf32>)

// -----

// expected-error @+1 {{(Y1) the layer is negative: -1}}
func.func private @type(!transmamba.ssm_state<layer = -1, 4x48x48xf32>)

// -----

// expected-error @+1 {{(Y1) the layer is negative: -1}}
func.func private @type(!transmamba.conv_window<layer = -1, 3x64xf32>)

// -----

// expected-error @+1 {{(Y2) a state of rank 3 where 2 is expected}}
func.func private @type(!transmamba.kv_cache<layer = 0, 4x48x48xf32>)

// -----

// expected-error @+1 {{(Y2) a state of rank 1 where 2 or 3 is expected}}
func.func private @type(!transmamba.ssm_state<layer = 0, 4xf32>)

// -----

// expected-error @+1 {{(Y2) a state of rank 1 where 2 is expected}}
func.func private @type(!transmamba.conv_window<layer = 0, 3xf32>)

// -----

// expected-error @+1 {{(Y2) sizes of a state must be positive}}
func.func private @type(!transmamba.kv_cache<layer = 0, 0x48xf32>)

// -----

// expected-error @+1 {{(Y2) sizes of a state must be positive}}
func.func private @type(!transmamba.ssm_state<layer = 0, 4x0x48xf32>)

// -----

// expected-error @+1 {{(Y2) sizes of a state must be positive}}
func.func private @type(!transmamba.conv_window<layer = 0, 3x0xf32>)

// -----

// expected-error @+1 {{(Y3) the element type must be a float, not 'i32'}}
func.func private @type(!transmamba.kv_cache<layer = 0, 4x48xi32>)

// -----

// expected-error @+1 {{(Y3) the element type must be a float, not 'i8'}}
func.func private @type(!transmamba.conv_window<layer = 0, 3x64xi8>)

// -----

// expected-error @+1 {{(Y4) a recurrent state is f32, not 'bf16'}}
func.func private @type(!transmamba.ssm_state<layer = 0, 4x48x48xbf16>)

// -----

// expected-error @+1 {{expected 'cos' or 'sin'}}
transmamba.parameter @p table <theta = 1.0e+04, tan> : tensor<512x24xf32>

// -----

// expected-error @+1 {{(C1) needs a static tensor of floats}}
transmamba.parameter @parameter_c1 from "w" : tensor<?x4xf32>

// -----

// expected-error @+1 {{(C1) needs a static tensor of floats}}
transmamba.parameter @parameter_c1 from "w" : tensor<4xi32>

// -----

// expected-error @+1 {{(C1) needs a static tensor of floats}}
transmamba.parameter @parameter_c1 from "w" : tensor<*xf32>

// -----

// expected-error @+1 {{(C1) needs a static tensor of floats}}
transmamba.parameter @parameter_c1 from "w" : vector<4xf32>

// -----

// expected-error @+1 {{(C1) needs a static tensor of floats}}
transmamba.parameter @parameter_c1 from "w" : f32

// -----

// expected-error @+1 {{(C2) needs either a source or a table}}
transmamba.parameter @parameter_c2 : tensor<4xf32>

// -----

// expected-error @+1 {{(C2) needs either a source or a table}}
transmamba.parameter @parameter_c2 from "w" table <theta = 1.0e+04, cos> : tensor<512x24xf32>

// -----

// expected-error @+1 {{(C3) only a matrix can be transposed}}
transmamba.parameter @parameter_c3 from "w" as transpose : tensor<4xf32>

// -----

// expected-error @+1 {{(C4) a table has rank 2 and a positive theta}}
transmamba.parameter @parameter_c4 table <theta = 1.0e+04, cos> : tensor<512xf32>

// -----

// expected-error @+1 {{(C4) a table has rank 2 and a positive theta}}
transmamba.parameter @parameter_c4 table <theta = -1.0, cos> : tensor<512x24xf32>

// -----

// expected-error @+1 {{(C4) a table is not transformed}}
transmamba.parameter @parameter_c4 as transpose table <theta = 1.0e+04, cos> : tensor<512x24xf32>

// -----

func.func @get_parameter_c1() {
  // expected-error @+1 {{(C1) there is no transmamba.parameter @absent}}
  %w = transmamba.get_parameter @absent : tensor<4xf32>
  return
}

// -----

transmamba.parameter @w from "w" : tensor<4xf32>
func.func @get_parameter_c1_2() {
  // expected-error @+1 {{(C1) parameter @w has type 'tensor<4xf32>', not 'tensor<8xf32>'}}
  %w = transmamba.get_parameter @w : tensor<8xf32>
  return
}

// -----

func.func private @other()
func.func @get_parameter_c1_3() {
  // expected-error @+1 {{(C1) there is no transmamba.parameter @other}}
  %w = transmamba.get_parameter @other : tensor<8xf32>
  return
}

// -----

func.func @transpoint_c1(%t: index) {
  // expected-error @+1 {{(C1) the layer is negative}}
  %n = transmamba.transpoint %t layer -1
  return
}

// -----

func.func @transpoint_c2(%t: index) {
  // expected-error @+1 {{(C2) the TransPoint is negative}}
  %n = transmamba.transpoint %t layer 0 at -5
  return
}

// -----

func.func @embedding_c1(%t: tensor<2x?xi32>, %w: tensor<256x192xf32>) {
  // expected-error @+1 {{(C1) rows must agree: 2 and 3}}
  %y = transmamba.embedding %t, %w : tensor<2x?xi32>, tensor<256x192xf32> -> tensor<3x?x192xf32>
  return
}

// -----

func.func @embedding_c1_2(%t: tensor<?x4xi32>, %w: tensor<256x192xf32>) {
  // expected-error @+1 {{(C1) tokens must agree: 4 and 5}}
  %y = transmamba.embedding %t, %w : tensor<?x4xi32>, tensor<256x192xf32> -> tensor<?x5x192xf32>
  return
}

// -----

func.func @embedding_c1_3(%t: tensor<?x?xi32>, %w: tensor<256x192xf32>) {
  // expected-error @+1 {{(C1) channels must agree: 192 and 64}}
  %y = transmamba.embedding %t, %w : tensor<?x?xi32>, tensor<256x192xf32> -> tensor<?x?x64xf32>
  return
}

// -----

func.func @embedding_c2(%t: tensor<?x?xi32>, %w: tensor<256x192xf32>) {
  // expected-error @+1 {{(C2) element types differ: 'f32' and 'bf16'}}
  %y = transmamba.embedding %t, %w : tensor<?x?xi32>, tensor<256x192xf32> -> tensor<?x?x192xbf16>
  return
}

// -----

func.func @rms_norm_c1(%x: tensor<?x?x192xf32>, %w: tensor<64xf32>) {
  // expected-error @+1 {{(C1) the weight's size is 64, expected 192}}
  %y = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x?x192xf32>, tensor<64xf32>
  return
}

// -----

func.func @rms_norm_c1_2(%x: tensor<f32>, %w: tensor<64xf32>) {
  // expected-error @+1 {{(C1) there is no dimension to normalise}}
  %y = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<f32>, tensor<64xf32>
  return
}

// -----

func.func @rms_norm_c2(%x: tensor<?x?x192xf32>, %w: tensor<192xf32>) {
  // expected-error @+1 {{(C2) eps must be positive}}
  %y = transmamba.rms_norm %x, %w eps 0.0 : tensor<?x?x192xf32>, tensor<192xf32>
  return
}

// -----

func.func @gated_rms_norm_c1(%x: tensor<?x?x192xf32>, %z: tensor<?x?x192xf32>, %w: tensor<64xf32>) {
  // expected-error @+1 {{(C1) the weight's size is 64, expected 192}}
  %y = transmamba.gated_rms_norm %x, %z weight(%w : tensor<64xf32>) eps 1.0e-05 : tensor<?x?x192xf32>
  return
}

// -----

func.func @gated_rms_norm_c2(%x: tensor<?x?x192xf32>, %z: tensor<?x?x192xf32>) {
  // expected-error @+1 {{(C2) 5 groups do not divide the channels}}
  %y = transmamba.gated_rms_norm %x, %z eps 1.0e-05 {groups = 5 : i64} : tensor<?x?x192xf32>
  return
}

// -----

func.func @gated_rms_norm_c2_2(%x: tensor<?x?x192xf32>, %z: tensor<?x?x192xf32>) {
  // expected-error @+1 {{(C2) 0 groups do not divide the channels}}
  %y = transmamba.gated_rms_norm %x, %z eps 1.0e-05 {groups = 0 : i64} : tensor<?x?x192xf32>
  return
}

// -----

func.func @gated_rms_norm_c2_3(%x: tensor<?x?x?xf32>, %z: tensor<?x?x?xf32>) {
  // expected-error @+1 {{(C2) 1 groups do not divide the channels}}
  %y = transmamba.gated_rms_norm %x, %z eps 1.0e-05 : tensor<?x?x?xf32>
  return
}

// -----

func.func @gated_rms_norm_c3(%x: tensor<?x?x192xf32>, %z: tensor<?x?x192xf32>) {
  // expected-error @+1 {{(C3) eps must be positive}}
  %y = transmamba.gated_rms_norm %x, %z eps -1.0 : tensor<?x?x192xf32>
  return
}

// -----

func.func @gated_rms_norm_c4(%x: tensor<?x?x192xf32>, %z: tensor<?x?x192xf32>) {
  // expected-error @+1 {{(C4) the TransPoint is negative}}
  %y = transmamba.gated_rms_norm %x, %z transpoint -1 eps 1.0e-05 : tensor<?x?x192xf32>
  return
}

// -----

func.func @gated_rms_norm_c5(%x: tensor<2x?x192xf32>, %z: tensor<2x?x192xf32>, %p: tensor<3xi32>) {
  // expected-error @+1 {{(C5) the number of positions is 3, expected 2}}
  %y = transmamba.gated_rms_norm %x, %z transpoint 8 at(%p : tensor<3xi32>) eps 1.0e-05 : tensor<2x?x192xf32>
  return
}

// -----

func.func @last_token_c1(%x: tensor<2x?x192xf32>, %l: tensor<?xi32>) {
  // expected-error @+1 {{(C1) rows must agree: 2 and 3}}
  %y = transmamba.last_token %x lengths(%l : tensor<?xi32>) : tensor<2x?x192xf32> -> tensor<3x192xf32>
  return
}

// -----

func.func @last_token_c1_2(%x: tensor<?x?x192xf32>, %l: tensor<?xi32>) {
  // expected-error @+1 {{(C1) channels must agree: 192 and 64}}
  %y = transmamba.last_token %x lengths(%l : tensor<?xi32>) : tensor<?x?x192xf32> -> tensor<?x64xf32>
  return
}

// -----

func.func @last_token_c1_3(%x: tensor<?x?x192xf32>, %l: tensor<?xi32>) {
  // expected-error @+1 {{(C1) element types differ}}
  %y = transmamba.last_token %x lengths(%l : tensor<?xi32>) : tensor<?x?x192xf32> -> tensor<?x192xbf16>
  return
}

// -----

func.func @last_token_c2(%x: tensor<2x?x192xf32>, %l: tensor<3xi32>) {
  // expected-error @+1 {{(C2) the number of lengths is 3, expected 2}}
  %y = transmamba.last_token %x lengths(%l : tensor<3xi32>) : tensor<2x?x192xf32> -> tensor<2x192xf32>
  return
}

// -----

func.func @causal_conv1d_c1(%x: tensor<?x?x64xf32>, %w: tensor<32x4xf32>) {
  // expected-error @+1 {{(C1) the weight must be C x W with W >= 2}}
  %y, %n = transmamba.causal_conv1d %x, %w : tensor<?x?x64xf32>, tensor<32x4xf32> -> !transmamba.conv_window<layer = 0, 3x64xf32>
  return
}

// -----

func.func @causal_conv1d_c1_2(%x: tensor<?x?x64xf32>, %w: tensor<64x1xf32>) {
  // expected-error @+1 {{(C1) the weight must be C x W with W >= 2}}
  %y, %n = transmamba.causal_conv1d %x, %w : tensor<?x?x64xf32>, tensor<64x1xf32> -> !transmamba.conv_window<layer = 0, 3x64xf32>
  return
}

// -----

func.func @causal_conv1d_c1_3(%x: tensor<?x?x64xf32>, %w: tensor<64x?xf32>) {
  // expected-error @+1 {{(C1) the weight must be C x W with W >= 2}}
  %y, %n = transmamba.causal_conv1d %x, %w : tensor<?x?x64xf32>, tensor<64x?xf32> -> !transmamba.conv_window<layer = 0, 3x64xf32>
  return
}

// -----

func.func @causal_conv1d_c1_4(%x: tensor<?x?x?xf32>, %w: tensor<64x4xf32>) {
  // expected-error @+1 {{(C1) the weight must be C x W with W >= 2}}
  %y, %n = transmamba.causal_conv1d %x, %w : tensor<?x?x?xf32>, tensor<64x4xf32> -> !transmamba.conv_window<layer = 0, 3x64xf32>
  return
}

// -----

func.func @causal_conv1d_c2(%x: tensor<?x?x64xf32>, %w: tensor<64x4xf32>, %b: tensor<32xf32>) {
  // expected-error @+1 {{(C2) the bias must have 64 elements}}
  %y, %n = transmamba.causal_conv1d %x, %w bias(%b : tensor<32xf32>) : tensor<?x?x64xf32>, tensor<64x4xf32> -> !transmamba.conv_window<layer = 0, 3x64xf32>
  return
}

// -----

func.func @causal_conv1d_c3(%x: tensor<?x?x64xf32>, %w: tensor<64x4xf32>) {
  // expected-error @+1 {{(C3) the state '!transmamba.conv_window<layer = 0, 2x64xf32>' does not have the shape 3x64}}
  %y, %n = transmamba.causal_conv1d %x, %w : tensor<?x?x64xf32>, tensor<64x4xf32> -> !transmamba.conv_window<layer = 0, 2x64xf32>
  return
}

// -----

func.func @causal_conv1d_c3_2(%x: tensor<?x?x64xf32>, %w: tensor<64x4xf32>) {
  // expected-error @+1 {{(C3) window and input have different element types}}
  %y, %n = transmamba.causal_conv1d %x, %w : tensor<?x?x64xf32>, tensor<64x4xf32> -> !transmamba.conv_window<layer = 0, 3x64xbf16>
  return
}

// -----

func.func @causal_conv1d_c4(%x: tensor<?x?x64xf32>, %w: tensor<64x4xf32>, %p: !transmamba.conv_window<layer = 1, 3x64xf32>) {
  // expected-error @+1 {{(C4) the window comes in as}}
  %y, %n = transmamba.causal_conv1d %x, %w window(%p : !transmamba.conv_window<layer = 1, 3x64xf32>) : tensor<?x?x64xf32>, tensor<64x4xf32> -> !transmamba.conv_window<layer = 0, 3x64xf32>
  return
}

// -----

func.func @causal_conv1d_c5(%x: tensor<2x?x64xf32>, %w: tensor<64x4xf32>, %l: tensor<3xi32>) {
  // expected-error @+1 {{(C5) the number of lengths is 3, expected 2}}
  %y, %n = transmamba.causal_conv1d %x, %w lengths(%l : tensor<3xi32>) : tensor<2x?x64xf32>, tensor<64x4xf32> -> !transmamba.conv_window<layer = 0, 3x64xf32>
  return
}

// -----

func.func @causal_conv1d_s1(%x: tensor<?x?x64xf32>, %w: tensor<64x4xf32>, %p: !transmamba.conv_window<layer = 0, 3x64xf32>) -> !transmamba.conv_window<layer = 0, 3x64xf32> {
  // expected-error @+1 {{(S1) the state that it updates has another use}}
  %y, %n = transmamba.causal_conv1d %x, %w window(%p : !transmamba.conv_window<layer = 0, 3x64xf32>) : tensor<?x?x64xf32>, tensor<64x4xf32> -> !transmamba.conv_window<layer = 0, 3x64xf32>
  // expected-note @+1 {{other use}}
  return %p : !transmamba.conv_window<layer = 0, 3x64xf32>
}

// -----

func.func @rope_c1(%q: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C1) theta must be positive}}
  %y = transmamba.rope %q theta 0.0 : tensor<?x?x4x48xf32>
  return
}

// -----

func.func @rope_c2(%q: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C2) rotary dimension 3 is not even or not in [2, 48]}}
  %y = transmamba.rope %q theta 1.0e+04 {rotary_dim = 3 : i64} : tensor<?x?x4x48xf32>
  return
}

// -----

func.func @rope_c2_2(%q: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C2) rotary dimension 0 is not even or not in [2, 48]}}
  %y = transmamba.rope %q theta 1.0e+04 {rotary_dim = 0 : i64} : tensor<?x?x4x48xf32>
  return
}

// -----

func.func @rope_c2_3(%q: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C2) rotary dimension 50 is not even or not in [2, 48]}}
  %y = transmamba.rope %q theta 1.0e+04 {rotary_dim = 50 : i64} : tensor<?x?x4x48xf32>
  return
}

// -----

func.func @rope_c2_4(%q: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C2) rotary dimension -2 is not even or not in [2, 48]}}
  %y = transmamba.rope %q theta 1.0e+04 {rotary_dim = -2 : i64} : tensor<?x?x4x48xf32>
  return
}

// -----

func.func @rope_c2_5(%q: tensor<?x?x4x47xf32>) {
  // expected-error @+1 {{(C2) rotary dimension 47 is not even or not in [2, 47]}}
  %y = transmamba.rope %q theta 1.0e+04 : tensor<?x?x4x47xf32>
  return
}

// -----

func.func @rope_c2_6(%q: tensor<?x?x4x?xf32>) {
  // expected-error @+1 {{(C2) head dimensions must be static and positive}}
  %y = transmamba.rope %q theta 1.0e+04 : tensor<?x?x4x?xf32>
  return
}

// -----

func.func @rope_c3(%q: tensor<2x?x4x48xf32>, %p: tensor<3xi32>) {
  // expected-error @+1 {{(C3) the number of positions is 3, expected 2}}
  %y = transmamba.rope %q at(%p : tensor<3xi32>) theta 1.0e+04 : tensor<2x?x4x48xf32>
  return
}

// -----

func.func @attention_c1(%q: tensor<2x?x4x48xf32>, %k: tensor<3x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C1) rows must agree: 2 and 3}}
  %y = transmamba.attention %q, %k, %v : tensor<2x?x4x48xf32>, tensor<3x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c1_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x7x4x48xf32>, %v: tensor<?x8x4x48xf32>) {
  // expected-error @+1 {{(C1) tokens of k and v must agree: 7 and 8}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x7x4x48xf32>, tensor<?x8x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x32xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C2) head dimensions of q and k must agree: 48 and 32}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c2_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x?xf32>) {
  // expected-error @+1 {{(C2) head dimensions must be static and positive}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x?xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c2_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x0xf32>) {
  // expected-error @+1 {{(C2) head dimensions must be static and positive}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x0xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x3x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C3) numbers of heads must be static, positive and divide the largest, 4}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x3x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c3_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x?x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C3) numbers of heads must be static, positive and divide the largest, 4}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x?x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c3_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x0x48xf32>) {
  // expected-error @+1 {{(C3) numbers of heads must be static, positive and divide the largest, 4}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x0x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c4(%q: tensor<?x7x4x48xf32>, %k: tensor<?x8x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C4) queries and keys must agree: 7 and 8}}
  %y = transmamba.attention %q, %k, %v {causal} : tensor<?x7x4x48xf32>, tensor<?x8x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c5(%q: tensor<2x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C5) rows of the result must agree: 2 and 3}}
  %y = transmamba.attention %q, %k, %v : tensor<2x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<3x?x4x48xf32>
  return
}

// -----

func.func @attention_c5_2(%q: tensor<?x7x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C5) tokens of the result must agree: 7 and 8}}
  %y = transmamba.attention %q, %k, %v : tensor<?x7x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x8x4x48xf32>
  return
}

// -----

func.func @attention_c5_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C5) the result's number of heads is 2, expected 4}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x2x48xf32>
  return
}

// -----

func.func @attention_c5_4(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C5) the result's head dimension is 32, expected 48}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x32xf32>
  return
}

// -----

func.func @attention_c5_5(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C5) the result's number of heads is ?, expected 4}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x?x48xf32>
  return
}

// -----

func.func @attention_c5_6(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C5) the result's head dimension is ?, expected 48}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x?xf32>
  return
}

// -----

func.func @attention_c6(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C6) a window must be positive and causal}}
  %y = transmamba.attention %q, %k, %v {causal, window = 0 : i64} : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c6_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C6) a window must be positive and causal}}
  %y = transmamba.attention %q, %k, %v {window = 8 : i64} : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c7(%q: tensor<2x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %l: tensor<3xi32>) {
  // expected-error @+1 {{(C7) the number of lengths is 3, expected 2}}
  %y = transmamba.attention %q, %k, %v lengths(%l : tensor<3xi32>) : tensor<2x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c8(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xbf16>) {
  // expected-error @+1 {{(C8) element types differ: 'f32' and 'bf16'}}
  %y = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xbf16> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c9(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C9) the scale must be finite}}
  %y = transmamba.attention %q, %k, %v {scale = 0x7FF0000000000000 : f64} : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>
  return
}

// -----

func.func @attention_c10(%q: tensor<2x?x4x48xf32>, %k: tensor<2x?x4x48xf32>, %v: tensor<2x?x4x48xf32>) {
  // expected-error @+1 {{(C10) rows of the logarithms must agree: 2 and 3}}
  %y, %l = transmamba.attention %q, %k, %v : tensor<2x?x4x48xf32>, tensor<2x?x4x48xf32>, tensor<2x?x4x48xf32> -> tensor<2x?x4x48xf32>, tensor<3x?x4xf32>
  return
}

// -----

func.func @attention_c10_2(%q: tensor<?x7x4x48xf32>, %k: tensor<?x7x4x48xf32>, %v: tensor<?x7x4x48xf32>) {
  // expected-error @+1 {{(C10) tokens of the logarithms must agree: 7 and 8}}
  %y, %l = transmamba.attention %q, %k, %v : tensor<?x7x4x48xf32>, tensor<?x7x4x48xf32>, tensor<?x7x4x48xf32> -> tensor<?x7x4x48xf32>, tensor<?x8x4xf32>
  return
}

// -----

func.func @attention_c10_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>) {
  // expected-error @+1 {{(C10) the number of heads of the logarithms is 2, expected 4}}
  %y, %l = transmamba.attention %q, %k, %v : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32> -> tensor<?x?x4x48xf32>, tensor<?x?x2xf32>
  return
}

// -----

func.func @append_kv_c1(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<2x1x2x48xf32>, %v: tensor<3x1x2x48xf32>) {
  // expected-error @+1 {{(C1) rows must agree: 2 and 3}}
  %n = transmamba.append_kv %c, %k, %v : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<2x1x2x48xf32>, tensor<3x1x2x48xf32>
  return
}

// -----

func.func @append_kv_c1_2(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x48xf32>, %v: tensor<?x2x2x48xf32>) {
  // expected-error @+1 {{(C1) tokens must agree: 1 and 2}}
  %n = transmamba.append_kv %c, %k, %v : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x2x2x48xf32>
  return
}

// -----

func.func @append_kv_c2(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x32xf32>, %v: tensor<?x1x2x48xf32>) {
  // expected-error @+1 {{(C2) head dimension 32 does not fit}}
  %n = transmamba.append_kv %c, %k, %v : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x32xf32>, tensor<?x1x2x48xf32>
  return
}

// -----

func.func @append_kv_c2_2(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x48xf32>, %v: tensor<?x1x2x32xf32>) {
  // expected-error @+1 {{(C2) head dimension 32 does not fit}}
  %n = transmamba.append_kv %c, %k, %v : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2x32xf32>
  return
}

// -----

func.func @append_kv_c3(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x4x48xf32>, %v: tensor<?x1x2x48xf32>) {
  // expected-error @+1 {{(C3) 4 heads do not divide those of}}
  %n = transmamba.append_kv %c, %k, %v : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x4x48xf32>, tensor<?x1x2x48xf32>
  return
}

// -----

func.func @append_kv_c4(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x48xf32>, %v: tensor<?x1x2x48xbf16>) {
  // expected-error @+1 {{(C4) element type 'bf16' does not fit}}
  %n = transmamba.append_kv %c, %k, %v : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2x48xbf16>
  return
}

// -----

func.func @append_kv_c5(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<2x1x2x48xf32>, %v: tensor<?x1x2x48xf32>, %l: tensor<3xi32>) {
  // expected-error @+1 {{(C5) the number of lengths is 3, expected 2}}
  %n = transmamba.append_kv %c, %k, %v lengths(%l : tensor<3xi32>) : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<2x1x2x48xf32>, tensor<?x1x2x48xf32>
  return
}

// -----

func.func @append_kv_c5_2(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<2x1x2x48xf32>, %v: tensor<?x1x2x48xf32>, %l: tensor<3xi32>) {
  // expected-error @+1 {{(C5) the number of positions is 3, expected 2}}
  %n = transmamba.append_kv %c, %k, %v at(%l : tensor<3xi32>) : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<2x1x2x48xf32>, tensor<?x1x2x48xf32>
  return
}

// -----

func.func @append_kv_c6(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x48xf32>) {
  // expected-error @+1 {{(C6) theta must be positive}}
  %n = transmamba.append_kv %c, %k, %k {rope_theta = 0.0 : f64} : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2x48xf32>
  return
}

// -----

func.func @append_kv_c6_2(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x48xf32>) {
  // expected-error @+1 {{(C6) rotary dimension 50 is not even or not in [2, 48]}}
  %n = transmamba.append_kv %c, %k, %k {rope_theta = 1.0 : f64, rotary_dim = 50 : i64} : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2x48xf32>
  return
}

// -----

func.func @append_kv_c6_3(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x48xf32>) {
  // expected-error @+1 {{(C6) rotary_dim and interleaved need a theta}}
  %n = transmamba.append_kv %c, %k, %k {interleaved} : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2x48xf32>
  return
}

// -----

// Two updates of one version: the second would write over the first.
func.func @append_kv_s1(%c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %k: tensor<?x1x2x48xf32>, %v: tensor<?x1x2x48xf32>) -> (!transmamba.kv_cache<layer = 1, 2x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32>) {
  // expected-error @+1 {{(S1) the state that it updates has another use}}
  %a = transmamba.append_kv %c, %k, %v : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2x48xf32>
  // expected-note @+1 {{other use}}
  %b = transmamba.append_kv %c, %v, %k : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2x48xf32>
  return %a, %b : !transmamba.kv_cache<layer = 1, 2x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32>
}

// -----

func.func @cached_attention_c1(%q: tensor<?x1x4x32xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C1) head dimension 32 does not fit}}
  %y = transmamba.cached_attention %q, %c at(%p : tensor<?xi32>) : tensor<?x1x4x32xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x32xf32>
  return
}

// -----

func.func @cached_attention_c2(%q: tensor<?x1x3x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C2) the heads of '!transmamba.kv_cache<layer = 1, 2x48xf32>' do not divide the queries' 3}}
  %y = transmamba.cached_attention %q, %c at(%p : tensor<?xi32>) : tensor<?x1x3x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x3x48xf32>
  return
}

// -----

func.func @cached_attention_c3(%q: tensor<?x1x4x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C3) the result must have the type of the queries}}
  %y = transmamba.cached_attention %q, %c at(%p : tensor<?xi32>) : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x32xf32>
  return
}

// -----

func.func @cached_attention_c4(%q: tensor<2x1x4x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %p: tensor<3xi32>) {
  // expected-error @+1 {{(C4) the number of positions is 3, expected 2}}
  %y = transmamba.cached_attention %q, %c at(%p : tensor<3xi32>) : tensor<2x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<2x1x4x48xf32>
  return
}

// -----

func.func @cached_attention_c5(%q: tensor<?x1x4x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C5) a window must be positive}}
  %y = transmamba.cached_attention %q, %c at(%p : tensor<?xi32>) {window = 0 : i64} : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xf32>
  return
}

// -----

func.func @cached_attention_c6(%q: tensor<?x1x4x48xbf16>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C6) element type 'bf16' does not fit}}
  %y = transmamba.cached_attention %q, %c at(%p : tensor<?xi32>) : tensor<?x1x4x48xbf16>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xbf16>
  return
}

// -----

func.func @cached_attention_c7(%q: tensor<?x1x4x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C7) the scale must be finite}}
  %y = transmamba.cached_attention %q, %c at(%p : tensor<?xi32>) {scale = 0x7FF8000000000000 : f64} : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xf32>
  return
}

// -----

// A read of a version that the append has made stale. (S1) would say the same of the append, were it verified first.
func.func @cached_attention_s2(%q: tensor<?x1x4x48xf32>, %k: tensor<?x1x2x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %p: tensor<?xi32>) -> !transmamba.kv_cache<layer = 1, 2x48xf32> {
  // expected-error @+1 {{(S2) reads a cache that another operation updates}}
  %y = transmamba.cached_attention %q, %c at(%p : tensor<?xi32>) : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xf32>
  // expected-note @+1 {{updated here}}
  %n = transmamba.append_kv %c, %k, %k : !transmamba.kv_cache<layer = 1, 2x48xf32>, tensor<?x1x2x48xf32>, tensor<?x1x2x48xf32>
  return %n : !transmamba.kv_cache<layer = 1, 2x48xf32>
}

// -----

func.func @convert_memory_c1(%k: tensor<2x?x4x48xf32>, %v: tensor<3x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C1) rows must agree: 2 and 3}}
  %h = transmamba.convert_memory %k, %v, %dt, %A : tensor<2x?x4x48xf32>, tensor<3x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @convert_memory_c1_2(%k: tensor<?x7x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x8x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C1) tokens must agree: 7 and 8}}
  %h = transmamba.convert_memory %k, %v, %dt, %A : tensor<?x7x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x8x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @convert_memory_c2(%k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C2) the state must be H x N x D}}
  %h = transmamba.convert_memory %k, %v, %dt, %A : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48xf32>
  return
}

// -----

func.func @convert_memory_c2_2(%k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x32xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C2) the state '!transmamba.ssm_state<layer = 1, 4x48x48xf32>' does not have the shape 4x48x32}}
  %h = transmamba.convert_memory %k, %v, %dt, %A : tensor<?x?x4x48xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @convert_memory_c2_3(%k: tensor<?x?x4x?xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C2) head dimensions must be static and positive}}
  %h = transmamba.convert_memory %k, %v, %dt, %A : tensor<?x?x4x?xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @convert_memory_c3(%k: tensor<?x?x3x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C3) 3 heads do not divide the state's 4}}
  %h = transmamba.convert_memory %k, %v, %dt, %A : tensor<?x?x3x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @convert_memory_c4(%k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x2xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C4) dt and A must have the state's 4 heads}}
  %h = transmamba.convert_memory %k, %v, %dt, %A : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x2xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @convert_memory_c4_2(%k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<2xf32>) {
  // expected-error @+1 {{(C4) dt and A must have the state's 4 heads}}
  %h = transmamba.convert_memory %k, %v, %dt, %A : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<2xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @convert_memory_c5(%k: tensor<2x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %l: tensor<3xi32>) {
  // expected-error @+1 {{(C5) the number of lengths is 3, expected 2}}
  %h = transmamba.convert_memory %k, %v, %dt, %A lengths(%l : tensor<3xi32>) : tensor<2x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @convert_memory_c6(%k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xbf16>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C6) element types differ: 'f32' and 'bf16'}}
  %h = transmamba.convert_memory %k, %v, %dt, %A : tensor<?x?x4x48xf32>, tensor<?x?x4x48xbf16>, tensor<?x?x4xf32>, tensor<4xf32> -> !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c1(%q: tensor<2x?x4x48xf32>, %k: tensor<3x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C1) rows must agree: 2 and 3}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<2x?x4x48xf32>, tensor<3x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c1_2(%q: tensor<?x7x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x8x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C1) tokens must agree: 7 and 8}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x7x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x8x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x32xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C2) head dimensions of q and k must agree: 48 and 32}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c2_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x?xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C2) head dimensions must be static and positive}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x?xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x3x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C3) numbers of heads must be static, positive and divide the largest, 4}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x3x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c3_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x?xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C3) numbers of heads must be static, positive and divide the largest, 4}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x?xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c4(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x2xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C4) dt, A and D must have 4 heads}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x2xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c4_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<2xf32>) {
  // expected-error @+1 {{(C4) dt, A and D must have 4 heads}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<2xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c4_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %D: tensor<2xf32>) {
  // expected-error @+1 {{(C4) dt, A and D must have 4 heads}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A  skip(%D : tensor<2xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c5(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C5) the state '!transmamba.ssm_state<layer = 1, 4x48x32xf32>' does not have the shape 4x48x48}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x32xf32>
  return
}

// -----

func.func @ssd_scan_c6(%q: tensor<2x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C6) rows of the result must agree: 2 and 3}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<2x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<3x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c6_2(%q: tensor<?x7x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C6) tokens of the result must agree: 7 and 8}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x7x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x8x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c6_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C6) the result's number of heads is 2, expected 4}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x2x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c6_4(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C6) the result's head dimension is 32, expected 48}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x32xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c7(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %i: !transmamba.ssm_state<layer = 2, 4x48x48xf32>) {
  // expected-error @+1 {{(C7) the state comes in as}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A  init(%i : !transmamba.ssm_state<layer = 2, 4x48x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c8(%q: tensor<2x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %l: tensor<3xi32>) {
  // expected-error @+1 {{(C8) the number of lengths is 3, expected 2}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A  lengths(%l : tensor<3xi32>)
      : tensor<2x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c10(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xbf16>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C10) element types differ: 'f32' and 'bf16'}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xbf16>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_c9(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C9) the chunk must be positive}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A {chunk = 0 : i64}
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @ssd_scan_s1(%q: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %i: !transmamba.ssm_state<layer = 1, 4x48x48xf32>) -> !transmamba.ssm_state<layer = 1, 4x48x48xf32> {
  // expected-error @+1 {{(S1) the state that it updates has another use}}
  %y, %h = transmamba.ssd_scan %q, %q, %q, %dt, %A init(%i : !transmamba.ssm_state<layer = 1, 4x48x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  // expected-note @+1 {{other use}}
  return %i : !transmamba.ssm_state<layer = 1, 4x48x48xf32>
}

// -----

func.func @ssd_scan_s3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %n: index) {
  // expected-error @+1 {{(S3) starts after other tokens without a state: convert the memory of the tokens before it}}
  %y, %h = transmamba.ssd_scan %q, %k, %v, %dt, %A start(%n)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @selective_scan_c1(%u: tensor<2x?x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<3x?x16xf32>, %C: tensor<?x?x16xf32>) {
  // expected-error @+1 {{(C1) rows must agree: 2 and 3}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C 
      : tensor<2x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<3x?x16xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return
}

// -----

func.func @selective_scan_c1_2(%u: tensor<?x7x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>, %C: tensor<?x8x16xf32>) {
  // expected-error @+1 {{(C1) tokens must agree: 7 and 8}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C 
      : tensor<?x7x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x8x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return
}

// -----

func.func @selective_scan_c2(%u: tensor<?x?x64xf32>, %dt: tensor<?x?x32xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>, %C: tensor<?x?x16xf32>) {
  // expected-error @+1 {{(C2) u, dt, A and D must have the same static number of channels}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C 
      : tensor<?x?x64xf32>, tensor<?x?x32xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return
}

// -----

func.func @selective_scan_c2_2(%u: tensor<?x?x?xf32>, %dt: tensor<?x?x?xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>, %C: tensor<?x?x16xf32>) {
  // expected-error @+1 {{(C2) u, dt, A and D must have the same static number of channels}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C 
      : tensor<?x?x?xf32>, tensor<?x?x?xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return
}

// -----

func.func @selective_scan_c2_3(%u: tensor<?x?x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>, %C: tensor<?x?x16xf32>, %D: tensor<32xf32>) {
  // expected-error @+1 {{(C2) u, dt, A and D must have the same static number of channels}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C skip(%D : tensor<32xf32>)
      : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return
}

// -----

func.func @selective_scan_c3(%u: tensor<?x?x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x8xf32>, %C: tensor<?x?x16xf32>) {
  // expected-error @+1 {{(C3) A, B and C must have the same static number of states}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C 
      : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x8xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return
}

// -----

func.func @selective_scan_c4(%u: tensor<?x?x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>, %C: tensor<?x?x16xf32>) {
  // expected-error @+1 {{(C4) the state '!transmamba.ssm_state<layer = 0, 64x8xf32>' does not have the shape 64x16}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C 
      : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x8xf32>
  return
}

// -----

func.func @selective_scan_c5(%u: tensor<?x?x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>, %C: tensor<?x?x16xf32>, %i: !transmamba.ssm_state<layer = 1, 64x16xf32>) {
  // expected-error @+1 {{(C5) the state comes in as}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C init(%i : !transmamba.ssm_state<layer = 1, 64x16xf32>)
      : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return
}

// -----

func.func @selective_scan_c6(%u: tensor<2x?x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>, %C: tensor<?x?x16xf32>, %l: tensor<3xi32>) {
  // expected-error @+1 {{(C6) the number of lengths is 3, expected 2}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C lengths(%l : tensor<3xi32>)
      : tensor<2x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return
}

// -----

func.func @selective_scan_c7(%u: tensor<?x?x64xf32>, %dt: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xbf16>, %C: tensor<?x?x16xf32>) {
  // expected-error @+1 {{(C7) element types differ: 'f32' and 'bf16'}}
  %y, %h = transmamba.selective_scan %u, %dt, %A, %B, %C 
      : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xbf16>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  return
}

// -----

func.func @selective_scan_s1(%u: tensor<?x?x64xf32>, %A: tensor<64x16xf32>, %B: tensor<?x?x16xf32>, %i: !transmamba.ssm_state<layer = 0, 64x16xf32>) -> !transmamba.ssm_state<layer = 0, 64x16xf32> {
  // expected-error @+1 {{(S1) the state that it updates has another use}}
  %y, %h = transmamba.selective_scan %u, %u, %A, %B, %B init(%i : !transmamba.ssm_state<layer = 0, 64x16xf32>)
      : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32> -> !transmamba.ssm_state<layer = 0, 64x16xf32>
  // expected-note @+1 {{other use}}
  return %i : !transmamba.ssm_state<layer = 0, 64x16xf32>
}

// -----

func.func @select_reading_c1(%a: tensor<?x?x192xf32>, %s: tensor<?x?x192xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C1) the layer is negative}}
  %y = transmamba.select_reading %a, %s at(%p : tensor<?xi32>) layer -1 : tensor<?x?x192xf32>
  return
}

// -----

func.func @select_reading_c2(%a: tensor<?x?x192xf32>, %s: tensor<?x?x192xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C2) the TransPoint is negative}}
  %y = transmamba.select_reading %a, %s at(%p : tensor<?xi32>) layer 0 transpoint -1 : tensor<?x?x192xf32>
  return
}

// -----

func.func @select_reading_c3(%a: tensor<2x?x192xf32>, %s: tensor<2x?x192xf32>, %p: tensor<3xi32>) {
  // expected-error @+1 {{(C3) the number of positions is 3, expected 2}}
  %y = transmamba.select_reading %a, %s at(%p : tensor<3xi32>) layer 0 : tensor<2x?x192xf32>
  return
}

// -----

func.func @select_reading_c3_2(%a: tensor<?xf32>, %s: tensor<?xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C3) needs rows and tokens}}
  %y = transmamba.select_reading %a, %s at(%p : tensor<?xi32>) layer 0 : tensor<?xf32>
  return
}

// -----

func.func @switch_c1(%q: tensor<2x?x4x48xf32>, %k: tensor<3x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C1) rows must agree: 2 and 3}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<2x?x4x48xf32>, tensor<3x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c1_2(%q: tensor<?x7x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x8x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C1) tokens must agree: 7 and 8}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x7x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x8x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x32xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C2) head dimensions of q and k must agree: 48 and 32}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x4x32xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c2_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x?xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C2) head dimensions must be static and positive}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x?xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x3x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C3) numbers of heads must be static, positive and divide the largest, 4}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x3x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c3_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x?xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C3) numbers of heads must be static, positive and divide the largest, 4}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x?xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c4(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x2xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C4) dt, A and D must have 4 heads}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x2xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c4_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<2xf32>) {
  // expected-error @+1 {{(C4) dt, A and D must have 4 heads}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<2xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c4_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %D: tensor<2xf32>) {
  // expected-error @+1 {{(C4) dt, A and D must have 4 heads}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 skip(%D : tensor<2xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c5(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C5) the state '!transmamba.ssm_state<layer = 1, 4x48x32xf32>' does not have the shape 4x48x48}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x32xf32>
  return
}

// -----

func.func @switch_c6(%q: tensor<2x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C6) rows of the result must agree: 2 and 3}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<2x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<3x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c6_2(%q: tensor<?x7x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C6) tokens of the result must agree: 7 and 8}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x7x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x8x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c6_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C6) the result's number of heads is 2, expected 4}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x2x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c6_4(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C6) the result's head dimension is 32, expected 48}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x32xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c7(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %i: !transmamba.ssm_state<layer = 2, 4x48x48xf32>) {
  // expected-error @+1 {{(C7) the state comes in as}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 init(%i : !transmamba.ssm_state<layer = 2, 4x48x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c10(%q: tensor<2x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %l: tensor<3xi32>) {
  // expected-error @+1 {{(C10) the number of lengths is 3, expected 2}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 lengths(%l : tensor<3xi32>)
      : tensor<2x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c12(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xbf16>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C12) element types differ: 'f32' and 'bf16'}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xbf16>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c5_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %c: !transmamba.kv_cache<layer = 1, 4x32xf32>) {
  // expected-error @+1 {{(C5) '!transmamba.kv_cache<layer = 1, 4x32xf32>' does not fit keys and values}}
  %y, %h, %n = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 cache(%c : !transmamba.kv_cache<layer = 1, 4x32xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 4x32xf32>
  return
}

// -----

func.func @switch_c5_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %c: !transmamba.kv_cache<layer = 1, 3x48xf32>) {
  // expected-error @+1 {{(C5) '!transmamba.kv_cache<layer = 1, 3x48xf32>' does not fit keys and values}}
  %y, %h, %n = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 cache(%c : !transmamba.kv_cache<layer = 1, 3x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 3x48xf32>
  return
}

// -----

func.func @switch_c5_4(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>) {
  // expected-error @+1 {{(C5) '!transmamba.kv_cache<layer = 1, 2x48xf32>' does not fit keys and values}}
  %y, %h, %n = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 cache(%c : !transmamba.kv_cache<layer = 1, 2x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32>
  return
}

// -----

func.func @switch_c7_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %c: !transmamba.kv_cache<layer = 2, 4x48xf32>) {
  // expected-error @+1 {{(C7) '!transmamba.kv_cache<layer = 2, 4x48xf32>' and '!transmamba.ssm_state<layer = 1, 4x48x48xf32>' belong to different layers}}
  %y, %h, %n = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 cache(%c : !transmamba.kv_cache<layer = 2, 4x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 2, 4x48xf32>
  return
}

// -----

func.func @switch_c12_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %c: !transmamba.kv_cache<layer = 1, 4x48xbf16>) {
  // expected-error @+1 {{(C12) element type 'f32' does not fit}}
  %y, %h, %n = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 cache(%c : !transmamba.kv_cache<layer = 1, 4x48xbf16>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 4x48xbf16>
  return
}

// -----

func.func @switch_c8(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %c: !transmamba.kv_cache<layer = 1, 4x48xf32>) {
  // expected-error @+1 {{(C8) a cache must go in and come out, with one type}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 cache(%c : !transmamba.kv_cache<layer = 1, 4x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c8_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C8) a cache must go in and come out, with one type}}
  %y, %h, %n = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 4x48xf32>
  return
}

// -----

func.func @switch_c8_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %c: !transmamba.kv_cache<layer = 1, 4x48xf32>) {
  // expected-error @+1 {{(C8) a cache must go in and come out, with one type}}
  %y, %h, %n = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 cache(%c : !transmamba.kv_cache<layer = 1, 4x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 2, 4x48xf32>
  return
}

// -----

func.func @switch_c9(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C9) rows that stand at positions have tokens before them}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 at(%p : tensor<?xi32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c9_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %c: !transmamba.kv_cache<layer = 1, 4x48xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{(C9) rows that stand at positions have tokens before them}}
  %y, %h, %n = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 cache(%c : !transmamba.kv_cache<layer = 1, 4x48xf32>) at(%p : tensor<?xi32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 4x48xf32>
  return
}

// -----

func.func @switch_c10_2(%q: tensor<2x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %i: !transmamba.ssm_state<layer = 1, 4x48x48xf32>, %c: !transmamba.kv_cache<layer = 1, 4x48xf32>, %p: tensor<3xi32>) {
  // expected-error @+1 {{(C10) the number of positions is 3, expected 2}}
  %y, %h, %n = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 init(%i : !transmamba.ssm_state<layer = 1, 4x48x48xf32>) cache(%c : !transmamba.kv_cache<layer = 1, 4x48xf32>) at(%p : tensor<3xi32>)
      : tensor<2x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 4x48xf32>
  return
}

// -----

func.func @switch_c11(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C11) TransPoint, window and chunk must be positive}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 0 
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c11_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C11) TransPoint, window and chunk must be positive}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 {window = 0 : i64}
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c11_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C11) TransPoint, window and chunk must be positive}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 {chunk = -1 : i64}
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c13(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C13) theta must be positive}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 {rope_theta = 0.0 : f64}
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c13_2(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C13) rotary dimension 5 is not even or not in [2, 48]}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 {rope_theta = 1.0e+04 : f64, rotary_dim = 5 : i64}
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c13_3(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C13) rotary_dim and interleaved need a theta}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 {rotary_dim = 24 : i64}
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_c14(%q: tensor<?x?x4x48xf32>, %k: tensor<?x?x4x48xf32>, %v: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>) {
  // expected-error @+1 {{(C14) the scale must be finite}}
  %y, %h = transmamba.switch %q, %k, %v, %dt, %A transpoint 8 {scale = 0x7FF0000000000000 : f64}
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  return
}

// -----

func.func @switch_s1(%q: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %i: !transmamba.ssm_state<layer = 1, 4x48x48xf32>) -> !transmamba.ssm_state<layer = 1, 4x48x48xf32> {
  // expected-error @+1 {{(S1) the state that it updates has another use}}
  %y, %h = transmamba.switch %q, %q, %q, %dt, %A transpoint 8 init(%i : !transmamba.ssm_state<layer = 1, 4x48x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>
  // expected-note @+1 {{other use}}
  return %i : !transmamba.ssm_state<layer = 1, 4x48x48xf32>
}

// -----

func.func @switch_s1_cache(%q: tensor<?x?x4x48xf32>, %dt: tensor<?x?x4xf32>, %A: tensor<4xf32>, %c: !transmamba.kv_cache<layer = 1, 4x48xf32>) -> !transmamba.kv_cache<layer = 1, 4x48xf32> {
  // expected-error @+1 {{(S1) the state that it updates has another use}}
  %y, %h, %n = transmamba.switch %q, %q, %q, %dt, %A transpoint 8 cache(%c : !transmamba.kv_cache<layer = 1, 4x48xf32>)
      : tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4x48xf32>, tensor<?x?x4xf32>, tensor<4xf32> -> tensor<?x?x4x48xf32>, !transmamba.ssm_state<layer = 1, 4x48x48xf32>, !transmamba.kv_cache<layer = 1, 4x48xf32>
  // expected-note @+1 {{other use}}
  return %c : !transmamba.kv_cache<layer = 1, 4x48xf32>
}

// -----

func.func @dispatch_c1(%n: index) {
  // expected-error @+1 {{(C1) there is no kernel @absent}}
  transmamba.dispatch @absent grid(%n, %n, %n) args()
  return
}

// -----

func.func private @other(index, index, index)
func.func @dispatch_c1_2(%n: index) {
  // expected-error @+1 {{(C1) there is no kernel @other}}
  transmamba.dispatch @other grid(%n, %n, %n) args()
  return
}

// -----

func.func private @kernel(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  return
}
func.func @dispatch_c1_3(%n: index) {
  // expected-error @+1 {{(C1) kernel @kernel has 4 arguments, not 3 + 0}}
  transmamba.dispatch @kernel grid(%n, %n, %n) args()
  return
}

// -----

func.func private @kernel(index, index) attributes {transmamba.kernel}
func.func @dispatch_c1_4(%n: index) {
  // expected-error @+1 {{(C1) kernel @kernel has 2 arguments, not 3 + 0}}
  transmamba.dispatch @kernel grid(%n, %n, %n) args()
  return
}

// -----

func.func private @kernel(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  return
}
func.func @dispatch_c2(%n: index, %m: memref<4xbf16>) {
  // expected-error @+1 {{(C2) kernel @kernel takes 'memref<f32>' where 'memref<bf16>' is passed}}
  transmamba.dispatch @kernel grid(%n, %n, %n) args(%m : memref<4xbf16>)
  return
}

// -----

func.func private @kernel(%x: index, %y: index, %z: index, %p: memref<f32>) attributes {transmamba.kernel} {
  return
}
func.func @dispatch_c2_2(%n: index) {
  // expected-error @+1 {{(C2) kernel @kernel takes 'memref<f32>' where 'index' is passed}}
  transmamba.dispatch @kernel grid(%n, %n, %n) args(%n : index)
  return
}

// -----

// A state type is never dynamic.
// expected-error @+1 {{expected static shape}}
func.func private @dynamic_state(!transmamba.kv_cache<layer = 0, ?x48xf32>)

// -----

func.func @unranked(%x: tensor<*xf32>) {
  // expected-error @+1 {{expected builtin.tensor, but found 'tensor<*xf32>'}}
  %y = transmamba.activate silu %x : tensor<*xf32>
  return
}
