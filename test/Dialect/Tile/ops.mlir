// Every operation with every optional part, and bare.
// RUN: %build_dir/bin/transmamba-opt %s --verify-roundtrip | FileCheck %s
// RUN: transmamba-opt %s --emit-bytecode | transmamba-opt | FileCheck %s
// RUN: transmamba-opt %s --mlir-print-op-generic | transmamba-opt | FileCheck %s

// CHECK-LABEL: tile.kernel @copy(%{{.*}}: memref<?x64xbf16>, %{{.*}}: memref<?x64xbf16>) {
tile.kernel @copy(%in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  // CHECK: tile.block_id x
  %block = tile.block_id x
  %row = arith.muli %block, %c64 : index
  // CHECK: tile.ring : !tile.ring<64x64xbf16, stages = 1>
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 1>
  // CHECK: tile.producer registers 40 {
  tile.producer registers 40 {
    // CHECK: tile.load %{{.*}}[%{{.*}}, %{{.*}}] to %{{.*}} : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
    tile.load %in[%row, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 1>
    // CHECK-NEXT: }
  }
  // CHECK: tile.consumers %{{.*}} in 1 registers 128 {
  tile.consumers %warpgroup in 1 registers 128 {
    // CHECK: tile.consumer_wait %{{.*}} : !tile.ring<64x64xbf16, stages = 1>
    %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 1>
    // CHECK: tile.store %{{.*}} to %{{.*}}[%{{.*}}, %{{.*}}] : !tile.smem<64x64xbf16>, memref<?x64xbf16>
    tile.store %tile to %out[%row, %c0] : !tile.smem<64x64xbf16>, memref<?x64xbf16>
    // CHECK: tile.store_wait
    tile.store_wait
    // CHECK: tile.consumer_release %{{.*}} : !tile.ring<64x64xbf16, stages = 1>
    tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 1>
  }
}

// CHECK-LABEL: func.func @launch
func.func @launch(%n: index, %in: memref<?x64xbf16>, %out: memref<?x64xbf16>) {
  // CHECK: tile.launch @copy grid(%{{.*}}, %{{.*}}, %{{.*}}) ins(%{{.*}} : memref<?x64xbf16>) outs(%{{.*}} : memref<?x64xbf16>)
  tile.launch @copy grid(%n, %n, %n) ins(%in : memref<?x64xbf16>) outs(%out : memref<?x64xbf16>)
  // CHECK: tile.launch @copy grid(%{{.*}}, %{{.*}}, %{{.*}}) flop(%{{.*}}) bytes(%{{.*}}) ins(%{{.*}} : memref<?x64xbf16>) outs(
  tile.launch @copy grid(%n, %n, %n) flop(%n) bytes(%n) ins(%in : memref<?x64xbf16>) outs(%out : memref<?x64xbf16>)
  // CHECK: tile.launch @empty grid(%{{.*}}, %{{.*}}, %{{.*}}){{$}}
  tile.launch @empty grid(%n, %n, %n)
  return
}

// CHECK-LABEL: tile.kernel @empty() {
tile.kernel @empty() {
  tile.consumers %warpgroup in 3 registers 24 {
  }
}

// CHECK-LABEL: tile.kernel @shared
// CHECK-SAME: attributes {occupancy = 2 : i32}
tile.kernel @shared() attributes {occupancy = 2 : i32} {
  tile.consumers %warpgroup in 1 registers 24 {
  }
}

// CHECK-LABEL: tile.kernel @structure(%{{.*}}: memref<2x?x64xf32>, %{{.*}}: index, %{{.*}}: f32)
tile.kernel @structure(%x: memref<2x?x64xf32>, %n: index, %s: f32) {
  %some = arith.cmpi slt, %n, %n : index
  // CHECK: tile.block_id y
  %y = tile.block_id y
  // CHECK: tile.grid_dim z
  %z = tile.grid_dim z
  // CHECK: tile.alloc : !tile.smem<64x64xf32>
  %a = tile.alloc : !tile.smem<64x64xf32>
  %h = tile.alloc : !tile.smem<64x64xbf16>
  %r = tile.ring : !tile.ring<64x64xf32, stages = 2>
  tile.producer registers 24 {
    // CHECK: tile.load {{.*}} to %{{.*}} cache keep :
    tile.load %x[%y, %z, %n] to %r cache keep : memref<2x?x64xf32>, !tile.ring<64x64xf32, stages = 2>
    // CHECK: tile.load {{.*}} to %{{.*}} cache evict :
    tile.load %x[%y, %z, %n] to %r cache evict : memref<2x?x64xf32>, !tile.ring<64x64xf32, stages = 2>
  }
  tile.consumers %warpgroup in 2 registers 240 {
    // CHECK: tile.row_slice %{{.*}}[%{{.*}}] : !tile.smem<64x64xf32> -> !tile.smem<8x64xf32>
    %rows = tile.row_slice %a[%n] : !tile.smem<64x64xf32> -> !tile.smem<8x64xf32>
    // CHECK: tile.clear_rows %{{.*}} from %{{.*}} : !tile.smem<64x64xbf16>
    tile.clear_rows %h from %n : !tile.smem<64x64xbf16>
    // CHECK: tile.clear_rows %{{.*}} from %{{.*}} if %{{.*}} : !tile.smem<64x64xbf16>
    tile.clear_rows %h from %n if %some : !tile.smem<64x64xbf16>
    // CHECK: tile.skip %{{.*}} of %{{.*}}, %{{.*}} : !tile.ring<64x64xf32, stages = 2>, !tile.ring<64x64xf32, stages = 2>
    tile.skip %n of %r, %r : !tile.ring<64x64xf32, stages = 2>, !tile.ring<64x64xf32, stages = 2>
    %cos = tile.fill %s : f32 -> !tile.frag<64x32xf32>
    // CHECK: tile.rotate %{{.*}} by %[[COS:.*]], %[[COS]] : !tile.smem<64x64xbf16>, !tile.frag<64x32xf32>
    tile.rotate %h by %cos, %cos : !tile.smem<64x64xbf16>, !tile.frag<64x32xf32>
    // CHECK: tile.rotate interleaved %{{.*}} by
    tile.rotate interleaved %h by %cos, %cos : !tile.smem<64x64xbf16>, !tile.frag<64x32xf32>
    // CHECK: tile.barrier{{$}}
    tile.barrier
    // CHECK: tile.barrier consumers
    tile.barrier consumers
    // CHECK: tile.turn_wait
    tile.turn_wait
    // CHECK: tile.turn_pass
    tile.turn_pass
  }
}

// CHECK-LABEL: tile.kernel @multiplication
tile.kernel @multiplication(%n: index) {
  %q = tile.alloc : !tile.smem<64x32xbf16>
  %k = tile.alloc : !tile.smem<48x32xbf16>
  %v = tile.alloc : !tile.smem<32x48xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // CHECK: tile.mma %{{.*}}, %{{.*}} : !tile.smem<64x32xbf16>, !tile.smem<32x48xbf16> -> !tile.pending<64x48xf32>
    %0 = tile.mma %q, %v : !tile.smem<64x32xbf16>, !tile.smem<32x48xbf16> -> !tile.pending<64x48xf32>
    // CHECK: tile.mma %{{.*}}, %{{.*}} transpose_b acc %{{.*}} : !tile.smem<64x32xbf16>, !tile.smem<48x32xbf16>, !tile.pending<64x48xf32> -> !tile.pending<64x48xf32>
    %1 = tile.mma %q, %k transpose_b acc %0 : !tile.smem<64x32xbf16>, !tile.smem<48x32xbf16>, !tile.pending<64x48xf32> -> !tile.pending<64x48xf32>
    // CHECK: tile.await %{{.*}} : !tile.pending<64x48xf32>
    %2 = tile.await %1 : !tile.pending<64x48xf32>
    // CHECK: tile.load_fragment %{{.*}} : !tile.smem<64x32xbf16> -> !tile.frag<64x32xbf16, a>
    %3 = tile.load_fragment %q : !tile.smem<64x32xbf16> -> !tile.frag<64x32xbf16, a>
    // CHECK: tile.load_fragment transpose %{{.*}} : !tile.smem<32x48xbf16> -> !tile.frag<64x32xbf16, a>
    %4 = tile.load_fragment transpose %v : !tile.smem<32x48xbf16> -> !tile.frag<64x32xbf16, a>
    // CHECK: tile.mma %{{.*}}, %{{.*}} acc %{{.*}} : !tile.frag<64x32xbf16, a>, !tile.smem<32x48xbf16>, !tile.frag<64x48xf32> -> !tile.pending<64x48xf32>
    %5 = tile.mma %3, %v acc %2 : !tile.frag<64x32xbf16, a>, !tile.smem<32x48xbf16>, !tile.frag<64x48xf32> -> !tile.pending<64x48xf32>
    // CHECK: tile.drain keep 1
    tile.drain keep 1
    %6 = tile.row_reduce max %2 : !tile.frag<64x48xf32> -> !tile.rows<64xf32>
    // CHECK: tile.await %{{.*}} after %{{.*}} : !tile.rows<64xf32>, !tile.pending<64x48xf32>
    %7 = tile.await %5 after %6 : !tile.rows<64xf32>, !tile.pending<64x48xf32>
  }
}

