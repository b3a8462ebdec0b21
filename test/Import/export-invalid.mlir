// What a graph cannot say is an error where it stands.
// RUN: transmamba-translate --export-json --split-input-file --verify-diagnostics %s

// expected-error@+1 {{there is no entry point to export}}
module {
}

// -----

// expected-error@+1 {{the attribute 'transmamba.max_batch' is missing: a graph needs it}}
module attributes {transmamba.name = "m"} {
  func.func @forward(%x: tensor<?x?x8xf32>) attributes {transmamba.entry} {
    return
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  // expected-error@+1 {{this has no JSON form: a graph has parameters and the entry points prefill, decode and forward}}
  func.func @helper(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
    return %x : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  // expected-error@+1 {{argument 0 has no JSON form}}
  func.func @forward(%x: tensor<?x?x8xf32>) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    return %x : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  // expected-error@+1 {{result 0 has no JSON form}}
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    return %x : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    // expected-error@+1 {{'arith.negf' has no JSON form here: docs/graph.md lists the operations of a graph}}
    %y = arith.negf %x : tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    %c = arith.constant dense<1.0> : tensor<8xf32>
    // expected-error@+1 {{'transmamba.rms_norm' has no JSON form here: 'weight' is not a weight}}
    %y = transmamba.rms_norm %x, %c eps 1.0e-05 : tensor<?x?x8xf32>, tensor<8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    // expected-error@+1 {{'transmamba.gated_rms_norm' has no JSON form here: it has a TransPoint}}
    %y = transmamba.gated_rms_norm %x, %x transpoint 4 eps 1.0e-05 : tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x16xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]},
                     %dt: tensor<?x?x2xf32> {transmamba.name = "dt", transmamba.dims = ["B", "T"]})
      -> (tensor<?x?x16xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %B = tensor.dim %x, %c0 : tensor<?x?x16xf32>
    %T = tensor.dim %x, %c1 : tensor<?x?x16xf32>
    %A = transmamba.get_parameter @A : tensor<2xf32>
    %q = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%B, %T, 2, 8] : tensor<?x?x16xf32> into tensor<?x?x2x8xf32>
    // expected-error@+1 {{'transmamba.switch' has no JSON form here}}
    %y4, %h = transmamba.switch %q, %q, %q, %dt, %A transpoint 4
        : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2xf32>, tensor<2xf32>
        -> tensor<?x?x2x8xf32>, !transmamba.ssm_state<layer = 0, 2x8x8xf32>
    %y = tensor.collapse_shape %y4 [[0], [1], [2, 3]] : tensor<?x?x2x8xf32> into tensor<?x?x16xf32>
    return %y : tensor<?x?x16xf32>
  }
  transmamba.parameter @A from "A_log" as neg_exp : tensor<2xf32>
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    // expected-error@+1 {{'tensor.concat' has no JSON form here: it does not join the readings of one mixer}}
    %y = tensor.concat dim(1) %x, %x : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    %c = arith.constant dense<1.0> : tensor<1x1x8xf32>
    // expected-error@+1 {{'tensor.cast' has no JSON form here}}
    %d = tensor.cast %c : tensor<1x1x8xf32> to tensor<?x?x8xf32>
    %y = arith.addf %x, %d : tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %B = tensor.dim %x, %c0 : tensor<?x?x8xf32>
    %T = tensor.dim %x, %c1 : tensor<?x?x8xf32>
    // The second half of the tokens, not of the channels: not what a slice says.
    %s = tensor.extract_slice %x[0, 1, 0] [%B, %T, 8] [1, 1, 1] : tensor<?x?x8xf32> to tensor<?x?x8xf32>
    // expected-error@+1 {{result 0 of 'forward' has no JSON form: an import of the graph would compute it with other operations}}
    %y = transmamba.activate silu %s : tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @prefill(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]},
                     %lengths: tensor<?xi32> {transmamba.name = "lengths", transmamba.dims = ["B"], transmamba.role = "lengths"})
      -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry, transmamba.positions = "set"} {
    %y = transmamba.activate silu %x : tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]})
      -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    // expected-error@+1 {{result 0 of 'forward' has no JSON form: an import of the graph would compute it with other operations}}
    %y = transmamba.activate gelu %x : tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

// expected-error@+1 {{the module has no JSON form: the graph that says it is not valid: }}
module attributes {transmamba.name = "a b", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    %y = transmamba.activate silu %x : tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

// expected-error@+1 {{the attribute 'transmamba.other' has no JSON form with this value}}
module attributes {transmamba.other = 1 : i64, transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[4]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    %y = transmamba.activate silu %x : tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[16]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @forward(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {transmamba.name = "y"}) attributes {transmamba.entry} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %B = tensor.dim %x, %c0 : tensor<?x?x8xf32>
    %T = tensor.dim %x, %c1 : tensor<?x?x8xf32>
    %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%B, %T, 1, 8] : tensor<?x?x8xf32> into tensor<?x?x1x8xf32>
    // expected-error@+1 {{'transmamba.attention' has no JSON form here: a graph has no word for its logarithms}}
    %a, %l = transmamba.attention %h, %h, %h {causal} : tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32> -> tensor<?x?x1x8xf32>, tensor<?x?x1xf32>
    %y = tensor.collapse_shape %a [[0], [1], [2, 3]] : tensor<?x?x1x8xf32> into tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}

// -----

module attributes {transmamba.name = "m", transmamba.schedule = #transmamba.schedule<[16]>, transmamba.vocabulary = 16 : i64,
                   transmamba.max_batch = 2 : i64, transmamba.max_sequence = 16 : i64} {
  func.func @prefill(%x: tensor<?x?x8xf32> {transmamba.name = "x", transmamba.dims = ["B", "T"]},
                     %lengths: tensor<?xi32> {transmamba.name = "lengths", transmamba.dims = ["B"], transmamba.role = "lengths"},
                     %cache: !transmamba.kv_cache<layer = 0, 1x8xf32> {transmamba.name = "kv.0"})
      -> (tensor<?x?x8xf32> {transmamba.name = "y"}, !transmamba.kv_cache<layer = 0, 1x8xf32> {transmamba.name = "kv.0"}) attributes {transmamba.entry, transmamba.positions = "set"} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %B = tensor.dim %x, %c0 : tensor<?x?x8xf32>
    %T = tensor.dim %x, %c1 : tensor<?x?x8xf32>
    %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [%B, %T, 1, 8] : tensor<?x?x8xf32> into tensor<?x?x1x8xf32>
    // expected-error@+1 {{'transmamba.append_kv' has no JSON form here: it rotates keys}}
    %n = transmamba.append_kv %cache, %h, %h lengths(%lengths : tensor<?xi32>) {rope_theta = 1.0e+04 : f64} : !transmamba.kv_cache<layer = 0, 1x8xf32>, tensor<?x?x1x8xf32>, tensor<?x?x1x8xf32>
    %y = transmamba.activate silu %x : tensor<?x?x8xf32>
    return %y, %n : tensor<?x?x8xf32>, !transmamba.kv_cache<layer = 0, 1x8xf32>
  }
}
