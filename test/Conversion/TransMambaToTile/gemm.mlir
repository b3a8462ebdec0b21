// RUN: transmamba-opt %s --split-input-file --convert-transmamba-to-tile --canonicalize --cse | FileCheck %s

// A product whose sums are rounded by all that reads them: the kernel rounds. Rows are the tokens of the batch, so that the
// configuration suits 8 * 1024 of them.
module attributes {transmamba.max_batch = 8 : i64, transmamba.max_sequence = 1024 : i64} {
// CHECK-LABEL: func.func @rounded(
// CHECK-SAME:      %[[X:.*]]: tensor<?x?x256xbf16>, %[[B:.*]]: tensor<256x768xbf16>)
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[COLUMNS:.*]] = arith.constant 4 : index
// CHECK-DAG:     %[[TILE:.*]] = arith.constant 128 : index
// CHECK:         %[[A:.*]] = tensor.collapse_shape %[[X]]
// CHECK:         %[[M:.*]] = tensor.dim %[[A]]
// CHECK:         %[[ROWS:.*]] = arith.ceildivui %[[M]], %[[TILE]]
// CHECK:         %[[TILES:.*]] = arith.muli %[[ROWS]], %[[COLUMNS]]
// CHECK:         %[[ALL:.*]] = tile.multiprocessors
// CHECK:         %[[BLOCKS:.*]] = arith.minui %[[ALL]], %[[TILES]]
// CHECK:         %[[EMPTY:.*]] = tensor.empty(%[[M]]) : tensor<?x768xbf16>
// CHECK:         %[[R:.*]] = tile.launch @gemm_n768_k256_tile128x192 grid(%[[BLOCKS]], %[[C1]], %[[C1]])
// CHECK-SAME:        ins(%[[A]], %[[B]] : tensor<?x256xbf16>, tensor<256x768xbf16>) outs(%[[EMPTY]] : tensor<?x768xbf16>) -> tensor<?x768xbf16>
// CHECK-NOT:     linalg
// CHECK:         return %[[R]]
func.func @rounded(%x: tensor<?x?x256xbf16>, %b: tensor<256x768xbf16>) -> tensor<?x768xbf16> {
  %a = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x?x256xbf16> into tensor<?x256xbf16>
  %c0 = arith.constant 0 : index
  %m = tensor.dim %a, %c0 : tensor<?x256xbf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%m) : tensor<?x768xf32>
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x768xf32>) -> tensor<?x768xf32>
  %d = linalg.matmul ins(%a, %b : tensor<?x256xbf16>, tensor<256x768xbf16>) outs(%c : tensor<?x768xf32>) -> tensor<?x768xf32>
  %r = arith.truncf %d : tensor<?x768xf32> to tensor<?x768xbf16>
  return %r : tensor<?x768xbf16>
}

// The kernel as people read it: the producer loads columns of A and rows of B, each warpgroup multiplies its rows.
// CHECK:      tile.kernel @gemm_n768_k256_tile128x192(
// CHECK-SAME:     %[[A:.*]]: memref<?x256xbf16>, %[[B:.*]]: memref<256x768xbf16>, %[[C:.*]]: memref<?x768xbf16>)
// CHECK-SAME:     attributes {tile.config = {block_m = 128 : i64, block_n = 192 : i64, group = 8 : i64, stages = 4 : i64}} {
// CHECK-DAG:    %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:    %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:    %[[STEPS:.*]] = arith.constant 4 : index
// CHECK:        %[[ROWS:.*]] = memref.dim %[[A]], %[[C0]]
// CHECK:        %[[TILES:.*]] = arith.muli
// CHECK-NEXT:   %[[BLOCK:.*]] = tile.block_id x
// CHECK-NEXT:   %[[BLOCKS:.*]] = tile.grid_dim x
// CHECK-NEXT:   %[[AS:.*]] = tile.ring : !tile.ring<128x64xbf16, stages = 4>
// CHECK-NEXT:   %[[BS:.*]] = tile.ring : !tile.ring<64x192xbf16, stages = 4>
// CHECK-NEXT:   %[[OUT:.*]] = tile.alloc : !tile.smem<128x192xbf16>
// CHECK-NEXT:   tile.producer registers 40 {
// CHECK-NEXT:     scf.for %{{.*}} = %[[BLOCK]] to %[[TILES]] step %[[BLOCKS]] {
// CHECK:            scf.for %[[I:.*]] = %[[C0]] to %[[STEPS]] step %[[C1]] {
// CHECK-NEXT:         %[[K:.*]] = arith.muli %[[I]]
// CHECK-NEXT:         tile.load %[[A]][%[[M:.*]], %[[K]]] to %[[AS]]
// CHECK-NEXT:         tile.load %[[B]][%[[K]], %[[N:.*]]] to %[[BS]]
// CHECK:        tile.consumers %[[WARPGROUP:.*]] in 2 registers 232 {
// CHECK-NEXT:     %[[FIRST:.*]] = arith.muli %[[WARPGROUP]]
// CHECK:          scf.for %{{.*}} = %[[BLOCK]] to %[[TILES]] step %[[BLOCKS]] {
// CHECK:            %[[AT:.*]] = tile.consumer_wait %[[AS]]
// CHECK-NEXT:       %[[OWN:.*]] = tile.row_slice %[[AT]][%[[FIRST]]] : !tile.smem<128x64xbf16> -> !tile.smem<64x64xbf16>
// CHECK-NEXT:       %[[BT:.*]] = tile.consumer_wait %[[BS]]
// CHECK-NEXT:       %[[SUM:.*]] = tile.mma %[[OWN]], %[[BT]] :
// CHECK-NEXT:       %[[ALL:.*]] = scf.for %{{.*}} = %[[C1]] to %[[STEPS]] step %[[C1]] iter_args(%[[ACC:.*]] = %[[SUM]])
// CHECK:              %[[NEXT:.*]] = tile.mma %{{.*}}, %{{.*}} acc %[[ACC]]
// CHECK-NEXT:         tile.drain keep 1
// CHECK-NEXT:         tile.consumer_release %[[AS]]
// CHECK-NEXT:         tile.consumer_release %[[BS]]
// CHECK-NEXT:         scf.yield %[[NEXT]]
// CHECK:            %[[RESULT:.*]] = tile.await %[[ALL]]
// CHECK:            %[[PLACE:.*]] = tile.row_slice %[[OUT]][%[[FIRST]]]
// CHECK-NEXT:       tile.store_wait
// CHECK-NEXT:       tile.store_fragment %[[RESULT]] to %[[PLACE]]
// CHECK-NEXT:       tile.store %[[PLACE]] to %[[C]]
// CHECK-NEXT:     }
// CHECK-NEXT:     tile.store_wait
}

