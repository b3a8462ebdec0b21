// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm,canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_80},canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM80

// Tiles of shared memory: rings, loads and stores.

gpu.module @kernels {
  // The second tile of shared memory lies after the ring's two, the barriers after both. `empty` waits for one thread
  // of each of the 4 warps, since threads read the tile.
  // CHECK-LABEL: llvm.func @copy(
  // CHECK: %[[BASE:.*]] = llvm.ptrtoint %{{.*}} : !llvm.ptr<3> to i32
  // SM90-COUNT-2: nvvm.mbarrier.init %{{.*}}, %c1_i32
  // SM80: nvvm.mbarrier.init %{{.*}}, %c128_i32
  // SM80: nvvm.mbarrier.init %{{.*}}, %c4_i32
  // SM80: nvvm.mbarrier.init %{{.*}}, %c128_i32
  // SM80: nvvm.mbarrier.init %{{.*}}, %c4_i32
  // SM80-NOT: nvvm.mbarrier.init
  tile.kernel @copy(%in: memref<?x?x96xbf16>, %out: memref<?x?x96xbf16>, %batch: index, %row: index) {
    %c0 = arith.constant 0 : index
    %c8 = arith.constant 8 : index
    %c32 = arith.constant 32 : index
    %ring = tile.ring : !tile.ring<24x96xbf16, stages = 2>
    // CHECK: nvvm.barrier0
    // CHECK: %[[TILE:.*]] = arith.addi %[[BASE]], %c10240_i32
    %tile = tile.alloc : !tile.smem<64x64xbf16>
    tile.producer registers 40 {
      // SM90: nvvm.mbarrier.try_wait.parity
      // SM90: nvvm.mbarrier.arrive.expect_tx %[[FULL:.*]], %c4608_i32
      // Three panels of 32 columns, each 24 x 64 bytes.
      // SM90: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %{{.*}}, %[[FULL]], box[%c32_i32, %{{.*}}, %{{.*}}]
      // SM90-SAME: l2_cache_hint
      // SM90: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %{{.*}}, %[[FULL]], box[%c64_i32,
      // SM90: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %{{.*}}, %[[FULL]], box[%c96_i32,
      //
      // SM80: mbarrier.test_wait.parity.shared.b64 p, [$0], $1; @p bra done; nanosleep.u32 32; bra again; done:
      // A batch that is not there has no rows.
      // SM80: %[[BATCH:.*]] = arith.cmpi ult, %{{.*}}, %{{.*}} : i32
      // SM80: %[[ROWS:.*]] = arith.select %[[BATCH]], %{{.*}}, %c0_i32 : i32
      // SM80: %[[TO:.*]] = llvm.inttoptr %{{.*}} : i32 to !llvm.ptr<3>
      // SM80: %[[FROM:.*]] = llvm.getelementptr %{{.*}} : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, bf16
      // SM80: %[[COLUMN:.*]] = arith.cmpi ult, %{{.*}}, %c96_i32 : i32
      // SM80: %[[ROW:.*]] = arith.cmpi ult, %{{.*}}, %[[ROWS]] : i32
      // Threads of 4 pieces a row have 32 rows, of which the tile has 24.
      // SM80: arith.cmpi ult, %{{.*}}, %c24_i32 : i32
      // SM80: scf.if
      // SM80: %[[INSIDE:.*]] = arith.andi %[[ROW]], %[[COLUMN]] : i1
      // SM80: %[[BYTES:.*]] = arith.select %[[INSIDE]], %c16_i32, %c0_i32 : i32
      // SM80: nvvm.cp.async.shared.global %[[TO]], %[[FROM]], 16, cache = cg, %[[BYTES]]
      // SM80: llvm.getelementptr %[[TO]][1536] :
      // SM80: llvm.getelementptr %[[FROM]][64] :
      // SM80: nvvm.cp.async.shared.global
      // SM80: llvm.getelementptr %[[TO]][3072] :
      // SM80: llvm.getelementptr %[[FROM]][128] :
      // SM80: nvvm.cp.async.shared.global
      // SM80: nvvm.cp.async.mbarrier.arrive %{{.*}} {noinc = true}
      tile.load %in[%batch, %row, %c32] to %ring cache keep : memref<?x?x96xbf16>, !tile.ring<24x96xbf16, stages = 2>
    }
    // CHECK: } else {
    tile.consumers %warpgroup in 1 registers 128 {
      // SM90: nvvm.mbarrier.try_wait.parity
      // A consumer does not sleep.
      // SM80: mbarrier.test_wait.parity.shared.b64 p, [$0], $1; @p bra done; bra again; done:
      %full = tile.consumer_wait %ring : !tile.ring<24x96xbf16, stages = 2>
      // 8 rows of 64 bytes on.
      // CHECK: %[[SLICE:.*]] = arith.addi %{{.*}}, %c512_i32 : i32
      %slice = tile.row_slice %full[%c8] : !tile.smem<24x96xbf16> -> !tile.smem<16x96xbf16>
      // SM90: fence.proxy.async.shared::cta
      // CHECK: "bar.sync $0, $1;", "r,r" %{{.*}}, %c128_i32
      // The panels of a slice are as far apart as those of the tile.
      // SM90: llvm.inttoptr %[[SLICE]] : i32 to !llvm.ptr<3>
      // SM90: nvvm.cp.async.bulk.tensor.global.shared.cta
      // SM90: arith.addi %{{.*}}, %c2048_i32
      // SM90: nvvm.cp.async.bulk.tensor.global.shared.cta
      // SM90: nvvm.cp.async.bulk.commit.group
      //
      // SM80: %[[FROM:.*]] = llvm.inttoptr %{{.*}} : i32 to !llvm.ptr<3>
      // SM80: llvm.load %[[FROM]] {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
      // SM80: "{ .reg .pred p; setp.ne.b32 p, $5, 0; @p st.global.v4.b32 [$0], {$1, $2, $3, $4}; }"
      // SM80: llvm.getelementptr %[[FROM]][1536] :
      // SM80: @p st.global.v4.b32
      // SM80: @p st.global.v4.b32
      tile.store %slice to %out[%batch, %row, %c0] : !tile.smem<16x96xbf16>, memref<?x?x96xbf16>
      // SM90: nvvm.cp.async.bulk.wait_group 0 {read}
      // CHECK: "bar.sync $0, $1;", "r,r" %{{.*}}, %c128_i32
      tile.store_wait
      // CHECK: nvvm.bar.warp.sync
      // CHECK: @p mbarrier.arrive.shared.b64 _, [$0];
      tile.consumer_release %ring : !tile.ring<24x96xbf16, stages = 2>
      // CHECK: "bar.sync $0, $1;"
      // SM90: llvm.inttoptr %[[TILE]]
      // SM80: arith.addi %[[TILE]], %{{.*}} : i32
      tile.store %tile to %out[%batch, %row, %c32] : !tile.smem<64x64xbf16>, memref<?x?x96xbf16>
      tile.store_wait
    }
  }

  // Nothing is known of the column, so sm_80 copies element by element.
  // CHECK-LABEL: llvm.func @anywhere(
  // SM80-NOT: nvvm.cp.async
  tile.kernel @anywhere(%in: memref<?x24xf16>, %out: memref<?x24xf16>, %column: index) {
    %c0 = arith.constant 0 : index
    %ring = tile.ring : !tile.ring<64x64xf16, stages = 1>
    tile.producer registers 40 {
      // SM90: nvvm.cp.async.bulk.tensor.shared.cluster.global
      // SM80: scf.for
      // SM80: %[[HALF:.*]] = scf.if %{{.*}} -> (i16) {
      // SM80: llvm.load %{{.*}} : !llvm.ptr<1> -> i16
      // SM80: llvm.store %[[HALF]], %{{.*}} : i16, !llvm.ptr<3>
      // SM80: "mbarrier.arrive.shared.b64 _, [$0];"
      tile.load %in[%c0, %column] to %ring : memref<?x24xf16>, !tile.ring<64x64xf16, stages = 1>
    }
    // CHECK: } else {
    tile.consumers %warpgroup in 1 registers 128 {
      %full = tile.consumer_wait %ring : !tile.ring<64x64xf16, stages = 1>
      // SM90: nvvm.cp.async.bulk.tensor.global.shared.cta
      // SM80: scf.for
      // SM80: scf.if
      // SM80: llvm.load %{{.*}} : !llvm.ptr<3> -> i16
      // SM80: llvm.store %{{.*}} : i16, !llvm.ptr<1>
      tile.store %full to %out[%c0, %column] : !tile.smem<64x64xf16>, memref<?x24xf16>
      tile.store_wait
    }
  }

  // wgmma alone reads the tiles: one thread of each warpgroup frees them. On sm_80, threads read them.
  // CHECK-LABEL: llvm.func @multiplied(
  // SM90: nvvm.mbarrier.init %{{.*}}, %c1_i32
  // SM90: nvvm.mbarrier.init %{{.*}}, %c2_i32
  // SM80: nvvm.mbarrier.init %{{.*}}, %c128_i32
  // SM80: nvvm.mbarrier.init %{{.*}}, %c8_i32
  tile.kernel @multiplied(%in: memref<?x64xf16>, %out: memref<?x64xf32>) {
    %c0 = arith.constant 0 : index
    %ring = tile.ring : !tile.ring<64x64xf16, stages = 1>
    tile.producer registers 40 {
      tile.load %in[%c0, %c0] to %ring : memref<?x64xf16>, !tile.ring<64x64xf16, stages = 1>
    }
    tile.consumers %warpgroup in 2 registers 128 {
      %full = tile.consumer_wait %ring : !tile.ring<64x64xf16, stages = 1>
      %p = tile.mma %full, %full : !tile.smem<64x64xf16>, !tile.smem<64x64xf16> -> !tile.pending<64x64xf32>
      %r = tile.await %p : !tile.pending<64x64xf32>
      // SM90-NOT: nvvm.bar.warp.sync
      // SM80: nvvm.bar.warp.sync
      // CHECK: mbarrier.arrive.shared.b64
      tile.consumer_release %ring : !tile.ring<64x64xf16, stages = 1>
      tile.write %r to %out[%c0, %c0] : !tile.frag<64x64xf32>, memref<?x64xf32>
    }
  }
}
