// Why launches stay apart: the constraints of the pass, each violated.
// RUN: transmamba-opt %s --split-input-file --tile-merge-launches --verify-diagnostics | FileCheck %s

// CHECK-NOT: tile.tickets

func.func @f(%n: index, %a: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c1 = arith.constant 1 : index
  // expected-remark @+1 {{these launches stay apart: @second reads what @first writes, and does not wait for it (G3)}}
  %r = tile.launch @first grid(%n, %c1, %c1) outs(%a : tensor<?x64xf32>) {tile.group = 0} -> tensor<?x64xf32>
  %s = tile.launch @second grid(%n, %c1, %c1) outs(%r : tensor<?x64xf32>) partial {tile.group = 0} -> tensor<?x64xf32>
  return %s : tensor<?x64xf32>
}
tile.kernel @first(%y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %x = tile.block_id x
  tile.consumers %warpgroup in 1 registers 128 {
    %f = tile.fill %zero : f32 -> !tile.frag<64x64xf32>
    tile.write %f to %y[%x, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
  }
}
tile.kernel @second(%y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = tile.block_id x
  tile.consumers %warpgroup in 1 registers 128 {
    %f = tile.read %y[%x, %c0] : memref<?x64xf32> -> !tile.frag<64x64xf32>
    tile.write %f to %y[%x, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
  }
}

// -----

func.func @f(%n: index, %a: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c1 = arith.constant 1 : index
  // expected-remark @+1 {{these launches stay apart: @second waits for @first, which is not before it (G6)}}
  %r = tile.launch @first grid(%n, %c1, %c1) outs(%a : tensor<?x64xf32>) {tile.group = 0, tile.turns = array<i64: 5>} -> tensor<?x64xf32>
  %s = tile.launch @second grid(%n, %c1, %c1) outs(%r : tensor<?x64xf32>) partial {tile.group = 0, tile.turns = array<i64: 1>} -> tensor<?x64xf32>
  return %s : tensor<?x64xf32>
}
tile.kernel @first(%y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %x = tile.block_id x
  tile.consumers %warpgroup in 1 registers 128 {
    %f = tile.fill %zero : f32 -> !tile.frag<64x64xf32>
    tile.write %f to %y[%x, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
  }
}
tile.kernel @second(%y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = tile.block_id x
  tile.consumers %warpgroup in 1 registers 128 {
    tile.after @first[%x, %c0, %c0] count %c1 along x
    %f = tile.read %y[%x, %c0] : memref<?x64xf32> -> !tile.frag<64x64xf32>
    tile.write %f to %y[%x, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
  }
}

// -----

func.func @f(%n: index, %a: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %c1 = arith.constant 1 : index
  // expected-remark @+1 {{these launches stay apart: @second waits for @first, which is not before it (G6)}}
  %r = tile.launch @first grid(%n, %c1, %c1) outs(%a : tensor<?x64xf32>) {tile.group = 0, tile.turns = array<i64: 0, 4, 1>} -> tensor<?x64xf32>
  %s = tile.launch @second grid(%n, %c1, %c1) outs(%r : tensor<?x64xf32>) partial {tile.group = 0, tile.turns = array<i64: 2>} -> tensor<?x64xf32>
  return %s : tensor<?x64xf32>
}
tile.kernel @first(%y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %x = tile.block_id x
  tile.consumers %warpgroup in 1 registers 128 {
    %f = tile.fill %zero : f32 -> !tile.frag<64x64xf32>
    tile.write %f to %y[%x, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
  }
}
tile.kernel @second(%y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = tile.block_id x
  tile.consumers %warpgroup in 1 registers 128 {
    tile.after @first[%x, %c0, %c0] count %c1 along x
    %f = tile.read %y[%x, %c0] : memref<?x64xf32> -> !tile.frag<64x64xf32>
    tile.write %f to %y[%x, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
  }
}

// -----

func.func @f(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %z: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  // expected-remark @+1 {{these launches stay apart: @a has another number of consumers (G1)}}
  %r = tile.launch @a grid(%c3, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%z : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %s = tile.launch @b grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  return %r, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}
tile.kernel @a(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
tile.kernel @b(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 2 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}

// -----

func.func @f(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %z: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  // expected-remark @+1 {{these launches stay apart: @a has another number of consumers (G1)}}
  %r = tile.launch @a grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%z : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %s = tile.launch @b grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  return %r, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}
tile.kernel @a(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %is = arith.cmpi eq, %x, %c0 : index
    scf.if %is {
      tile.store_wait
    }
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
tile.kernel @b(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 2 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}

// -----

func.func @f(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %z: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  // expected-remark @+1 {{these launches stay apart: @b does not release all tiles that it waits for (G2)}}
  %r = tile.launch @a grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%z : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %s = tile.launch @b grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  return %r, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}
tile.kernel @a(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
tile.kernel @b(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    scf.for %i = %c0 to %x step %x {
      %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
    }
  }
}

// -----

func.func @f(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %z: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  // expected-remark @+1 {{these launches stay apart: @b reads what @a writes, and does not wait for it (G3)}}
  %r = tile.launch @a grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%z : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %s = tile.launch @b grid(%c2, %c1, %c1) ins(%r : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  return %r, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}
tile.kernel @a(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
tile.kernel @b(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}

// -----

func.func @f(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %z: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  // expected-remark @+1 {{these launches stay apart: @b overwrites what another one writes (G3)}}
  %r = tile.launch @a grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%z : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %s = tile.launch @b grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%r : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  return %r, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}
tile.kernel @a(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
tile.kernel @b(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}

// -----

func.func @f(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %z: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  // expected-remark @+1 {{these launches stay apart: a 'tensor.cast' stands between result and operand (G4)}}
  %r = tile.launch @a grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%z : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %c = tensor.cast %r : tensor<?x64xbf16> to tensor<8x64xbf16>
  %d = tensor.cast %c : tensor<8x64xbf16> to tensor<?x64xbf16>
  %s = tile.launch @b grid(%c2, %c1, %c1) ins(%d : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  return %r, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}
tile.kernel @a(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
tile.kernel @b(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}

// -----

func.func @f(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %z: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  // expected-remark @+1 {{these launches stay apart: 'tile.kernel' op (K4) needs 271424 bytes of shared memory of 233472 (G5)}}
  %r = tile.launch @a grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%z : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %s = tile.launch @b grid(%c2, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  return %r, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}
tile.kernel @a(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %other = tile.alloc : !tile.smem<128x256xf32>
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
tile.kernel @b(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %x = tile.block_id x
  %other = tile.alloc : !tile.smem<256x128xf32>
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%x, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %t = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