// -----

// Sums that something reads as they are go to memory from the registers. Tiles are small, for there are few of them. A product
// of the same shape has the same kernel.
module attributes {transmamba.max_batch = 100 : i64, transmamba.max_sequence = 1024 : i64} {
// CHECK-LABEL: func.func @sums(
// CHECK:         tile.launch @gemm_n768_k128_f32_tile128x64 {{.*}} -> tensor<?x768xf32>
// CHECK:         tile.launch @gemm_n768_k128_f32_tile128x64 {{.*}} -> tensor<?x768xf32>
// CHECK:         arith.truncf
// CHECK:       tile.kernel @gemm_n768_k128_f32_tile128x64(
// CHECK-NOT:     tile.alloc
// CHECK:         %[[SUMS:.*]] = tile.await
// CHECK:         tile.write %[[SUMS]] to %{{.*}}[%{{.*}}, %{{.*}}] : !tile.frag<64x64xf32>, memref<?x768xf32>
// CHECK-NOT:   tile.kernel
func.func @sums(%a: tensor<?x128xbf16>, %b: tensor<128x768xbf16>, %other: tensor<128x768xbf16>) -> (tensor<?x768xf32>, tensor<?x768xf32>, tensor<?x768xbf16>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %a, %c0 : tensor<?x128xbf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%m) : tensor<?x768xf32>
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<?x768xf32>) -> tensor<?x768xf32>
  %d = linalg.matmul ins(%a, %b : tensor<?x128xbf16>, tensor<128x768xbf16>) outs(%c : tensor<?x768xf32>) -> tensor<?x768xf32>
  %f = linalg.matmul ins(%a, %other : tensor<?x128xbf16>, tensor<128x768xbf16>) outs(%c : tensor<?x768xf32>) -> tensor<?x768xf32>
  %r = arith.truncf %f : tensor<?x768xf32> to tensor<?x768xbf16>
  return %d, %f, %r : tensor<?x768xf32>, tensor<?x768xf32>, tensor<?x768xbf16>
}
}

// -----

// What an operation asks for is what it gets; the number of stages follows.
// CHECK-LABEL: func.func @configured(
// CHECK:         tile.launch @gemm_n512_k128_f32_tile256x128
// CHECK:       tile.kernel @gemm_n512_k128_f32_tile256x128
// CHECK-SAME:      {block_m = 256 : i64, block_n = 128 : i64, group = 4 : i64, stages = 4 : i64}
// CHECK:         %[[FIRST:.*]] = arith.muli
// CHECK:         tile.row_slice %{{.*}} : !tile.smem<256x64xbf16> -> !tile.smem<128x64xbf16>
func.func @configured(%a: tensor<64x128xbf16>, %b: tensor<128x512xbf16>, %e: tensor<64x512xf32>) -> tensor<64x512xf32> {
  %zero = arith.constant 0.0 : f32
  %c = linalg.fill ins(%zero : f32) outs(%e : tensor<64x512xf32>) -> tensor<64x512xf32>
  %d = linalg.matmul {tile.config = {block_m = 256 : i64, block_n = 128 : i64, group = 4 : i64}}
      ins(%a, %b : tensor<64x128xbf16>, tensor<128x512xbf16>) outs(%c : tensor<64x512xf32>) -> tensor<64x512xf32>
  return %d : tensor<64x512xf32>
}

// -----

// What stays: sums that do not start from zero, f32, rows that are no multiple of 16 bytes.
// CHECK-LABEL: func.func @kept(
// CHECK-COUNT-3: linalg.matmul
// CHECK-NOT:     tile.
func.func @kept(%a: tensor<?x128xbf16>, %b: tensor<128x64xbf16>, %c: tensor<?x64xf32>, %x: tensor<?x128xf32>, %y: tensor<128x64xf32>,
                %narrow: tensor<128x4xbf16>, %n: tensor<?x4xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %0 = linalg.matmul ins(%a, %b : tensor<?x128xbf16>, tensor<128x64xbf16>) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = linalg.fill ins(%zero : f32) outs(%c : tensor<?x64xf32>) -> tensor<?x64xf32>
  %2 = linalg.matmul ins(%x, %y : tensor<?x128xf32>, tensor<128x64xf32>) outs(%1 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %3 = linalg.fill ins(%zero : f32) outs(%n : tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = linalg.matmul ins(%a, %narrow : tensor<?x128xbf16>, tensor<128x4xbf16>) outs(%3 : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0, %2, %4 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x4xf32>
}