// CHECK-LABEL: tile.kernel @arithmetic
tile.kernel @arithmetic(%s: f32, %n: index) {
  tile.consumers %warpgroup in 1 registers 128 {
    // CHECK: tile.fill %{{.*}} : f32 -> !tile.frag<64x16xf32>
    %f = tile.fill %s : f32 -> !tile.frag<64x16xf32>
    %few = arith.cmpi slt, %n, %n : index
    // CHECK: tile.mask %{{.*}} queries %{{.*}} keys %{{.*}} : !tile.frag<64x16xf32>
    %m0 = tile.mask %f queries %n keys %n : !tile.frag<64x16xf32>
    // CHECK: tile.mask %{{.*}} queries %{{.*}} keys %{{.*}} window 5 if %{{.*}} : !tile.frag<64x16xf32>
    %m1 = tile.mask %m0 queries %n keys %n window 5 if %few : !tile.frag<64x16xf32>
    // CHECK: tile.mask %{{.*}} keys %{{.*}} end %{{.*}} : !tile.frag<64x16xf32>
    %m2 = tile.mask %m1 keys %n end %n : !tile.frag<64x16xf32>
    // CHECK: %[[TOP:.*]] = tile.row_reduce max %{{.*}} : !tile.frag<64x16xf32> -> !tile.rows<64xf32>
    %top0 = tile.row_reduce max %m2 : !tile.frag<64x16xf32> -> !tile.rows<64xf32>
    // CHECK: tile.row_reduce max %{{.*}} onto %[[TOP]] : !tile.frag<64x16xf32> -> !tile.rows<64xf32>
    %top1 = tile.row_reduce max %m2 onto %top0 : !tile.frag<64x16xf32> -> !tile.rows<64xf32>
    // CHECK: tile.exp2 %{{.*}} minus %{{.*}} times %{{.*}} : !tile.frag<64x16xf32>, !tile.rows<64xf32>
    %w0 = tile.exp2 %m2 minus %top1 times %s : !tile.frag<64x16xf32>, !tile.rows<64xf32>
    // CHECK: tile.exp2 %{{.*}} minus %{{.*}} times %{{.*}} : !tile.rows<64xf32>, !tile.rows<64xf32>
    %w1 = tile.exp2 %top0 minus %top1 times %s : !tile.rows<64xf32>, !tile.rows<64xf32>
    // A body of one operation goes without arguments.
    // CHECK: tile.map arith.mulf (%{{.*}}, %{{.*}}) : (!tile.frag<64x16xf32>, !tile.rows<64xf32>) -> !tile.frag<64x16xf32>{{$}}
    %short0 = tile.map arith.mulf (%w0, %w1) : (!tile.frag<64x16xf32>, !tile.rows<64xf32>) -> !tile.frag<64x16xf32>
    // CHECK: tile.map arith.divf {fastmath = #arith.fastmath<afn>} (%{{.*}}, %{{.*}}) : ({{.*}}) -> !tile.frag<64x16xf32>{{$}}
    %short1 = tile.map (%x = %short0, %y = %w1) : (!tile.frag<64x16xf32>, !tile.rows<64xf32>) -> !tile.frag<64x16xf32> {
      %e = arith.divf %x, %y fastmath<afn> : f32
      tile.yield %e : f32
    }
    // Not so where the order is another one.
    // CHECK: tile.map (%[[X:.*]] = %{{.*}}, %[[Y:.*]] = %{{.*}}) : ({{.*}}) -> !tile.frag<64x16xf32> {
    // CHECK-NEXT: arith.subf %[[Y]], %[[X]] : f32
    %long = tile.map (%x = %short1, %y = %w1) : (!tile.frag<64x16xf32>, !tile.rows<64xf32>) -> !tile.frag<64x16xf32> {
      %e = arith.subf %y, %x : f32
      tile.yield %e : f32
    }
    // CHECK: tile.fill %{{.*}} : f32 -> !tile.cols<16xf32>
    %c = tile.fill %s : f32 -> !tile.cols<16xf32>
    // CHECK: tile.row_reduce max %{{.*}} : !tile.frag<64x16xf32> -> !tile.rows<64xf32>
    %r = tile.row_reduce max %f : !tile.frag<64x16xf32> -> !tile.rows<64xf32>
    // CHECK: tile.row_reduce sum %{{.*}} : !tile.frag<64x16xf32> -> !tile.rows<64xf32, partial>
    %p = tile.row_reduce sum %f : !tile.frag<64x16xf32> -> !tile.rows<64xf32, partial>
    // CHECK: tile.complete %{{.*}} : !tile.rows<64xf32, partial>
    %t = tile.complete %p : !tile.rows<64xf32, partial>
    // CHECK: tile.cast %{{.*}} : !tile.frag<64x16xf32> -> !tile.frag<64x16xbf16, a>
    %a = tile.cast %f : !tile.frag<64x16xf32> -> !tile.frag<64x16xbf16, a>
    // CHECK: tile.scale_columns %{{.*}} by %{{.*}} : !tile.frag<64x16xbf16, a>, !tile.cols<16xf32>
    %b = tile.scale_columns %a by %c : !tile.frag<64x16xbf16, a>, !tile.cols<16xf32>
    // CHECK: tile.map (%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) [%{{.*}}, %{{.*}}] :
    // CHECK-SAME: (!tile.frag<64x16xf32>, !tile.rows<64xf32>, !tile.cols<16xf32>, !tile.frag<64x16xbf16, a>) -> !tile.frag<64x16xf32> {
    %m = tile.map (%w = %f, %x = %r, %y = %c, %z = %b) [%i, %j] : (!tile.frag<64x16xf32>, !tile.rows<64xf32>, !tile.cols<16xf32>, !tile.frag<64x16xbf16, a>) -> !tile.frag<64x16xf32> {
      %at = arith.addi %i, %j : index
      %seen = arith.cmpi slt, %at, %n : index
      %0 = arith.mulf %w, %x : f32
      %1 = arith.addf %0, %y : f32
      %2 = arith.select %seen, %1, %s : f32
      // CHECK: tile.yield %{{.*}} : f32
      tile.yield %2 : f32
    }
    // CHECK: tile.map (%{{.*}} = %{{.*}}) : (!tile.rows<64xf32, partial>) -> !tile.rows<64xf32, partial> {
    %u = tile.map (%x = %p) : (!tile.rows<64xf32, partial>) -> !tile.rows<64xf32, partial> {
      tile.yield %x : f32
    }
    // CHECK: tile.map () : () -> !tile.cols<8xf32> {
    %v = tile.map () : () -> !tile.cols<8xf32> {
      tile.yield %s : f32
    }
  }
}

