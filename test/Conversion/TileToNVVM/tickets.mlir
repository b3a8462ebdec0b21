// Items of work that blocks draw: numbers go from the producer to the consumers through shared memory, and a word of the control buffer for
// each item says in which launch it was published.
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm))' | FileCheck %s
// RUN: not transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_80}))' 2>&1 | FileCheck %s --check-prefix=SM80

// SM80: error: 'tile.tickets' op is lowered for chips with a copy engine, not for sm_80

// CHECK-LABEL: llvm.func @persistent(
gpu.module @kernels {
  tile.kernel @persistent(%in: memref<?x192xbf16>, %sums: memref<?x64xf32>, %control: memref<?xi32>, %n: index) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %c96 = arith.constant 96 : index
    %ring = tile.ring : !tile.ring<128x96xbf16, stages = 2>
    // One thread reads which launch this is, and makes the barriers: full counts the producer, empty the warps.
    // CHECK:         scf.if
    // CHECK:           ld.relaxed.gpu.global.b32 x, [$0]; add.u32 x, x, 1; st.shared.b32 [$1], x;
    // CHECK-COUNT-4:   nvvm.mbarrier.init
    // CHECK:           nvvm.fence.mbarrier.init
    // CHECK:         nvvm.barrier0
    %work = tile.tickets %n from %control : memref<?xi32>
    // CHECK:         nvvm.setmaxregister decrease 40
    tile.producer registers 40 {
      // Every item is drawn from the counter, so that no item belongs to a block that does not run yet.
      // CHECK:         scf.while (%[[I:.*]] = %{{.*}}) : (i32) -> (i32, i32) {
      // CHECK:           nvvm.mbarrier.try_wait.parity
      // CHECK-NOT:       scf.if
      // CHECK-NOT:       ctaid
      // CHECK:           atom.relaxed.gpu.global.add.u32
      // CHECK:           st.shared.b32 [$0], $1; mbarrier.arrive.shared.b64 _, [$2];
      // CHECK:           scf.condition
      tile.work_loop %item of %work {
        // One thread waits, and copies see what it has seen.
        // CHECK:           scf.for
        // CHECK:             ld.acquire.gpu.global.b32
        // CHECK-NOT:         vote
        // CHECK:           fence.proxy.async;
        tile.look_back %c0 count %item stride %c1 of %work
        %row = arith.muli %item, %c64 : index
        // Two boxes of 64 rows and three panels of 32 columns.
        // CHECK-COUNT-6:   nvvm.cp.async.bulk.tensor.shared.cluster.global
        tile.load %in[%row, %c0], [%row, %c96] to %ring : memref<?x192xbf16>, !tile.ring<128x96xbf16, stages = 2>
        // CHECK-NOT:       nvvm.cp.async.bulk.tensor
      }
      // The last block that leaves sets the counters back.
      // CHECK:         atom.acq_rel.gpu.global.add.u32 x, [$0+4], 1; setp.eq.u32 p, x, $1;
    }
    tile.consumers %warpgroup in 2 registers 232 {
      // CHECK:         scf.while
      // CHECK:           nvvm.mbarrier.try_wait.parity
      // CHECK:           ld.shared.b32
      // CHECK:           nvvm.shfl.sync idx
      // CHECK:           scf.condition
      tile.work_loop %item of %work {
        // Tile, phase and held tile are one number.
        // CHECK:           %[[CURSOR:.*]] = llvm.load %[[PLACE:.*]] : !llvm.ptr -> i32
        // CHECK:           arith.andi %[[CURSOR]], %{{.*}} : i32
        // CHECK:           nvvm.mbarrier.try_wait.parity
        // CHECK:           llvm.store %{{.*}}, %[[PLACE]] : i32, !llvm.ptr
        %tile = tile.consumer_wait %ring : !tile.ring<128x96xbf16, stages = 2>
        // 32 items at once; branches are the same for all lanes.
        // CHECK:           ld.acquire.gpu.global.b32 x, [$0]; {{.*}} @p trap; {{.*}} vote.sync.all.pred
        // CHECK:           bar.warp.sync
        tile.look_back %c0 count %item stride %c1 of %work
        // A thread's number is a new one in each item.
        // CHECK:           arith.shrui %{{.*}}, %{{.*}} : i32
        // CHECK:           mbarrier.arrive
        // CHECK:           llvm.store %{{.*}}, %[[PLACE]] : i32, !llvm.ptr
        tile.consumer_release %ring : !tile.ring<128x96xbf16, stages = 2>
        // CHECK:           cp.async.bulk.wait_group 0; fence.proxy.async; bar.sync $0, $1;
        // CHECK:           @p st.release.gpu.global.b32 [$0], $1;
        tile.publish %item of %work
        // CHECK:           mbarrier.arrive
      }
    }
  }
}
