// One call is one block: the producer, counted and recorded, then every warpgroup.
// RUN: transmamba-opt %s --convert-tile-to-linalg --canonicalize --split-input-file | FileCheck %s
// RUN: transmamba-opt %source_dir/test/Conversion/TileToNVVM/attention.mlir --convert-tile-to-linalg --one-shot-bufferize=allow-return-allocs-from-loops --convert-linalg-to-loops | FileCheck %s --check-prefix=LOOPS

// What upstream's passes leave of a whole kernel: no tensors.
// LOOPS:     func.func @attention
// LOOPS-NOT: tensor<
// LOOPS-NOT: linalg.

// The kernel leaves the gpu.module, which is empty then.
// CHECK-NOT:   gpu.module
// CHECK-LABEL: func.func @ring(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<?x16xbf16>, %[[N:[a-z0-9]+]]: index, %[[BX:[a-z0-9]+]]: index, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index, %{{[a-z0-9]+}}: index, %[[GZ:[a-z0-9]+]]: index, %[[FAULTS:[a-z0-9]+]]: memref<i32>) {
gpu.module @kernels {
  tile.kernel @ring(%x: memref<?x16xbf16>, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %b = tile.block_id x
    %g = tile.grid_dim z
    // CHECK: %[[START:.+]] = arith.addi %[[BX]], %[[GZ]]
    %start = arith.addi %b, %g : index
    %ring = tile.ring : !tile.ring<16x16xbf16, stages = 2>
    // CHECK: %[[LOADED:.+]] = memref.alloc() : memref<1xindex>
    // CHECK: scf.for
    // CHECK:   memref.store %{{.+}}, %[[LOADED]]
    // CHECK: %[[COUNT:.+]] = memref.load %[[LOADED]]
    // CHECK: %[[RECORDS:.+]] = memref.alloc(%[[COUNT]]) : memref<?x4xindex>
    // CHECK: scf.for %[[I:.+]] = %c0 to %[[N]]
    // CHECK:   memref.store %c0, %[[RECORDS]][%[[ROW:.+]], %c0]
    // CHECK:   memref.store %[[I]], %[[RECORDS]][%[[ROW]], %c1]
    // CHECK:   memref.store %[[START]], %[[RECORDS]][%[[ROW]], %c2]
    tile.producer registers 24 {
      scf.for %i = %c0 to %n step %c1 {
        tile.load %x[%i, %start] to %ring : memref<?x16xbf16>, !tile.ring<16x16xbf16, stages = 2>
      }
    }
    // CHECK: %[[TILES:.+]] = memref.alloc() : memref<2x16x16xbf16>
    // CHECK: scf.for
    tile.consumers %warpgroup in 1 registers 128 {
      scf.for %i = %c0 to %n step %c1 {
        // CHECK: %[[TILE:.+]] = memref.subview %[[TILES]][%{{.+}}, 0, 0] [1, 16, 16] [1, 1, 1]
        // CHECK: linalg.fill ins(%[[NAN:.+]] : bf16) outs(%[[TILE]]
        // CHECK: scf.if
        // CHECK:   scf.if
        // CHECK:     linalg.fill ins(%{{.+}} : bf16) outs(%[[TILE]]
        // CHECK:     scf.for
        // CHECK:       scf.for
        // CHECK:         memref.load %[[X]]
        // CHECK:         memref.store %{{.+}}, %[[TILE]]
        // CHECK: } else {
        // CHECK:   memref.store %{{.+}}, %[[FAULTS]][]
        %t = tile.consumer_wait %ring : !tile.ring<16x16xbf16, stages = 2>
        // CHECK: scf.if
        // CHECK:   %[[OLDEST:.+]] = memref.subview %[[TILES]]
        // CHECK:   linalg.fill ins(%[[NAN]] : bf16) outs(%[[OLDEST]]
        tile.consumer_release %ring : !tile.ring<16x16xbf16, stages = 2>
      }
    }
  }
}

// -----

// Warpgroups run one after the other, up to a barrier of all of them.
// CHECK-LABEL: func.func @meet(
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<?x16xf32>, %[[N:[a-z0-9]+]]: index
tile.kernel @meet(%x: memref<?x16xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  tile.consumers %warpgroup in 2 registers 128 {
    // CHECK: %[[Z:.+]] = linalg.fill
    %z = tile.fill %zero : f32 -> !tile.cols<16xf32>
    // CHECK: scf.for %[[I:.+]] = %c0 to %[[N]] step %c1 iter_args(%[[A:.+]] = %{{.+}}, %[[B:.+]] = %{{.+}}) -> (tensor<16xf32>, tensor<16xf32>)
    %y = scf.for %i = %c0 to %n step %c1 iter_args(%s = %z) -> (!tile.cols<16xf32>) {
      // CHECK: tensor.extract %[[A]]
      // CHECK: memref.store %{{.+}}, %[[X]]
      // CHECK: tensor.extract %[[B]]
      // CHECK: memref.store %{{.+}}, %[[X]]
      tile.write %s to %x[%warpgroup, %c0] : !tile.cols<16xf32>, memref<?x16xf32>
      tile.barrier consumers
      // CHECK: memref.load %[[X]]
      // CHECK: %[[NEXT_A:.+]] = bufferization.to_tensor
      // CHECK: memref.load %[[X]]
      // CHECK: %[[NEXT_B:.+]] = bufferization.to_tensor
      %other = arith.subi %c1, %warpgroup : index
      %next = tile.read %x[%other, %c0] : memref<?x16xf32> -> !tile.cols<16xf32>
      // CHECK: scf.yield %[[NEXT_A]], %[[NEXT_B]]
      scf.yield %next : !tile.cols<16xf32>
    }
    tile.write %y to %x[%warpgroup, %c0] : !tile.cols<16xf32>, memref<?x16xf32>
  }
}

// -----

// A multiplication under way is a tensor and its number.
// CHECK-LABEL: func.func @carried(
tile.kernel @carried(%x: memref<?x16xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = tile.alloc : !tile.smem<64x16xbf16>
  %b = tile.alloc : !tile.smem<16x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    %p = tile.mma %a, %b : !tile.smem<64x16xbf16>, !tile.smem<16x16xbf16> -> !tile.pending<64x16xf32>
    // CHECK: %[[Q:.+]]:2 = scf.for {{.+}} -> (tensor<64x16xf32>, index)
    %q = scf.for %i = %c0 to %n step %c1 iter_args(%s = %p) -> (!tile.pending<64x16xf32>) {
      %next = tile.mma %a, %b acc %s : !tile.smem<64x16xbf16>, !tile.smem<16x16xbf16>, !tile.pending<64x16xf32> -> !tile.pending<64x16xf32>
      scf.yield %next : !tile.pending<64x16xf32>
    }
    // CHECK: arith.maxsi %{{.+}}, %[[Q]]#1
    // CHECK: tensor.extract %[[Q]]#0
    %f = tile.await %q : !tile.pending<64x16xf32>
    tile.write %f to %x[%c0, %c0] : !tile.frag<64x16xf32>, memref<?x16xf32>
  }
}