// CHECK-LABEL: tile.kernel @vectors
tile.kernel @vectors(%x: memref<?x8xf32>, %n: index) {
  tile.consumers %warpgroup in 1 registers 128 {
    // CHECK: tile.read %{{.*}}[%{{.*}}, %{{.*}}] : memref<?x8xf32> -> !tile.vec<64xf32>
    %v = tile.read %x[%n, %n] : memref<?x8xf32> -> !tile.vec<64xf32>
    // CHECK: tile.prefix_sum %{{.*}} : !tile.vec<64xf32>
    %s = tile.prefix_sum %v : !tile.vec<64xf32>
    // CHECK: tile.spread %{{.*}} : !tile.vec<64xf32> -> !tile.rows<64xf32>
    %r = tile.spread %s : !tile.vec<64xf32> -> !tile.rows<64xf32>
    // CHECK: tile.spread %{{.*}} : !tile.vec<64xf32> -> !tile.cols<64xf32>
    %c = tile.spread %s : !tile.vec<64xf32> -> !tile.cols<64xf32>
    // CHECK: tile.element %{{.*}}[63] : !tile.vec<64xf32>
    %e = tile.element %s[63] : !tile.vec<64xf32>
  }
}

// CHECK-LABEL: tile.kernel @memory
tile.kernel @memory(%x: memref<2x?x16xf32>, %h: memref<?x16xf16>, %n: index) {
  %t = tile.alloc : !tile.smem<48x16xf16>
  tile.consumers %warpgroup in 1 registers 128 {
    // CHECK: tile.read %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}] : memref<2x?x16xf32> -> !tile.frag<64x16xf32>
    %f = tile.read %x[%n, %n, %n] : memref<2x?x16xf32> -> !tile.frag<64x16xf32>
    // CHECK: tile.store_fragment %{{.*}} to %{{.*}} : !tile.frag<64x16xf32>, !tile.smem<48x16xf16>
    tile.store_fragment %f to %t : !tile.frag<64x16xf32>, !tile.smem<48x16xf16>
    // CHECK: tile.write %{{.*}} to %{{.*}}[%{{.*}}, %{{.*}}] : !tile.frag<64x16xf32>, memref<?x16xf16>
    tile.write %f to %h[%n, %n] : !tile.frag<64x16xf32>, memref<?x16xf16>
  }
}

