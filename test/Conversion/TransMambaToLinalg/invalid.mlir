// RUN: transmamba-opt %s --split-input-file --verify-diagnostics --convert-transmamba-to-linalg

func.func @no_schedule(%n: index) -> index {
  // expected-error@+1 {{has no TransPoint: run transmamba-schedule, or give the module a transmamba.schedule}}
  %m = transmamba.transpoint %n layer 3
  return %m : index
}

// -----

func.func @no_schedule(%a: tensor<?x?x8xf32>, %at: tensor<?xi32>) -> tensor<?x?x8xf32> {
  // expected-error@+1 {{has no TransPoint}}
  %y = transmamba.select_reading %a, %a at(%at : tensor<?xi32>) layer 3 : tensor<?x?x8xf32>
  return %y : tensor<?x?x8xf32>
}

// -----

func.func @no_capacity(%q: tensor<?x1x4x48xf32>, %c: !transmamba.kv_cache<layer = 1, 2x48xf32>, %at: tensor<?xi32>) -> tensor<?x1x4x48xf32> {
  // expected-error@+1 {{has a cache without a capacity: give the module a transmamba.schedule or a transmamba.max_sequence}}
  %y = transmamba.cached_attention %q, %c at(%at : tensor<?xi32>)
      : tensor<?x1x4x48xf32>, !transmamba.kv_cache<layer = 1, 2x48xf32> -> tensor<?x1x4x48xf32>
  return %y : tensor<?x1x4x48xf32>
}

// -----

func.func @no_positions(%q: tensor<?x?x4x48xf32>) -> tensor<?x?x4x48xf32> {
  // expected-error@+1 {{needs tables of positions, whose number is not known: give the module a transmamba.max_sequence}}
  %r = transmamba.rope %q theta 1.0e+04 : tensor<?x?x4x48xf32>
  return %r : tensor<?x?x4x48xf32>
}

// -----

// Positions may go beyond the number of tokens.
func.func @no_positions(%q: tensor<?x1x4x48xf32>, %at: tensor<?xi32>) -> tensor<?x1x4x48xf32> {
  // expected-error@+1 {{needs tables of positions}}
  %r = transmamba.rope %q at(%at : tensor<?xi32>) theta 1.0e+04 : tensor<?x1x4x48xf32>
  return %r : tensor<?x1x4x48xf32>
}

// -----

func.func @dynamic_channels(%x: tensor<?x?xf32>, %w: tensor<?xf32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{needs a static, positive dimension 1, not 'tensor<?x?xf32>'}}
  %y = transmamba.rms_norm %x, %w eps 1.0e-05 : tensor<?x?xf32>, tensor<?xf32>
  return %y : tensor<?x?xf32>
}

// -----

func.func @dynamic_channels(%tokens: tensor<?x?xi32>, %table: tensor<256x?xf32>) -> tensor<?x?x?xf32> {
  // expected-error@+1 {{needs a static, positive dimension 1, not 'tensor<256x?xf32>'}}
  %y = transmamba.embedding %tokens, %table : tensor<?x?xi32>, tensor<256x?xf32> -> tensor<?x?x?xf32>
  return %y : tensor<?x?x?xf32>
}

// -----

func.func @dynamic_channels(%x: tensor<?x?x?xf32>, %len: tensor<?xi32>) -> tensor<?x?xf32> {
  // expected-error@+1 {{needs a static, positive dimension 2}}
  %y = transmamba.last_token %x lengths(%len : tensor<?xi32>) : tensor<?x?x?xf32> -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

module attributes {transmamba.max_sequence = 8 : i64} {
  func.func @dynamic_heads(%q: tensor<?x?x?x48xf32>) -> tensor<?x?x?x48xf32> {
    // expected-error@+1 {{needs a static, positive dimension 2}}
    %r = transmamba.rope %q theta 1.0e+04 : tensor<?x?x?x48xf32>
    return %r : tensor<?x?x?x48xf32>
  }
}
