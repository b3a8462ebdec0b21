// RUN: transmamba-opt %s --convert-transmamba-to-tile=chip=sm_80 --split-input-file --verify-diagnostics

// What sm_90a has room for.
func.func @attention(%q: tensor<?x?x4x128xbf16>) -> tensor<?x?x4x128xbf16> {
  // expected-error @+1 {{'tile.config': 192 queries, 80 keys in 3 stages are not possible}}
  %y = transmamba.attention %q, %q, %q {causal, tile.config = {block_m = 192 : i64, block_n = 80 : i64, stages = 3 : i64}}
      : tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16> -> tensor<?x?x4x128xbf16>
  return %y : tensor<?x?x4x128xbf16>
}

// -----

func.func @product(%a: tensor<?x128xbf16>, %b: tensor<128x256xbf16>, %e: tensor<?x256xf32>) -> tensor<?x256xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x256xf32>) -> tensor<?x256xf32>
  // expected-error @+1 {{'tile.config': tiles of 256 x 256 in groups of 8 are not possible}}
  %d = linalg.matmul {tile.config = {block_m = 256 : i64, block_n = 256 : i64}} ins(%a, %b : tensor<?x128xbf16>, tensor<128x256xbf16>) outs(%c : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %d : tensor<?x256xf32>
}

// -----

func.func @scan(%q: tensor<?x?x2x64xbf16>, %dt: tensor<?x?x2xf32>, %A: tensor<2xf32>) -> tensor<?x?x2x64xbf16> {
  // expected-error @+1 {{'tile.config': a head of 64 x 64 cannot have 1 parts}}
  %y, %h = transmamba.ssd_scan %q, %q, %q, %dt, %A {tile.config = {occupancy = 2 : i64, parts = 1 : i64}}
      : tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<2xf32>
      -> tensor<?x?x2x64xbf16>, !transmamba.ssm_state<layer = 0, 2x64x64xf32>
  return %y : tensor<?x?x2x64xbf16>
}
