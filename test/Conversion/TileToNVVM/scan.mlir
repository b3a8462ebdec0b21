// RUN: transmamba-opt %s | FileCheck %s
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm))' | FileCheck %s --check-prefix=NVVM
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_80}))' | FileCheck %s --check-prefix=SM80

// The SSD scan of one head of one sequence, in chunks of 64 tokens.
//
//   h_t = exp(A dt_t) h_{t-1} + dt_t k_t v_t^T,   y_t = q_t h_t
//
// With a_t the sum of log2(exp(A dt)) over the tokens of the chunk up to t, a
// chunk gives y = (q k^T * 2^(a_i + log2(dt_j) - a_j), j <= i) v + 2^a_i q h, and
// leaves the state 2^a_63 h + (k * 2^(a_63 + log2(dt) - a))^T v.

// CHECK: tile.kernel @ssd_scan(
// CHECK: tile.producer registers 24 {
// CHECK: tile.consumers %{{.*}} in
// NVVM: llvm.func @ssd_scan({{.*}}nvvm.grid_constant
// NVVM-SAME: nvvm.reqntid = array<i32: 256, 1, 1>
// NVVM-SAME: kind = "map"
// NVVM: nvvm.setmaxregister increase 232
// NVVM: scf.for
// NVVM-COUNT-6: wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
// NVVM: nvvm.ldmatrix {{.*}}col
// NVVM: mul.rn.bf16x2
// NVVM-NOT: {{ tile\.}}
// SM80: llvm.func @ssd_scan(
// SM80-NOT: kind = "map"
// SM80-SAME: nvvm.reqntid = array<i32: 256, 1, 1>
// SM80-COUNT-18: nvvm.cp.async.shared.global
// SM80-NOT: nvvm.cp.async.shared.global
// SM80: } else {
// SM80: scf.for
// SM80-COUNT-48: nvvm.mma.sync
// SM80-COUNT-72: nvvm.mma.sync
// SM80-COUNT-48: nvvm.mma.sync
// SM80: nvvm.ldmatrix {{.*}}col
// SM80: fma.rn.bf16x2
// SM80-COUNT-96: nvvm.mma.sync
// SM80-NOT: nvvm.mma.sync
// SM80-COUNT-6: st.global.v4.b32
// SM80-NOT: {{ tile\.}}

