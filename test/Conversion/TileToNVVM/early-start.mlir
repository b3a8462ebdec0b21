// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm,canonicalize,cse))' | FileCheck %s
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_80},canonicalize,cse))' | FileCheck %s --check-prefix=SM80

// Where a kernel waits for the launches before it.
// SM80-NOT: griddepcontrol
// SM80-NOT: tile.waits

// Loads of a constant come first, in loops too; each role waits before anything else.
// CHECK-LABEL: llvm.func @constant(
// CHECK-SAME: tile.waits
// CHECK: nvvm.elect.sync
// CHECK: scf.for
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK: "griddepcontrol.wait;", "~{memory}"
// CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global
// CHECK: nvvm.setmaxregister increase 232
// CHECK-NOT: llvm.load
// CHECK: "griddepcontrol.wait;", "~{memory}"
// CHECK: return

// What all threads read before the roles: they wait there, and no more.
// CHECK-LABEL: llvm.func @shared_length(
// CHECK-SAME: tile.waits
// CHECK: nvvm.barrier0
// CHECK: "griddepcontrol.wait;"
// CHECK-NEXT: llvm.load
// CHECK-NOT: griddepcontrol

// No constant: the wait is at the start, where all other kernels have it.
// CHECK-LABEL: llvm.func @plain(
// CHECK-NOT: tile.waits
// CHECK-NOT: griddepcontrol
gpu.module @kernels {
  tile.kernel @constant(%a: memref<64x64xbf16>, %b: memref<256x64xbf16> {tile.constant}, %out: memref<64x64xbf16>) {
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %c256 = arith.constant 256 : index
    %x = tile.block_id x
    %ring = tile.ring : !tile.ring<64x64xbf16, stages = 2>
    tile.producer registers 40 {
      scf.for %k = %c0 to %c256 step %c64 {
        tile.load %b[%k, %x] to %ring : memref<256x64xbf16>, !tile.ring<64x64xbf16, stages = 2>
      }
      tile.load %a[%c0, %c0] to %ring : memref<64x64xbf16>, !tile.ring<64x64xbf16, stages = 2>
    }
    tile.consumers %warpgroup in 2 registers 232 {
      %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 2>
      tile.store %tile to %out[%c0, %c0] : !tile.smem<64x64xbf16>, memref<64x64xbf16>
      tile.store_wait
      tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 2>
    }
  }
  tile.kernel @shared_length(%b: memref<256x64xbf16> {tile.constant}, %lengths: memref<4xi32>, %out: memref<64x64xbf16>) {
    %c0 = arith.constant 0 : index
    %length = memref.load %lengths[%c0] : memref<4xi32>
    %row = arith.index_cast %length : i32 to index
    %ring = tile.ring : !tile.ring<64x64xbf16, stages = 2>
    tile.producer registers 40 {
      tile.load %b[%row, %c0] to %ring : memref<256x64xbf16>, !tile.ring<64x64xbf16, stages = 2>
    }
    tile.consumers %warpgroup in 2 registers 232 {
      %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 2>
      tile.store %tile to %out[%row, %c0] : !tile.smem<64x64xbf16>, memref<64x64xbf16>
      tile.store_wait
      tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 2>
    }
  }
  tile.kernel @plain(%a: memref<64x64xbf16>, %out: memref<64x64xbf16>) {
    %c0 = arith.constant 0 : index
    %ring = tile.ring : !tile.ring<64x64xbf16, stages = 2>
    tile.producer registers 40 {
      tile.load %a[%c0, %c0] to %ring : memref<64x64xbf16>, !tile.ring<64x64xbf16, stages = 2>
    }
    tile.consumers %warpgroup in 2 registers 232 {
      %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 2>
      tile.store %tile to %out[%c0, %c0] : !tile.smem<64x64xbf16>, memref<64x64xbf16>
      tile.store_wait
      tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 2>
    }
  }
}
