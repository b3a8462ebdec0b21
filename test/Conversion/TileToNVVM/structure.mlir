// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm,canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: transmamba-opt %s --pass-pipeline='builtin.module(gpu.module(convert-tile-to-nvvm{chip=sm_80},canonicalize,cse))' | FileCheck %s --check-prefixes=CHECK,SM80

// Kernels, roles, barriers, turns and scalars.

// CHECK: llvm.mlir.global external @tile_shared() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>

// A tensor is its address and its dynamic sizes; a copy needs a map, on sm_90a alone.
// SM90-LABEL: llvm.func @roles(
// SM90-SAME: %[[IN:.*]]: !llvm.ptr<1>, %[[ROWS:.*]]: i64, %{{.*}}: !llvm.ptr<1>, %{{.*}}: i64, %[[ITEMS:.*]]: i64, %[[SCALE:.*]]: f32,
// SM90-SAME: %{{.*}}: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<16 x i64>, nvvm.grid_constant})
// SM80-LABEL: llvm.func @roles(
// SM80-SAME: %[[IN:.*]]: !llvm.ptr<1>, %[[ROWS:.*]]: i64, %{{.*}}: !llvm.ptr<1>, %{{.*}}: i64, %[[ITEMS:.*]]: i64, %[[SCALE:.*]]: f32) attributes
// CHECK-SAME: nvvm.minctasm = 1 : i32, nvvm.reqntid = array<i32: 384, 1, 1>
// CHECK-SAME: tile.parameters = [{argument = 0 : i64, kind = "pointer"}, {argument = 0 : i64, dim = 0 : i64, kind = "size"},
// CHECK-SAME: {argument = 1 : i64, kind = "pointer"}, {argument = 1 : i64, dim = 0 : i64, kind = "size"},
// CHECK-SAME: {argument = 2 : i64, kind = "scalar"}, {argument = 3 : i64, kind = "scalar"}
// SM90-SAME: , {argument = 0 : i64, box = [64, 64], kind = "map", swizzle = 128 : i64}],
// SM80-SAME: ],
// CHECK-SAME: transmamba.dynamic_shared_memory = 16416 : i64
//
// A launch hands over 64 bits of an index.
// CHECK: %[[COUNT:.*]] = arith.trunci %[[ITEMS]] : i64 to i32
// SM90: nvvm.fence.mbarrier.init
// SM80-NOT: nvvm.fence.mbarrier.init
// CHECK: nvvm.barrier0
// CHECK-DAG: nvvm.read.ptx.sreg.ctaid.x
// CHECK-DAG: nvvm.read.ptx.sreg.nctaid.y
//
// One thread loads, or a warpgroup.
// CHECK: scf.if
// SM90: nvvm.setmaxregister decrease 40
// SM90: nvvm.elect.sync
// SM90: nvvm.cp.async.bulk.tensor.shared.cluster.global
// SM80-NOT: nvvm.setmaxregister
// SM80-NOT: nvvm.elect.sync
// SM80: nvvm.cp.async.shared.global
// SM80: "cp.async.wait_all;"
// CHECK: } else {
// SM90: nvvm.setmaxregister increase 232
// SM80-NOT: nvvm.setmaxregister
//
// The last warpgroup opens the turns; then turn_wait and turn_pass.
// CHECK: "{ .reg .pred p; setp.ne.b32 p, $2, 0; @p bar.arrive $0, $1; }"
// CHECK: "bar.sync $0, $1;"
// CHECK: "bar.arrive $0, $1;"
// The barrier of the warpgroup, and that of 256 threads.
// SM90: fence.proxy.async.shared::cta
// SM80-NOT: fence.proxy
// CHECK: "bar.sync $0, $1;", "r,r" %{{.*}}, %c128_i32
// SM90: fence.proxy.async.shared::cta
// SM80-NOT: fence.proxy
// CHECK: "bar.sync $0, $1;", "r,r" %c1_i32, %c256_i32
//
// CHECK: %[[DIM:.*]] = arith.trunci %[[ROWS]] : i64 to i32
// CHECK: %[[MORE:.*]] = arith.addi %[[DIM]], %[[COUNT]] : i32
// CHECK: %[[SUM:.*]] = arith.addi %[[MORE]], %{{.*}} : i32
// CHECK: %[[F:.*]] = arith.sitofp %[[SUM]] : i32 to f32
// CHECK: %[[G:.*]] = arith.mulf %[[F]], %[[SCALE]] : f32
// One thread of each warpgroup writes.
// CHECK: "{ .reg .pred p; setp.ne.b32 p, $2, 0; @p st.global.f32 [$0], $1; }", "l,f,r" %{{.*}}, %[[G]],

// CHECK-LABEL: llvm.func @alone(
// CHECK-SAME: nvvm.minctasm = 2 : i32, nvvm.reqntid = array<i32: 128, 1, 1>
// CHECK-NOT: nvvm.setmaxregister
// CHECK: llvm.load %{{.*}} : !llvm.ptr<1> -> f32
gpu.module @kernels {
  tile.kernel @roles(%in: memref<?x64xbf16>, %out: memref<?x64xf32>, %count: index, %scale: f32) {
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %x = tile.block_id x
    %y = tile.grid_dim y
    %row = arith.muli %x, %y : index
    %ring = tile.ring : !tile.ring<64x64xbf16, stages = 2>
    tile.producer registers 40 {
      tile.load %in[%row, %c0] to %ring : memref<?x64xbf16>, !tile.ring<64x64xbf16, stages = 2>
    }
    tile.consumers %warpgroup in 2 registers 232 {
      tile.turn_wait
      tile.turn_pass
      tile.barrier
      tile.barrier consumers
      %rows = memref.dim %in, %c0 : memref<?x64xbf16>
      %more = arith.addi %rows, %count : index
      %sum = arith.addi %more, %warpgroup : index
      %number = arith.index_cast %sum : index to i32
      %f = arith.sitofp %number : i32 to f32
      %g = arith.mulf %f, %scale : f32
      memref.store %g, %out[%c0, %c2] : memref<?x64xf32>
    }
  }
  tile.kernel @alone(%out: memref<4x16xf32>) attributes {occupancy = 2 : i32} {
    %c0 = arith.constant 0 : index
    tile.consumers %warpgroup in 1 registers 128 {
      %x = memref.load %out[%c0, %c0] : memref<4x16xf32>
      memref.store %x, %out[%c0, %c0] : memref<4x16xf32>
    }
  }
}
