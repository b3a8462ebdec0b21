// Launches of a group become one, of a kernel whose blocks draw their blocks as items of work.
// RUN: transmamba-opt %s --split-input-file --tile-merge-launches --canonicalize --cse | FileCheck %s

// One warpgroup beside two: an item of @narrow is two of its blocks, and its ring becomes that of @wide. What @wide still holds at its end is released.
// CHECK-LABEL: func.func @pair(
// CHECK-SAME:      %[[X:.*]]: tensor<?x64xbf16>, %[[N:.*]]: index
// CHECK:         %[[A:.*]] = tensor.empty
// CHECK:         %[[FIRST:.*]] = arith.muli %[[N]], %c2
// CHECK:         %[[ITEMS:.*]] = arith.addi
// CHECK:         %[[MULTIPROCESSORS:.*]] = tile.multiprocessors
// CHECK:         %[[BLOCKS:.*]] = arith.minui %[[MULTIPROCESSORS]], %[[ITEMS]]
// CHECK:         %[[WORDS:.*]] = tile.workspace
// CHECK:         %[[R:.*]]:2 = tile.launch @narrow_and_wide grid(%[[BLOCKS]], %{{.*}}, %{{.*}}) ins(%[[X]], %[[N]], %[[FIRST]], %[[ITEMS]] : {{.*}}) outs(%[[A]], %[[A]], %[[WORDS]] :
// CHECK-NOT:     tile.launch
// CHECK:         %[[CAST:.*]] = tensor.cast %[[R]]#0
// CHECK:         return %[[CAST]], %[[R]]#1
// CHECK-LABEL: tile.kernel @narrow_and_wide(
// CHECK-SAME:      %[[X:[a-z0-9]+]]: memref<?x64xbf16>, %[[N:[a-z0-9]+]]: index, %[[FIRST:[a-z0-9]+]]: index, %[[ITEMS:[a-z0-9]+]]: index, %[[A:[a-z0-9]+]]: memref<?x64xbf16>, %[[B:[a-z0-9]+]]: memref<?x64xbf16>, %[[CONTROL:[a-z0-9]+]]: memref<?xi32>
// CHECK:         %[[RING:.*]] = tile.ring : !tile.ring<128x64xbf16, stages = 2>
// CHECK-NOT:     tile.ring
// CHECK:         %[[WORK:.*]] = tile.tickets %[[ITEMS]] from %[[CONTROL]]
// CHECK:         tile.producer registers 40 {
// CHECK-NEXT:      tile.work_loop %[[ITEM:.*]] of %[[WORK]] {
// CHECK-NEXT:        %[[OWN:.*]] = arith.cmpi ult, %[[ITEM]], %[[FIRST]]
// CHECK-NEXT:        scf.if %[[OWN]] {
// CHECK:               tile.load %[[X]][%{{.*}}, %{{.*}}], [%{{.*}}, %{{.*}}] to %[[RING]]
// CHECK:             } else {
// CHECK-NEXT:          %[[PLACE:.*]] = arith.subi %[[ITEM]], %[[FIRST]]
// CHECK:               tile.load %[[X]][%{{.*}}, %{{.*}}] to %[[RING]]
// CHECK:         tile.consumers %[[WARPGROUP:.*]] in 2 registers 128 {
// CHECK:           scf.if
// CHECK:             %[[X0:.*]] = arith.addi %{{.*}}, %[[WARPGROUP]]
// CHECK:             %[[TILE:.*]] = tile.consumer_wait %[[RING]]
// CHECK:             %[[ROWS:.*]] = tile.row_slice %[[TILE]][%{{.*}}] : !tile.smem<128x64xbf16> -> !tile.smem<64x64xbf16>
// CHECK:             tile.store %[[ROWS]] to %[[A]]
// CHECK:             tile.consumer_release %[[RING]]
// CHECK:           } else {
// CHECK:             tile.store_wait
// CHECK-NEXT:        tile.consumer_release %[[RING]]
// CHECK-NOT:       tile.barrier
func.func @pair(%x: tensor<?x64xbf16>, %n: index) -> (tensor<7x64xbf16>, tensor<?x64xbf16>) {
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %a = tensor.empty(%n) : tensor<?x64xbf16>
  %b = tensor.empty(%n) : tensor<?x64xbf16>
  %ra = tile.launch @narrow grid(%c4, %n, %c1) ins(%x : tensor<?x64xbf16>) outs(%a : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %used = tensor.cast %ra : tensor<?x64xbf16> to tensor<7x64xbf16>
  %rb = tile.launch @wide grid(%n, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%b : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  return %used, %rb : tensor<7x64xbf16>, tensor<?x64xbf16>
}
tile.kernel @narrow(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %x = tile.block_id x
  %y = tile.block_id y
  %columns = tile.grid_dim x
  %above = arith.muli %y, %columns : index
  %place = arith.addi %above, %x : index
  %row = arith.muli %place, %c64 : index
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 24 {
    tile.load %in[%row, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
    tile.store %tile to %out[%row, %c0] : !tile.smem<64x64xbf16>, memref<?x64xbf16>
    tile.store_wait
    tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
tile.kernel @wide(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %x = tile.block_id x
  %row = arith.muli %x, %c128 : index
  %ring = tile.ring : !tile.ring<128x64xbf16, stages = 2>
  tile.producer registers 24 {
    tile.load %in[%row, %c0] to %ring : memref<?x64xbf16>, !tile.ring<128x64xbf16, stages = 2>
  }
  tile.consumers %warpgroup in 2 registers 128 {
    %tile = tile.consumer_wait %ring : !tile.ring<128x64xbf16, stages = 2>
    %own = arith.muli %warpgroup, %c64 : index
    %rows = tile.row_slice %tile[%own] : !tile.smem<128x64xbf16> -> !tile.smem<64x64xbf16>
    %first = arith.addi %row, %own : index
    tile.store %rows to %out[%first, %c0] : !tile.smem<64x64xbf16>, memref<?x64xbf16>
    tile.store_wait
  }
}

// -----

// What one launch reads of another one's is waited for, and said when it is there; both write parts of one output.
// CHECK-LABEL: func.func @chain(
// CHECK:         tile.launch @first_and_second grid({{.*}}) ins(%{{.*}}, %{{.*}}, %{{.*}} : index, index, index) outs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<?x64xf32>, memref<?xi32>)
// CHECK-LABEL: tile.kernel @first_and_second(
// CHECK-SAME:      %[[N:[a-z0-9]+]]: index, %{{.*}}: index, %{{.*}}: index, %[[SUMS:[a-z0-9]+]]: memref<?x64xf32>, %[[Y:[a-z0-9]+]]: memref<?x64xf32>, %{{.*}}: memref<?xi32>)
// CHECK:         tile.consumers
// CHECK:           tile.work_loop %[[ITEM:.*]] of %[[WORK:.*]] {
// CHECK:             tile.write %{{.*}} to %[[SUMS]]
// CHECK:             tile.write %{{.*}} to %[[Y]]
// CHECK:             tile.publish %[[ITEM]] of %[[WORK]]
// CHECK:           } else {
// CHECK:             tile.look_back %{{.*}} count %{{.*}} stride %[[N]] of %[[WORK]]
// CHECK:             tile.read %[[SUMS]]
// CHECK:             tile.write %{{.*}} to %[[Y]]
// CHECK-NOT:         tile.publish
// CHECK:       }
// CHECK-NOT:   tile.kernel
func.func @chain(%n: index) -> tensor<?x64xf32> {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %a = tensor.empty(%n) : tensor<?x64xf32>
  %y = tensor.empty(%n) : tensor<?x64xf32>
  %r:2 = tile.launch @first grid(%n, %c2, %c1) outs(%a, %y : tensor<?x64xf32>, tensor<?x64xf32>) {tile.group = 3} -> tensor<?x64xf32>, tensor<?x64xf32>
  %s = tile.launch @second grid(%n, %c1, %c1) ins(%r#0 : tensor<?x64xf32>) outs(%r#1 : tensor<?x64xf32>) partial {tile.group = 3} -> tensor<?x64xf32>
  return %s : tensor<?x64xf32>
}
tile.kernel @first(%sums: memref<?x64xf32>, %y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %x = tile.block_id x
  tile.producer registers 24 {
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %f = tile.fill %zero : f32 -> !tile.frag<64x64xf32>
    tile.write %f to %sums[%x, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
    tile.write %f to %y[%x, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
  }
}
tile.kernel @second(%sums: memref<?x64xf32>, %y: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %x = tile.block_id x
  tile.producer registers 24 {
  }
  tile.consumers %warpgroup in 1 registers 128 {
    tile.after @first[%x, %c0, %c0] count %c2 along y
    %f = tile.read %sums[%x, %c0] : memref<?x64xf32> -> !tile.frag<64x64xf32>
    tile.write %f to %y[%x, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
  }
}

// -----

// Twice the same kernel, and the same twice: one kernel is left.
// CHECK-LABEL: func.func @twice(
// CHECK:         tile.launch @copy_and_copy grid
// CHECK:         tile.launch @copy_and_copy grid
// CHECK-NOT:     tile.kernel @copy(
// CHECK:         tile.kernel @copy_and_copy(
// CHECK-NOT:     tile.kernel
func.func @twice(%x: tensor<?x64xbf16>, %n: index) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %c1 = arith.constant 1 : index
  %empty = tensor.empty(%n) : tensor<?x64xbf16>
  %a = tile.launch @copy grid(%n, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%empty : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %b = tile.launch @copy grid(%n, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%empty : tensor<?x64xbf16>) {tile.group = 0} -> tensor<?x64xbf16>
  %c = tile.launch @copy grid(%n, %c1, %c1) ins(%a : tensor<?x64xbf16>) outs(%empty : tensor<?x64xbf16>) {tile.group = 1} -> tensor<?x64xbf16>
  %d = tile.launch @copy grid(%n, %c1, %c1) ins(%a : tensor<?x64xbf16>) outs(%empty : tensor<?x64xbf16>) {tile.group = 1} -> tensor<?x64xbf16>
  return %c, %d : tensor<?x64xbf16>, tensor<?x64xbf16>
}
tile.kernel @copy(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %block = tile.block_id x
  %row = arith.muli %block, %c64 : index
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 40 {
    tile.load %in[%row, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
    tile.store %tile to %out[%row, %c0] : !tile.smem<64x64xbf16>, memref<?x64xbf16>
    tile.store_wait
    tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}

// -----

// Items in pieces, with those of a kernel without a producer between them: three of @copy, all of @zeros, the rest of @copy. Which item is which is computed by the host.
// CHECK-LABEL: func.func @turns(
// CHECK-SAME:      %[[X:.*]]: tensor<?x64xbf16>, %[[N:.*]]: index
// CHECK:         %[[THREE:.*]] = arith.minui %[[N]], %c3
// CHECK:         %[[LEFT:.*]] = arith.subi %[[N]], %[[THREE]]
// CHECK:         %[[ZEROS:.*]] = arith.addi %[[N]], %[[THREE]]
// CHECK:         %[[ITEMS:.*]] = arith.addi %[[LEFT]], %[[ZEROS]]
// CHECK:         tile.launch @copy_and_zeros grid({{.*}}) ins(%[[X]], %[[N]], %[[THREE]], %[[ZEROS]], %[[ITEMS]] :
// CHECK-LABEL: tile.kernel @copy_and_zeros(
// CHECK:         tile.producer
// CHECK-NEXT:      tile.work_loop %[[ITEM:.*]] of
// CHECK-COUNT-2:     arith.cmpi ult, %[[ITEM]]
// CHECK:             %[[KIND:.*]] = arith.select
// CHECK-NEXT:        %[[SHIFT:.*]] = arith.select
// CHECK-NEXT:        %[[OWN:.*]] = arith.subi %[[ITEM]], %[[SHIFT]]
// CHECK-NEXT:        %[[COPIES:.*]] = arith.cmpi eq, %[[KIND]], %c0
// CHECK-NEXT:        scf.if %[[COPIES]] {
// CHECK:               tile.load
// CHECK:             }
// CHECK:         tile.consumers
// CHECK:           scf.if
// CHECK:             tile.store
// CHECK:           } else {
// CHECK:             tile.write
func.func @turns(%x: tensor<?x64xbf16>, %n: index) -> (tensor<?x64xbf16>, tensor<?x64xf32>) {
  %c1 = arith.constant 1 : index
  %a = tensor.empty(%n) : tensor<?x64xbf16>
  %b = tensor.empty(%n) : tensor<?x64xf32>
  %ra = tile.launch @copy grid(%n, %c1, %c1) ins(%x : tensor<?x64xbf16>) outs(%a : tensor<?x64xbf16>) {tile.group = 0, tile.turns = array<i64: 0, 3, 2>} -> tensor<?x64xbf16>
  %rb = tile.launch @zeros grid(%n, %c1, %c1) outs(%b : tensor<?x64xf32>) {tile.group = 0, tile.turns = array<i64: 1>} -> tensor<?x64xf32>
  return %ra, %rb : tensor<?x64xbf16>, tensor<?x64xf32>
}
tile.kernel @copy(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %block = tile.block_id x
  %row = arith.muli %block, %c64 : index
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  tile.producer registers 40 {
    tile.load %in[%row, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
  }
  tile.consumers %warpgroup in 1 registers 128 {
    %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
    tile.store %tile to %out[%row, %c0] : !tile.smem<64x64xbf16>, memref<?x64xbf16>
    tile.store_wait
    tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}
tile.kernel @zeros(%out: memref<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %block = tile.block_id x
  %row = arith.muli %block, %c64 : index
  tile.consumers %warpgroup in 1 registers 128 {
    %f = tile.fill %zero : f32 -> !tile.frag<64x64xf32>
    tile.write %f to %out[%row, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
  }
}
