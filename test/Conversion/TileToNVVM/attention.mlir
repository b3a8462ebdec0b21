// RUN: transmamba-opt %s | FileCheck %s
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm))' | FileCheck %s --check-prefix=NVVM

// Causal attention of 128 queries of one head, for a head dimension of 96.
//
// The producer loads the queries once, then keys and values tile by tile, from
// the diagonal down. Each of the two consumer warpgroups owns 64 queries. In the
// loop, the scores of one tile and the values of the tile before are multiplied
// while the exponentials of the other warpgroup are computed.

// CHECK: tile.kernel @attention(
// CHECK: tile.producer registers 24 {
// CHECK: tile.consumers %{{.*}} in
// NVVM: llvm.func @attention({{.*}}nvvm.grid_constant
// NVVM-SAME: nvvm.reqntid = array<i32: 384, 1, 1>
// NVVM-SAME: kind = "map"
// NVVM: nvvm.setmaxregister decrease 24
// NVVM: nvvm.setmaxregister increase 240
// NVVM-COUNT-6: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// NVVM: wgmma.wait_group.sync.aligned 0;
// NVVM: scf.for
// NVVM-COUNT-6: wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// NVVM-COUNT-8: wgmma.mma_async.sync.aligned.m64n96k16.f32.bf16.bf16
// The scores are awaited while the values are still multiplied.
// NVVM: wgmma.wait_group.sync.aligned 1;
// NVVM: nanosleep
// NVVM: wgmma.wait_group.sync.aligned 0;
// NVVM-NOT: {{ tile\.}}

