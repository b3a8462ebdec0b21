// Short forms are what they stand for before anything is lowered, and loops are cut where a condition on their index changes.
// RUN: transmamba-opt %s --convert-tile-to-linalg --canonicalize --cse | FileCheck %s

// The first tiles up to %edge are masked, and those from %old on: three loops, none with a condition in it.
// CHECK-LABEL: func.func @cut(
// CHECK-SAME:      %{{[^:]*}}: memref<?x16xf32>, %[[EDGE:[^:]*]]: index, %[[OLD:[^:]*]]: index, %[[N:[^:]*]]: index
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK:         %[[LOW:.*]] = arith.maxsi %[[EDGE]], %[[C0]]
// CHECK:         %[[FIRST:.*]] = arith.minsi %[[LOW]], %[[N]]
// CHECK:         scf.for %{{.*}} = %[[C0]] to %[[FIRST]] step %[[C1]]
// CHECK:           arith.select
// CHECK:         %[[MORE:.*]] = arith.maxsi %[[OLD]], %[[FIRST]]
// CHECK:         %[[SECOND:.*]] = arith.minsi %[[MORE]], %[[N]]
// CHECK:         scf.for %{{.*}} = %[[FIRST]] to %[[SECOND]] step %[[C1]]
// CHECK-NOT:       arith.select
// CHECK:         scf.for %{{.*}} = %[[SECOND]] to %[[N]] step %[[C1]]
// CHECK:           arith.select
// CHECK:         return
tile.kernel @cut(%out: memref<?x16xf32>, %edge: index, %old: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1.0 : f32
  tile.consumers %warpgroup in 1 registers 128 {
    %x = tile.fill %one : f32 -> !tile.frag<64x16xf32>
    %y = scf.for %i = %c0 to %n step %c1 iter_args(%z = %x) -> (!tile.frag<64x16xf32>) {
      %at_edge = arith.cmpi slt, %i, %edge : index
      %is_old = arith.cmpi sge, %i, %old : index
      %some = arith.ori %at_edge, %is_old : i1
      %m = tile.mask %z keys %i end %n if %some : !tile.frag<64x16xf32>
      %s = tile.map arith.addf (%m, %x) : (!tile.frag<64x16xf32>, !tile.frag<64x16xf32>) -> !tile.frag<64x16xf32>
      scf.yield %s : !tile.frag<64x16xf32>
    }
    tile.write %y to %out[%c0, %c0] : !tile.frag<64x16xf32>, memref<?x16xf32>
  }
}

// A condition that is no comparison of the index stays one.
// CHECK-LABEL: func.func @kept(
// CHECK:         scf.for
// CHECK:           scf.if
// CHECK:             scf.for
// CHECK:         return
tile.kernel @kept(%out: memref<?x16xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %t = tile.alloc : !tile.smem<64x16xbf16>
  tile.consumers %warpgroup in 1 registers 128 {
    scf.for %i = %c0 to %n step %c1 {
      %rest = arith.remui %i, %c2 : index
      %odd = arith.cmpi slt, %c0, %rest : index
      tile.clear_rows %t from %i if %odd : !tile.smem<64x16xbf16>
    }
  }
}
