// RUN: transmamba-opt %s --split-input-file --verify-diagnostics

// A launch on tensors: those of invalid.mlir are on buffers.

tile.kernel @k(%in: memref<8x64xbf16>, %out: memref<8x64xbf16>) {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}
func.func @f(%x: tensor<8x64xbf16>, %y: tensor<16x64xbf16>) -> tensor<16x64xbf16> {
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{(L2) operands do not have the types of the arguments of @k}}
  %z = tile.launch @k grid(%c1, %c1, %c1) ins(%x : tensor<8x64xbf16>) outs(%y : tensor<16x64xbf16>) -> tensor<16x64xbf16>
  return %z : tensor<16x64xbf16>
}

// -----

tile.kernel @k(%in: memref<8x64xbf16>, %out: memref<8x64xbf16>) {
  tile.consumers %warpgroup in 1 registers 128 {
  }
}
func.func @f(%x: tensor<8x64xbf16>) -> tensor<8x8xbf16> {
  %c1 = arith.constant 1 : index
  // expected-error @+1 {{expected type of operand #4 ('tensor<8x64xbf16>') to match type of corresponding result ('tensor<8x8xbf16>')}}
  %z = tile.launch @k grid(%c1, %c1, %c1) ins(%x : tensor<8x64xbf16>) outs(%x : tensor<8x64xbf16>) -> tensor<8x8xbf16>
  return %z : tensor<8x8xbf16>
}
