// RUN: transmamba-opt %s --convert-transmamba-to-tile --split-input-file --verify-diagnostics

func.func @f(%a: tensor<?x128xbf16>, %b: tensor<128x64xbf16>, %e: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-error @+1 {{'tile.config': tiles of 64 x 64 in groups of 8 are not possible}}
  %d = linalg.matmul {tile.config = {block_m = 64 : i64}} ins(%a, %b : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

func.func @f(%a: tensor<?x128xbf16>, %b: tensor<128x64xbf16>, %e: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-error @+1 {{'tile.config': tiles of 256 x 256 in groups of 8 are not possible}}
  %d = linalg.matmul {tile.config = {block_m = 256 : i64, block_n = 256 : i64}} ins(%a, %b : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

func.func @f(%a: tensor<?x128xbf16>, %b: tensor<128x64xbf16>, %e: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-error @+1 {{'tile.config': 9 stages; shared memory has room for 8}}
  %d = linalg.matmul {tile.config = {stages = 9 : i64}} ins(%a, %b : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

func.func @f(%a: tensor<?x128xbf16>, %b: tensor<128x64xbf16>, %e: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-error @+1 {{in groups of 0 are not possible}}
  %d = linalg.matmul {tile.config = {group = 0 : i64}} ins(%a, %b : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

func.func @f(%a: tensor<?x128xbf16>, %b: tensor<128x64xbf16>, %e: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-error @+1 {{'tile.config': 'alternate' is 0 or 1, not 2}}
  %d = linalg.matmul {tile.config = {alternate = 2 : i64}} ins(%a, %b : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

// The kernel for few rows is right for few rows only.
func.func @f(%a: tensor<20x128xbf16>, %b: tensor<128x64xbf16>, %e: tensor<20x64xf32>) -> tensor<20x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<20x64xf32>) -> tensor<20x64xf32>
  // expected-error @+1 {{'tile.config': tiles of 16 x 64 in groups of 1 are not possible}}
  %d = linalg.matmul {tile.config = {block_m = 16 : i64, block_n = 64 : i64}} ins(%a, %b : tensor<20x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<20x64xf32>) -> tensor<20x64xf32>
  return %d : tensor<20x64xf32>
}

// -----

func.func @f(%a: tensor<?x128xbf16>, %b: tensor<128x64xbf16>, %e: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-error @+1 {{'tile.config' cannot have "rows" = 128 : i64}}
  %d = linalg.matmul {tile.config = {rows = 128 : i64}} ins(%a, %b : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

func.func @f(%a: tensor<?x128xbf16>, %b: tensor<128x64xbf16>, %e: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-error @+1 {{'tile.config' cannot have "block_m" = "128"}}
  %d = linalg.matmul {tile.config = {block_m = "128"}} ins(%a, %b : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

func.func @f(%a: tensor<?x128xbf16>, %b: tensor<128x64xbf16>, %e: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  // expected-error @+1 {{has a 'tile.config' that is no dictionary}}
  %d = linalg.matmul {tile.config = 128 : i64} ins(%a, %b : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %d : tensor<?x64xf32>
}

// -----

func.func @g(%x: tensor<?x?x4x128xbf16>) -> tensor<?x?x4x128xbf16> {
  // expected-error @+1 {{'tile.config': 192 queries, 80 keys in 5 stages are not possible}}
  %y = transmamba.attention %x, %x, %x {causal, tile.config = {stages = 5 : i64}} : tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16> -> tensor<?x?x4x128xbf16>
  return %y : tensor<?x?x4x128xbf16>
}