gpu.module @kernels {
  tile.kernel @ssd_scan(%q: memref<?x?x1536xbf16>, %k: memref<?x?x1536xbf16>, %v: memref<?x?x1536xbf16>,
                        %dt: memref<?x?x16xf32>, %a: memref<16xf32>, %y: memref<?x?x1536xbf16>,
                        %final: memref<?x16x96x96xf32>) attributes {occupancy = 2 : i32} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c63 = arith.constant 63 : index
    %c64 = arith.constant 64 : index
    %c96 = arith.constant 96 : index
    %zero = arith.constant 0.0 : f32
    %log2e = arith.constant 1.44269504 : f32
    %head = tile.block_id x
    %batch = tile.block_id y
    %column = arith.muli %head, %c96 : index
    %tokens = memref.dim %q, %c1 : memref<?x?x1536xbf16>
    %up = arith.addi %tokens, %c63 : index
    %chunks = arith.divui %up, %c64 : index

    %qs = tile.ring : !tile.ring<64x96xbf16, stages = 2>
    %ks = tile.ring : !tile.ring<64x96xbf16, stages = 2>
    %vs = tile.ring : !tile.ring<64x96xbf16, stages = 2>
    %state = tile.alloc : !tile.smem<96x96xbf16>
    %results = tile.alloc : !tile.smem<64x96xbf16>

    tile.producer registers 24 {
      scf.for %i = %c0 to %chunks step %c1 {
        %t = arith.muli %i, %c64 : index
        tile.load %q[%batch, %t, %column] to %qs : memref<?x?x1536xbf16>, !tile.ring<64x96xbf16, stages = 2>
        tile.load %k[%batch, %t, %column] to %ks : memref<?x?x1536xbf16>, !tile.ring<64x96xbf16, stages = 2>
        tile.load %v[%batch, %t, %column] to %vs : memref<?x?x1536xbf16>, !tile.ring<64x96xbf16, stages = 2>
      }
    }

    tile.consumers %warpgroup in 1 registers 232 {
      %rate = memref.load %a[%head] : memref<16xf32>
      %rate2 = arith.mulf %rate, %log2e : f32
      %h0 = tile.fill %zero : f32 -> !tile.frag<128x96xf32>
      tile.store_fragment %h0 to %state : !tile.frag<128x96xf32>, !tile.smem<96x96xbf16>
      tile.barrier
      %dt0 = tile.read %dt[%batch, %c0, %head] : memref<?x?x16xf32> -> !tile.vec<64xf32>

      %end:2 = scf.for %i = %c0 to %chunks step %c1 iter_args(%h = %h0, %d = %dt0) -> (!tile.frag<128x96xf32>, !tile.vec<64xf32>) {
        %t = arith.muli %i, %c64 : index
        %t1 = arith.addi %t, %c64 : index
        %next = tile.read %dt[%batch, %t1, %head] : memref<?x?x16xf32> -> !tile.vec<64xf32>

        %qt = tile.consumer_wait %qs : !tile.ring<64x96xbf16, stages = 2>
        %kt = tile.consumer_wait %ks : !tile.ring<64x96xbf16, stages = 2>
        %sp = tile.mma %qt, %kt transpose_b : !tile.smem<64x96xbf16>, !tile.smem<64x96xbf16> -> !tile.pending<64x64xf32>

        // Beyond the sequence dt is 0: no decay, and log2(dt) is -inf.
        %step = tile.map (%x = %d) : (!tile.vec<64xf32>) -> !tile.vec<64xf32> {
          %e = arith.mulf %x, %rate2 : f32
          tile.yield %e : f32
        }
        %decay = tile.prefix_sum %step : !tile.vec<64xf32>
        %weight = tile.map (%x = %d, %s = %decay) : (!tile.vec<64xf32>, !tile.vec<64xf32>) -> !tile.vec<64xf32> {
          %log = math.log2 %x : f32
          %e = arith.subf %log, %s : f32
          tile.yield %e : f32
        }
        %last = tile.element %decay[63] : !tile.vec<64xf32>
        %total = math.exp2 %last : f32
        %ai = tile.spread %decay : !tile.vec<64xf32> -> !tile.rows<64xf32>
        %wj = tile.spread %weight : !tile.vec<64xf32> -> !tile.cols<64xf32>

        %s = tile.await %sp : !tile.pending<64x64xf32>
        %p = tile.map (%x = %s, %r = %ai, %w = %wj) [%row, %col] : (!tile.frag<64x64xf32>, !tile.rows<64xf32>, !tile.cols<64xf32>) -> !tile.frag<64x64xf32> {
          %log = arith.addf %r, %w : f32
          %factor = math.exp2 %log : f32
          %e = arith.mulf %x, %factor : f32
          %seen = arith.cmpi sge, %row, %col : index
          %f = arith.select %seen, %e, %zero : f32
          tile.yield %f : f32
        }
        %pa = tile.cast %p : !tile.frag<64x64xf32> -> !tile.frag<64x64xbf16, a>
        %yp = tile.mma %qt, %state : !tile.smem<64x96xbf16>, !tile.smem<96x96xbf16> -> !tile.pending<64x96xf32>
        %y0 = tile.await %yp : !tile.pending<64x96xf32>
        %y1 = tile.map (%x = %y0, %r = %ai) : (!tile.frag<64x96xf32>, !tile.rows<64xf32>) -> !tile.frag<64x96xf32> {
          %factor = math.exp2 %r : f32
          %e = arith.mulf %x, %factor : f32
          tile.yield %e : f32
        }
        %vt = tile.consumer_wait %vs : !tile.ring<64x96xbf16, stages = 2>
        %yq = tile.mma %pa, %vt acc %y1 : !tile.frag<64x64xbf16, a>, !tile.smem<64x96xbf16>, !tile.frag<64x96xf32> -> !tile.pending<64x96xf32>

        %yr = tile.await %yq : !tile.pending<64x96xf32>
        // Its barrier: every warp has read the old state and the queries.
        tile.store_wait
        tile.consumer_release %qs : !tile.ring<64x96xbf16, stages = 2>
        tile.store_fragment %yr to %results : !tile.frag<64x96xf32>, !tile.smem<64x96xbf16>

        %hs = tile.map (%x = %h) : (!tile.frag<128x96xf32>) -> !tile.frag<128x96xf32> {
          %e = arith.mulf %x, %total : f32
          tile.yield %e : f32
        }
        %kT = tile.load_fragment transpose %kt : !tile.smem<64x96xbf16> -> !tile.frag<128x64xbf16, a>
        %left = tile.map (%w = %wj) : (!tile.cols<64xf32>) -> !tile.cols<64xf32> {
          %log = arith.addf %w, %last : f32
          %e = math.exp2 %log : f32
          tile.yield %e : f32
        }
        %kw = tile.scale_columns %kT by %left : !tile.frag<128x64xbf16, a>, !tile.cols<64xf32>
        %hp = tile.mma %kw, %vt acc %hs : !tile.frag<128x64xbf16, a>, !tile.smem<64x96xbf16>, !tile.frag<128x96xf32> -> !tile.pending<128x96xf32>

        %hn = tile.await %hp : !tile.pending<128x96xf32>
        tile.consumer_release %ks : !tile.ring<64x96xbf16, stages = 2>
        tile.consumer_release %vs : !tile.ring<64x96xbf16, stages = 2>
        tile.store_fragment %hn to %state : !tile.frag<128x96xf32>, !tile.smem<96x96xbf16>
        tile.store %results to %y[%batch, %t, %column] : !tile.smem<64x96xbf16>, memref<?x?x1536xbf16>
        scf.yield %hn, %next : !tile.frag<128x96xf32>, !tile.vec<64xf32>
      }
      tile.write %end#0 to %final[%batch, %head, %c0, %c0] : !tile.frag<128x96xf32>, memref<?x16x96x96xf32>
      tile.store_wait
    }
  }
}