gpu.module @kernels {
  tile.kernel @attention(%q: memref<?x?x1536xbf16>, %k: memref<?x?x1536xbf16>,
                         %v: memref<?x?x1536xbf16>, %o: memref<?x?x1536xbf16>, %scale: f32) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %c96 = arith.constant 96 : index
    %c128 = arith.constant 128 : index
    %zero = arith.constant 0.0 : f32
    // Long blocks first: the last queries see the most keys.
    %batch = tile.block_id z
    %head = tile.block_id x
    %y = tile.block_id y
    %blocks = tile.grid_dim y
    %tiles = arith.subi %blocks, %y : index
    %block = arith.subi %tiles, %c1 : index
    %first_query = arith.muli %block, %c128 : index
    %first_column = arith.muli %head, %c96 : index

    %queries = tile.ring : !tile.ring<128x96xbf16, stages = 1>
    %keys = tile.ring : !tile.ring<128x96xbf16, stages = 2>
    %values = tile.ring : !tile.ring<128x96xbf16, stages = 2>

    tile.producer registers 24 {
      tile.load %q[%batch, %first_query, %first_column] to %queries : memref<?x?x1536xbf16>, !tile.ring<128x96xbf16, stages = 1>
      scf.for %i = %c0 to %tiles step %c1 {
        %before = arith.subi %block, %i : index
        %first_key = arith.muli %before, %c128 : index
        tile.load %k[%batch, %first_key, %first_column] to %keys : memref<?x?x1536xbf16>, !tile.ring<128x96xbf16, stages = 2>
        tile.load %v[%batch, %first_key, %first_column] to %values : memref<?x?x1536xbf16>, !tile.ring<128x96xbf16, stages = 2>
      }
    }

    tile.consumers %warpgroup in 2 registers 240 {
      %own = arith.muli %warpgroup, %c64 : index
      %first_row = arith.addi %first_query, %own : index
      %all_q = tile.consumer_wait %queries : !tile.ring<128x96xbf16, stages = 1>
      %qw = tile.row_slice %all_q[%own] : !tile.smem<128x96xbf16> -> !tile.smem<64x96xbf16>

      // The diagonal tile: key j is seen by the queries i >= j.
      %k0 = tile.consumer_wait %keys : !tile.ring<128x96xbf16, stages = 2>
      %s0 = tile.mma %qw, %k0 transpose_b : !tile.smem<64x96xbf16>, !tile.smem<128x96xbf16> -> !tile.pending<64x128xf32>
      %s1 = tile.await %s0 : !tile.pending<64x128xf32>
      tile.consumer_release %keys : !tile.ring<128x96xbf16, stages = 2>
      %s2 = tile.mask %s1 queries %first_row keys %first_query : !tile.frag<64x128xf32>
      %m0 = tile.row_reduce max %s2 : !tile.frag<64x128xf32> -> !tile.rows<64xf32>
      %p0 = tile.exp2 %s2 minus %m0 times %scale : !tile.frag<64x128xf32>, !tile.rows<64xf32>
      %l0 = tile.row_reduce sum %p0 : !tile.frag<64x128xf32> -> !tile.rows<64xf32, partial>
      %w0 = tile.cast %p0 : !tile.frag<64x128xf32> -> !tile.frag<64x128xbf16, a>
      %o0 = tile.fill %zero : f32 -> !tile.frag<64x96xf32>

      %acc:4 = scf.for %i = %c1 to %tiles step %c1 iter_args(%oi = %o0, %w = %w0, %m = %m0, %l = %l0)
          -> (!tile.frag<64x96xf32>, !tile.frag<64x128xbf16, a>, !tile.rows<64xf32>, !tile.rows<64xf32, partial>) {
        %kt = tile.consumer_wait %keys : !tile.ring<128x96xbf16, stages = 2>
        tile.turn_wait
        %sp = tile.mma %qw, %kt transpose_b : !tile.smem<64x96xbf16>, !tile.smem<128x96xbf16> -> !tile.pending<64x128xf32>
        %vt = tile.consumer_wait %values : !tile.ring<128x96xbf16, stages = 2>
        %op = tile.mma %w, %vt acc %oi : !tile.frag<64x128xbf16, a>, !tile.smem<128x96xbf16>, !tile.frag<64x96xf32> -> !tile.pending<64x96xf32>
        tile.turn_pass

        %s = tile.await %sp : !tile.pending<64x128xf32>
        tile.consumer_release %keys : !tile.ring<128x96xbf16, stages = 2>
        %mn = tile.row_reduce max %s onto %m : !tile.frag<64x128xf32> -> !tile.rows<64xf32>
        // Everything so far was relative to the old maximum.
        %rescale = tile.exp2 %m minus %mn times %scale : !tile.rows<64xf32>, !tile.rows<64xf32>
        %p = tile.exp2 %s minus %mn times %scale : !tile.frag<64x128xf32>, !tile.rows<64xf32>
        %lt = tile.row_reduce sum %p : !tile.frag<64x128xf32> -> !tile.rows<64xf32, partial>
        %ln = tile.map math.fma (%l, %rescale, %lt) : (!tile.rows<64xf32, partial>, !tile.rows<64xf32>, !tile.rows<64xf32, partial>) -> !tile.rows<64xf32, partial>
        %oa = tile.await %op after %ln : !tile.rows<64xf32, partial>, !tile.pending<64x96xf32>
        tile.consumer_release %values : !tile.ring<128x96xbf16, stages = 2>
        %on = tile.map arith.mulf (%oa, %rescale) : (!tile.frag<64x96xf32>, !tile.rows<64xf32>) -> !tile.frag<64x96xf32>
        %wn = tile.cast %p : !tile.frag<64x128xf32> -> !tile.frag<64x128xbf16, a>
        scf.yield %on, %wn, %mn, %ln : !tile.frag<64x96xf32>, !tile.frag<64x128xbf16, a>, !tile.rows<64xf32>, !tile.rows<64xf32, partial>
      }

      %vl = tile.consumer_wait %values : !tile.ring<128x96xbf16, stages = 2>
      %ol = tile.mma %acc#1, %vl acc %acc#0 : !tile.frag<64x128xbf16, a>, !tile.smem<128x96xbf16>, !tile.frag<64x96xf32> -> !tile.pending<64x96xf32>
      %of = tile.await %ol : !tile.pending<64x96xf32>
      tile.consumer_release %values : !tile.ring<128x96xbf16, stages = 2>
      %sum = tile.complete %acc#3 : !tile.rows<64xf32, partial>
      %result = tile.map arith.divf {fastmath = #arith.fastmath<fast>} (%of, %sum) : (!tile.frag<64x96xf32>, !tile.rows<64xf32>) -> !tile.frag<64x96xf32>
      // The queries are read; their place takes the result.
      tile.store_fragment %result to %qw : !tile.frag<64x96xf32>, !tile.smem<64x96xbf16>
      tile.store %qw to %o[%batch, %first_row, %first_column] : !tile.smem<64x96xbf16>, memref<?x?x1536xbf16>
      tile.store_wait
    }
  }
}