// Work that blocks draw.
// CHECK-LABEL: tile.kernel @persistent
tile.kernel @persistent(%in: memref<?x?x64xbf16>, %control: memref<?xi32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %ring = tile.ring : !tile.ring<64x64xbf16, stages = 2>
  // CHECK: %[[WORK:.*]] = tile.tickets %{{.*}} from %{{.*}} : memref<?xi32>
  %work = tile.tickets %n from %control : memref<?xi32>
  tile.producer registers 40 {
    // CHECK: tile.work_loop %[[ITEM:.*]] of %[[WORK]] {
    tile.work_loop %item of %work {
      // CHECK: tile.look_back %{{.*}} count %{{.*}} stride %{{.*}} of %[[WORK]]
      tile.look_back %c0 count %item stride %c1 of %work
      // CHECK: tile.load %{{.*}}[%[[ITEM]], %[[C0:.*]], %[[C0]]], [%[[C0]], %[[ITEM]], %[[C0]]] to
      tile.load %in[%item, %c0, %c0], [%c0, %item, %c0] to %ring : memref<?x?x64xbf16>, !tile.ring<64x64xbf16, stages = 2>
      // CHECK-NEXT: }
    }
  }
  tile.consumers %warpgroup in 1 registers 128 {
    tile.work_loop %item of %work {
      // CHECK: tile.after @copy[%{{.*}}, %{{.*}}, %{{.*}}] count %{{.*}} along y
      tile.after @copy[%c0, %item, %c1] count %n along y
      %tile = tile.consumer_wait %ring : !tile.ring<64x64xbf16, stages = 2>
      tile.consumer_release %ring : !tile.ring<64x64xbf16, stages = 2>
      // CHECK: tile.publish %{{.*}} of %[[WORK]]
      tile.publish %item of %work
    }
  }
}

// CHECK-LABEL: func.func @workspace
func.func @workspace(%n: index, %in: tensor<?x64xbf16>, %out: tensor<?x64xbf16>) -> (memref<?xi32>, tensor<?x64xbf16>) {
  // CHECK: tile.workspace %{{.*}} : memref<?xi32>
  %words = tile.workspace %n : memref<?xi32>
  // CHECK: outs(%{{.*}} : tensor<?x64xbf16>) partial -> tensor<?x64xbf16>
  %result = tile.launch @copy grid(%n, %n, %n) ins(%in : tensor<?x64xbf16>) outs(%out : tensor<?x64xbf16>) partial -> tensor<?x64xbf16>
  return %words, %result : memref<?xi32>, tensor<?x64xbf16>
}
