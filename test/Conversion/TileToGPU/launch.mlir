// RUN: transmamba-opt %s --transmamba-gpu-pipeline -o %t.mlir && FileCheck %s < %t.mlir
// RUN: transmamba-opt %t.mlir --transmamba-nvvm-pipeline | FileCheck %s --check-prefix=NVVM

// Tile kernels move beside the others; a launch says how many threads and how much shared memory they take: the tiles, and
// 16 bytes of barriers for each tile of the ring.
// CHECK:       module attributes {{.*}}gpu.container_module
// CHECK-LABEL: func.func @f(
// CHECK-SAME:      %[[X:.*]]: memref<?x64xbf16>, %[[L:.*]]: memref<?xi32>, %[[Y:.*]]: memref<?x64xbf16>, %[[N:.*]]: index)
// CHECK:         gpu.launch_func @kernels::@other
// CHECK:         %[[THREADS:.*]] = arith.constant 256 : index
// CHECK:         %[[SHARED:.*]] = arith.constant 16416 : i32
// CHECK:         gpu.launch_func @kernels::@copy blocks in (%[[N]], %c1, %c1) threads in (%[[THREADS]], %{{.*}}, %{{.*}}) dynamic_shared_memory_size %[[SHARED]]
// CHECK-SAME:        args(%[[X]] : memref<?x64xbf16>, %[[L]] : memref<?xi32>, %[[Y]] : memref<?x64xbf16>)
// CHECK-NOT:     tile.launch
// CHECK:       gpu.module @kernels {
// CHECK:         gpu.func @other(
// CHECK:         tile.kernel @copy(
// CHECK-SAME:        gpu.kernel

// Both are kernels of one module, each with indices of its own width.
// NVVM:        gpu.module @kernels {
// NVVM:          llvm.func @other({{.*}}: !llvm.ptr{{.*}}, %{{.*}}: i64)
// NVVM:          llvm.func @copy(
// NVVM-SAME:         nvvm.grid_constant
// NVVM-SAME:         nvvm.reqntid = array<i32: 256, 1, 1>
// NVVM-SAME:         tile.parameters = [
// NVVM:            %[[LENGTH:.*]] = llvm.load %{{.*}} : !llvm.ptr<1> -> i32
// NVVM-NOT:      tile.
func.func @f(%x: memref<?x64xbf16>, %lengths: memref<?xi32>, %y: memref<?x64xbf16>, %n: index) {
  %c1 = arith.constant 1 : index
  transmamba.dispatch @other grid(%n, %c1, %c1) args(%x, %n : memref<?x64xbf16>, index)
  tile.launch @copy grid(%n, %c1, %c1) ins(%x, %lengths : memref<?x64xbf16>, memref<?xi32>) outs(%y : memref<?x64xbf16>)
  return
}

func.func private @other(%x: index, %y: index, %z: index, %p: memref<bf16>, %n: index) attributes {transmamba.kernel} {
  %view = memref.reinterpret_cast %p to offset: [0], sizes: [%n], strides: [1] : memref<bf16> to memref<?xbf16>
  %zero = arith.constant 0.0 : bf16
  memref.store %zero, %view[%x] : memref<?xbf16>
  return
}

// One block for each row of the batch copies as many tiles as the row is long.
tile.kernel @copy(%in: memref<?x64xbf16>, %lengths: memref<?xi32>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %block = tile.block_id x
  %number = memref.load %lengths[%block] : memref<?xi32>
  %length = arith.index_cast %number : i32 to index
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 2>
  tile.producer registers 40 {
    scf.for %row = %c0 to %length step %c64 {
      tile.load %in[%row, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 2>
    }
  }
  tile.consumers %warpgroup in 1 registers 128 {
    scf.for %row = %c0 to %length step %c64 {
      %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 2>
      tile.store %tile to %out[%row, %c0] : !tile.smem<64x64xbf16>, memref<?x64xbf16>
      tile.store_wait
      tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 2>
    }
  }
}
