// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm,canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_80},canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM80

// Multiplication: by warpgroups out of shared memory, or by warps out of registers.

gpu.module @kernels {
  // CHECK-LABEL: llvm.func @tiles(
  tile.kernel @tiles(%out: memref<?x24xf32>) {
    %c0 = arith.constant 0 : index
    %a = tile.alloc : !tile.smem<64x32xbf16>
    %b = tile.alloc : !tile.smem<24x32xbf16>
    tile.consumers %warpgroup in 1 registers 128 {
      // SM90: "wgmma.fence.sync.aligned;"
      // Two terms of 16; the first one starts from zero.
      // SM90: setp.ne.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n24k16.f32.bf16.bf16 {{.*}}, $24, $25, p, 1, 1, 0, 0;
      // SM90: setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n24k16.f32.bf16.bf16
      // SM90: "wgmma.commit_group.sync.aligned;"
      //
      // 16 rows of this warp, then 16 columns of the result, then the 8 that are left.
      // SM80: %[[A:.*]] = nvvm.ldmatrix %{{.*}} {{{.*}}layout = #nvvm.mma_layout<row>, num = 4 : i32
      // SM80: %[[A00:.*]] = llvm.extractvalue %[[A]][0]
      // SM80: %[[B:.*]] = nvvm.ldmatrix %[[B0:[0-9]+]] {{{.*}}layout = #nvvm.mma_layout<row>, num = 4 : i32
      // SM80: %[[B00:.*]] = llvm.extractvalue %[[B]][0]
      // SM80: %[[B01:.*]] = llvm.extractvalue %[[B]][1]
      // SM80: %[[D:.*]] = nvvm.mma.sync A[%[[A00]], %{{.*}}, %{{.*}}, %{{.*}}] B[%[[B00]], %[[B01]]] C[%cst, %cst, %cst, %cst]
      // SM80-SAME: multiplicandAPtxType = #nvvm.mma_type<bf16>{{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
      // SM80: %[[D0:.*]] = llvm.extractvalue %[[D]][0]
      // SM80: nvvm.mma.sync
      // 16 rows of 64 bytes on.
      // SM80: %[[B16:.*]] = llvm.getelementptr %[[B0]][1024]
      // SM80: nvvm.ldmatrix %[[B16]] {{{.*}}num = 2 : i32
      // SM80: nvvm.mma.sync
      // SM80: nvvm.ldmatrix %{{.*}} {{{.*}}num = 4 : i32
      // SM80: nvvm.ldmatrix %{{.*}} {{{.*}}num = 4 : i32
      // SM80: nvvm.mma.sync {{.*}} C[%[[D0]],
      // SM80-COUNT-2: nvvm.mma.sync
      // SM80-NOT: nvvm.mma.sync
      %p = tile.mma %a, %b transpose_b : !tile.smem<64x32xbf16>, !tile.smem<24x32xbf16> -> !tile.pending<64x24xf32>
      // SM90: "wgmma.wait_group.sync.aligned 0;"
      // SM80-NOT: wait_group
      // SM80: @p st.global.v2.f32
      %r = tile.await %p : !tile.pending<64x24xf32>
      tile.write %r to %out[%c0, %c0] : !tile.frag<64x24xf32>, memref<?x24xf32>
    }
  }

  // CHECK-LABEL: llvm.func @registers(
  tile.kernel @registers(%out: memref<?x32xf32>) {
    %c0 = arith.constant 0 : index
    %one = arith.constant 1.0 : f32
    %b = tile.alloc : !tile.smem<16x32xf16>
    tile.consumers %warpgroup in 1 registers 128 {
      %ones = tile.fill %one : f32 -> !tile.frag<128x16xf32>
      %a = tile.cast %ones : !tile.frag<128x16xf32> -> !tile.frag<128x16xf16, a>
      %acc = tile.fill %one : f32 -> !tile.frag<128x32xf32>
      // One for each 64 rows; a tile whose rows are the terms is transposed.
      // SM90: setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 {{.*}}, {$32, $33, $34, $35}, $36, p, 1, 1, 1;
      // SM90: setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 {{.*}}, {$32, $33, $34, $35}, $36, p, 1, 1, 1;
      //
      // One load for both times 16 rows.
      // SM80: nvvm.ldmatrix %{{.*}} {{{.*}}layout = #nvvm.mma_layout<col>, num = 4 : i32
      // SM80: llvm.bitcast %{{.*}} : i32 to vector<2xf16>
      // SM80-COUNT-4: nvvm.mma.sync
      // SM80: nvvm.ldmatrix
      // SM80-COUNT-4: nvvm.mma.sync
      %p = tile.mma %a, %b acc %acc : !tile.frag<128x16xf16, a>, !tile.smem<16x32xf16>, !tile.frag<128x32xf32> -> !tile.pending<128x32xf32>
      // Of two multiplications, the first may be awaited while the second goes on.
      // SM80: nvvm.ldmatrix
      // SM80-COUNT-4: nvvm.mma.sync
      // SM80: nvvm.ldmatrix
      // SM80-COUNT-4: nvvm.mma.sync
      // SM80-NOT: nvvm.mma.sync
      // SM80-NOT: wait_group
      // SM80: @p st.global.v2.f32
      %q = tile.mma %a, %b : !tile.frag<128x16xf16, a>, !tile.smem<16x32xf16> -> !tile.pending<128x32xf32>
      // SM90: "wgmma.wait_group.sync.aligned 1;"
      %r = tile.await %p : !tile.pending<128x32xf32>
      tile.write %r to %out[%c0, %c0] : !tile.frag<128x32xf32>, memref<?x32xf32>
      // SM90: "wgmma.wait_group.sync.aligned 3;", ""
      tile.drain keep 3
      // SM90: nanosleep
      // SM90: "wgmma.wait_group.sync.aligned 0;"
      %rows = tile.row_reduce sum %r : !tile.frag<128x32xf32> -> !tile.rows<128xf32>
      %s = tile.await %q after %rows : !tile.rows<128xf32>, !tile.pending<128x32xf32>
      tile.write %s to %out[%c0, %c0] : !tile.frag<128x32xf32>, memref<?x32xf32>
    }
  }
}
