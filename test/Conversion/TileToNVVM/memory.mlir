// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm,canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_80},canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM80

// Fragments, rows, columns and vectors from and to memory.

gpu.module @kernels {
  // CHECK-LABEL: llvm.func @shared(
  tile.kernel @shared() {
    %zero = arith.constant 0.0 : f32
    %tile = tile.alloc : !tile.smem<96x64xbf16>
    tile.consumers %warpgroup in 1 registers 128 {
      // The second half of the warps has no rows of its own beyond 96: it reads the last 16 again.
      // CHECK: %[[M:.*]] = arith.minsi %{{.*}}, %c80_i32 : i32
      // CHECK-COUNT-8: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<row>, num = 4
      %a = tile.load_fragment %tile : !tile.smem<96x64xbf16> -> !tile.frag<128x64xbf16, a>
      // CHECK-COUNT-6: nvvm.ldmatrix {{.*}}layout = #nvvm.mma_layout<col>, num = 4
      %t = tile.load_fragment transpose %tile : !tile.smem<96x64xbf16> -> !tile.frag<64x96xbf16, a>
      // CHECK-NOT: nvvm.ldmatrix
      %x = tile.fill %zero : f32 -> !tile.frag<128x64xf32>
      // The first 64 rows are all there.
      // SM90-COUNT-4: nvvm.stmatrix
      // SM90-NOT: nvvm.stmatrix
      // SM90-COUNT-4: @p stmatrix.sync.aligned.m8n8.x4.shared.b16 [$0], {$1, $2, $3, $4};
      // A thread's pairs: its row, 8 rows on, and 8 columns on.
      // SM80-NOT: stmatrix
      // SM80: llvm.store %[[PAIR:.*]], %[[START:.*]] : i32, !llvm.ptr<3>
      // SM80: %[[ROW8:.*]] = llvm.getelementptr %[[START]][1024]
      // SM80: llvm.store %{{.*}}, %[[ROW8]] : i32, !llvm.ptr<3>
      // SM80-COUNT-14: llvm.store %{{.*}} : i32, !llvm.ptr<3>
      // SM80: arith.cmpi slt, %{{.*}}, %c96_i32
      // SM80-COUNT-16: @p st.shared.b32 [$0], $1;
      tile.store_fragment %x to %tile : !tile.frag<128x64xf32>, !tile.smem<96x64xbf16>
      %used = tile.map (%e = %a) : (!tile.frag<128x64xbf16, a>) -> !tile.frag<128x64xf32> {
        %f = arith.extf %e : bf16 to f32
        tile.yield %f : f32
      }
      tile.store_fragment %used to %tile : !tile.frag<128x64xf32>, !tile.smem<96x64xbf16>
    }
  }

  // Two panels of 96 rows of 128 bytes are 6 times 16 bytes of each thread, and the same places of the second panel.
  // CHECK-LABEL: llvm.func @clear_rows(
  tile.kernel @clear_rows(%n: index) {
    %tile = tile.alloc : !tile.smem<96x128xbf16>
    tile.consumers %warpgroup in 2 registers 128 {
      // CHECK-DAG: %[[FIRST:.*]] = arith.muli %{{.*}}, %c128_i32 : i32
      // CHECK-DAG: %[[OWN:.*]] = arith.muli %{{.*}}, %c16_i32 : i32
      // CHECK: %[[CLEARED:.*]] = arith.cmpi sge, %[[OWN]], %[[FIRST]] : i32
      // CHECK: %[[FLAG:.*]] = arith.extui %[[CLEARED]]
      // CHECK: @p st.shared.v4.b32 [$0], {0, 0, 0, 0}; }", "r,r" %[[ADDRESS:.*]], %[[FLAG]]
      // CHECK: %[[SECOND:.*]] = arith.addi %[[ADDRESS]], %c12288_i32
      // CHECK: @p st.shared.v4.b32 {{.*}}, "r,r" %[[SECOND]], %[[FLAG]]
      // CHECK-COUNT-10: @p st.shared.v4.b32
      // CHECK-NOT: st.shared.v4
      // The matrix units read through another proxy.
      // SM90: fence.proxy.async.shared::cta;
      // SM80-NOT: fence.proxy
      // CHECK: bar.sync $0, $1;
      tile.clear_rows %tile from %n : !tile.smem<96x128xbf16>
    }
  }

  // A slice of 24 rows of 32 bytes: not all threads have a place in it, and panels are as far apart as those of the whole.
  // CHECK-LABEL: llvm.func @clear_slice(
  tile.kernel @clear_slice(%n: index) {
    %c8 = arith.constant 8 : index
    %tile = tile.alloc : !tile.smem<64x48xbf16>
    tile.consumers %warpgroup in 1 registers 128 {
      %slice = tile.row_slice %tile[%c8] : !tile.smem<64x48xbf16> -> !tile.smem<24x48xbf16>
      // CHECK: arith.cmpi sle, %[[OWN:.*]], %c767_i32 : i32
      // CHECK: @p st.shared.v4.b32 {{.*}} %[[START:.*]], %{{.*}} : (i32, i32)
      // CHECK: %[[NEXT:.*]] = arith.addi %[[START]], %c2048_i32
      // CHECK: @p st.shared.v4.b32 {{.*}} %[[NEXT]], %{{.*}} : (i32, i32)
      // CHECK-COUNT-1: @p st.shared.v4.b32
      // CHECK-NOT: st.shared.v4
      tile.clear_rows %slice from %n : !tile.smem<24x48xbf16>
    }
  }

  // CHECK-LABEL: llvm.func @global(
  // CHECK-SAME: %[[F:[^:]*]]: !llvm.ptr<1>, %[[N:[^:]*]]: i64, %[[H:[^:]*]]: !llvm.ptr<1>
  tile.kernel @global(%f: memref<?x8xf32>, %h: memref<4x64x8xbf16>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    tile.consumers %warpgroup in 1 registers 128 {
      // CHECK: %[[ROWS:.*]] = arith.trunci %[[N]] : i64 to i32
      // CHECK: %[[ROW:.*]] = arith.cmpi ult, %{{.*}}, %[[ROWS]] : i32
      // CHECK: %[[COLUMN:.*]] = arith.cmpi ult, %{{.*}}, %c8_i32 : i32
      // CHECK: %[[BOTH:.*]] = arith.andi %[[ROW]], %[[COLUMN]] : i1
      // CHECK: %[[INSIDE:.*]] = arith.extui %[[BOTH]] : i1 to i32
      // CHECK: mov.b32 $0, 0; @p ld.global.f32 $0, [$1]; }", "=&f,l,r" %{{.*}}, %[[INSIDE]]
      // CHECK-COUNT-3: @p ld.global.f32
      %x = tile.read %f[%c0, %c1] : memref<?x8xf32> -> !tile.frag<64x8xf32>
      // From an even column on, two neighbours are inside or none is.
      // CHECK-COUNT-2: @p ld.global.v2.f32 {$0, $1}, [$2]; }", "=&f,=&f,l,r"
      // CHECK-NOT: ld.global.{{.*}}f32
      %p = tile.read %f[%c0, %c0] : memref<?x8xf32> -> !tile.frag<64x8xf32>
      // CHECK-COUNT-2: @p ld.global.b16
      %r = tile.read %h[%c1, %c0, %c1] : memref<4x64x8xbf16> -> !tile.rows<64xf32>
      // CHECK-COUNT-2: @p ld.global.b16
      %c = tile.read %h[%c1, %c0, %c1] : memref<4x64x8xbf16> -> !tile.cols<8xf32>
      // CHECK-COUNT-4: @p ld.global.b16
      // CHECK-NOT: ld.global
      %v = tile.read %h[%c1, %c0, %c1] : memref<4x64x8xbf16> -> !tile.vec<128xf32>
      // CHECK-COUNT-4: @p st.global.b16 [$0], $1;
      tile.write %x to %h[%c1, %c0, %c0] : !tile.frag<64x8xf32>, memref<4x64x8xbf16>
      // CHECK-COUNT-2: @p st.global.v2.f32 [$0], {$1, $2};
      // CHECK-NOT: st.global.v2
      tile.write %p to %f[%c0, %c0] : !tile.frag<64x8xf32>, memref<?x8xf32>
      // CHECK-COUNT-2: @p st.global.f32 [$0], $1;
      tile.write %r to %f[%c0, %c0] : !tile.rows<64xf32>, memref<?x8xf32>
      // CHECK-COUNT-2: @p st.global.f32 [$0], $1;
      tile.write %c to %f[%c0, %c0] : !tile.cols<8xf32>, memref<?x8xf32>
      // CHECK-COUNT-4: @p st.global.f32 [$0], $1;
      // CHECK-NOT: st.global
      tile.write %v to %f[%c0, %c0] : !tile.vec<128xf32>, memref<?x8xf32>
    }
  }
}
